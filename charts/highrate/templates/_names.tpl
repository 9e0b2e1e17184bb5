{{/*
Names and labels. The platform's own objects are made with the templates of the site library: what those call a site, a dict
of root, values and name, is here the platform itself, whose values have the same keys for image, pods and metrics.

JupyterHub's names are asked of its chart in that chart's own scope: asked in ours, it would take our name for its own where
fullnameOverride is null. The platform's names begin as JupyterHub's do, so that the hub finds them.
*/}}
{{- define "highrate.prefix" -}}
{{ include "jupyterhub.fullname.dash" .Subcharts.jupyterhub }}
{{- end -}}

{{- define "highrate.hub.name" -}}
{{ include "jupyterhub.hub.fullname" .Subcharts.jupyterhub }}
{{- end -}}

{{- define "highrate.tokens.name" -}}
{{ include "highrate.prefix" . }}tokens
{{- end -}}

{{- define "highrate.tokens.host" -}}
{{ include "highrate.tokens.name" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "highrate.tokens.tlsName" -}}
{{ .Values.tokens.existingTlsSecret | default (printf "%s-tls" (include "highrate.tokens.name" .)) }}
{{- end -}}

{{/* The labels that Zero to JupyterHub selects its own and its users' pods by; takes root and component. */}}
{{- define "highrate.jupyterhub.selector" -}}
app: {{ .root.Values.jupyterhub.nameOverride | default "jupyterhub" | quote }}
component: {{ .component }}
release: {{ .root.Release.Name | quote }}
{{- end -}}

{{/* The client of the OpenID provider, as the hub is told. */}}
{{- define "highrate.iam" -}}
{{ dig "IAMAuthenticator" dict .Values.jupyterhub.hub.config | toJson }}
{{- end -}}
