{{/* Name of the Secret with the certificate that the proxy itself shows; empty if it shows none. */}}
{{- define "standin.proxy.certificate" -}}
{{- $https := .Values.proxy.https -}}
{{- if $https.enabled -}}
{{- if eq $https.type "secret" }}{{ $https.secret.name }}
{{- else if eq $https.type "manual" }}{{ include "jupyterhub.proxy-public-manual-tls.fullname" . }}{{ end -}}
{{- end -}}
{{- end -}}
