{{/* Authorities to trust, as a ConfigMap that hub, token service and sites mount. */}}
{{- define "highrate.ca.name" -}}
{{- if .Values.caBundle.existingConfigMap -}}
{{ .Values.caBundle.existingConfigMap }}
{{- else if .Values.caBundle.certificates -}}
highrate-ca
{{- end -}}
{{- end -}}

{{/* The platform as what the site library calls a site, with the name of its ConfigMap already decided. */}}
{{- define "highrate.ca.values" -}}
caBundle:
  certificates: ""
  existingConfigMap: {{ include "highrate.ca.name" . | quote }}
{{- end -}}
