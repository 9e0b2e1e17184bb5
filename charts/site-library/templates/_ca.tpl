{{/* Authorities to trust besides those of the operating system: a ConfigMap, its volume, its mount, its path. */}}

{{- define "site.ca.name" -}}
{{- $ca := .values.caBundle -}}
{{- if $ca.existingConfigMap -}}
{{ $ca.existingConfigMap }}
{{- else if $ca.certificates -}}
{{ .name }}-ca
{{- end -}}
{{- end -}}

{{- define "site.ca.file" -}}
{{- if include "site.ca.name" . -}}/etc/highrate/ca/ca.crt{{- end -}}
{{- end -}}

{{- define "site.ca.configMap" -}}
{{- with .values.caBundle.certificates }}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "site.metadata" (dict "site" $ "component" "ca" "name" (include "site.ca.name" $)) | nindent 2 }}
data:
  ca.crt: |
    {{- . | trim | nindent 4 }}
{{- end }}
{{- end -}}

{{- define "site.ca.volume" -}}
{{- with include "site.ca.name" . -}}
- name: ca
  configMap:
    name: {{ . | quote }}
    items:
      - { key: ca.crt, path: ca.crt }
{{- end -}}
{{- end -}}

{{- define "site.ca.mount" -}}
{{- if include "site.ca.name" . -}}
- { name: ca, mountPath: /etc/highrate/ca, readOnly: true }
{{- end -}}
{{- end -}}
