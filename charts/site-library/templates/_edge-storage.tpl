{{- define "site.edge.claimName" -}}
{{ .values.edge.storage.existingClaim | default (printf "%s-edge" .name) }}
{{- end -}}

{{/* Not a claim template of the StatefulSet: those can't be changed, and a volume must be able to grow. */}}
{{- define "site.edge.claim" -}}
{{- with .values.edge.storage }}
{{- if not .existingClaim }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "site.metadata" (dict "site" $ "component" "edge" "name" (include "site.edge.claimName" $)) | nindent 2 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .className }}
  storageClassName: {{ . | quote }}
  {{- end }}
  resources:
    requests:
      storage: {{ .size | quote }}
{{- end }}
{{- end }}
{{- end -}}
