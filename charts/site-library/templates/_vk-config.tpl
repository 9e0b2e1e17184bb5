{{- define "site.vk.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "site.metadata" (dict "site" . "component" "virtual-kubelet" "name" (printf "%s-vk" .name)) | nindent 2 }}
data:
  {{- include "site.vk.settings" . | nindent 2 }}
{{- end -}}

{{- define "site.vk.settings" -}}
virtual-kubelet.yaml: |
  todo: true
{{- end -}}
