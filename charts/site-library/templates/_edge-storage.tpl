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

{{/* edge.storage.size in bytes: also for an existing claim, so that a volume is never taken for larger than it is said to be */}}
{{- define "site.edge.storageBytes" -}}
{{- $size := .values.edge.storage.size -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $size -}}
{{- $unit := trimPrefix $number $size -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 -}}
{{- if or (not $number) (not (hasKey $units $unit)) -}}
{{- fail (printf "%s: edge.storage.size %q is not a size. Write for example\n\n  edge:\n    storage:\n      size: 10Gi" .name $size) -}}
{{- end -}}
{{- mulf (float64 $number) (get $units $unit) | int64 -}}
{{- end -}}
