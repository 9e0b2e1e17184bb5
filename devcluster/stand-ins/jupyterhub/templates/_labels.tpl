{{/*
Labels as Zero to JupyterHub 4 gives them: each of the older ones beside its app.kubernetes.io successor. All take a dict
of root (the chart's scope) and component.
*/}}

{{- define "standin.appName" -}}
{{ .root.Values.nameOverride | default .root.Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The immutable ones, that workloads, services and policies select by. */}}
{{- define "standin.selector" -}}
app: {{ include "standin.appName" . | quote }}
component: {{ .component | quote }}
release: {{ .root.Release.Name | quote }}
{{- end -}}

{{- define "standin.podLabels" -}}
{{ include "standin.selector" . }}
app.kubernetes.io/component: {{ .component | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/name: {{ include "standin.appName" . | quote }}
{{- end -}}

{{- define "standin.labels" -}}
{{- $chart := printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") -}}
{{ include "standin.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
chart: {{ $chart | quote }}
helm.sh/chart: {{ $chart | quote }}
heritage: {{ .root.Release.Service | quote }}
{{- end -}}

{{- define "standin.peers" -}}
- podSelector:
    matchLabels:
      {{- include "standin.selector" . | nindent 6 }}
{{- end -}}

{{/* Peers by a label of hub.jupyter.org; takes label and across, which is interNamespaceAccessLabels. */}}
{{- define "standin.labelledPeers" -}}
- podSelector:
    matchLabels: { {{ .label }}: "true" }
  {{- if eq .across "accept" }}
  namespaceSelector: { matchLabels: {} }
- namespaceSelector:
    matchLabels: { {{ .label }}: "true" }
  {{- end }}
{{- end -}}
