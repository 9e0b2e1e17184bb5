{{/*
Names as Zero to JupyterHub gives them. Its documentation of fullnameOverride: empty means no prefix, null means a prefix
made of release and chart, any other text is the prefix. The names of the templates are part of its interface: a chart
that depends on it may include them, in this chart's scope (`.Subcharts.jupyterhub`).
*/}}

{{- define "jupyterhub.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if kindIs "string" .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name }}
{{- end -}}
{{- end -}}

{{- define "jupyterhub.fullname.dash" -}}
{{- with include "jupyterhub.fullname" . }}{{ . }}-{{ end -}}
{{- end -}}

{{- define "jupyterhub.hub.fullname" }}{{ include "jupyterhub.fullname.dash" . }}hub{{ end -}}
{{- define "jupyterhub.hub-pvc.fullname" }}{{ include "jupyterhub.hub.fullname" . }}-db-dir{{ end -}}
{{- define "jupyterhub.proxy.fullname" }}{{ include "jupyterhub.fullname.dash" . }}proxy{{ end -}}
{{- define "jupyterhub.proxy-api.fullname" }}{{ include "jupyterhub.proxy.fullname" . }}-api{{ end -}}
{{- define "jupyterhub.proxy-public.fullname" }}{{ include "jupyterhub.proxy.fullname" . }}-public{{ end -}}
{{- define "jupyterhub.proxy-public-manual-tls.fullname" }}{{ include "jupyterhub.proxy-public.fullname" . }}-manual-tls{{ end -}}
{{- define "jupyterhub.singleuser.fullname" }}{{ include "jupyterhub.fullname.dash" . }}singleuser{{ end -}}
{{- define "jupyterhub.ingress.fullname" }}{{ include "jupyterhub.fullname" . | default "jupyterhub" }}{{ end -}}

{{- define "jupyterhub.hub-serviceaccount.fullname" -}}
{{- $account := .Values.hub.serviceAccount -}}
{{ $account.name | default ($account.create | ternary (include "jupyterhub.hub.fullname" .) "default") }}
{{- end -}}

{{- define "jupyterhub.hub-existing-secret.fullname" -}}
{{ .Values.hub.existingSecret | default "" }}
{{- end -}}

{{/* What the hub's process reads by z2jh.get_name. */}}
{{- define "standin.nameTable" -}}
fullname: {{ include "jupyterhub.fullname" . | quote }}
fullname-dash: {{ include "jupyterhub.fullname.dash" . | quote }}
{{- range $name := list "hub" "hub-pvc" "hub-serviceaccount" "hub-existing-secret" "proxy" "proxy-api" "proxy-public"
    "proxy-public-manual-tls" "singleuser" "ingress" }}
{{ $name }}: {{ include (printf "jupyterhub.%s.fullname" $name) $ | quote }}
{{- end }}
{{- end -}}
