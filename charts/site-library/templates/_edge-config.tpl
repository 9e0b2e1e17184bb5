{{- define "site.edge.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "site.metadata" (dict "site" . "component" "edge" "name" (printf "%s-edge" .name)) | nindent 2 }}
data:
  {{- include "site.edge.settings" . | nindent 2 }}
{{- end -}}

{{/* The files of the edge's pod. */}}
{{- define "site.edge.settings" -}}
interlink.yaml: |
  InterlinkAddress: https://0.0.0.0
  InterlinkPort: 8443
  SidecarURL: unix:///run/highrate/sockets/sidecar.sock
  TLS:
    Enabled: true
    CertFile: /etc/highrate/edge-tls/tls.crt
    KeyFile: /etc/highrate/edge-tls/tls.key
    CACertFile: /etc/highrate/edge-tls/ca.crt
  MetricsAddress: 0.0.0.0:9102
condor-sidecar.yaml: |
  {{- include "site.edge.sidecarSettings" . | fromYaml | merge (deepCopy .values.condor.settings) | toYaml | nindent 2 }}
{{- if include "site.channel.enabled" . }}
{{- with .values.channel.authorities.certificates }}
job-authorities.crt: |
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end }}
{{ include "site.token.settings" . }}
{{- end -}}

{{/*
What the chart itself decides. The schema lets condor.settings add to it and, where the two have a key in common (how much of the
volume the journal and the logs take), win over it.
*/}}
{{- define "site.edge.sidecarSettings" -}}
# the name under which this sidecar finds its jobs again in the schedd's queue
instance: {{ .values.condor.instance | default .values.nodeName | quote }}
node: {{ .values.nodeName | quote }}
listen: unix:///run/highrate/sockets/sidecar.sock
data: /var/lib/highrate/condor-sidecar
metrics: 0.0.0.0:9103
endpoint:
  mode: {{ .values.condor.mode }}
  collector: {{ .values.condor.collector | quote }}
  {{- with .values.condor.schedd }}
  schedd: {{ . | quote }}
  {{- end }}
  auth:
    methods: [SCITOKENS]
    token_file: {{ include "site.token.file" . }}
    {{- with include "site.ca.file" . }}
    ca_file: {{ . }}
    {{- end }}
  {{- $room := include "site.edge.storageBytes" . | int64 }}
  limits:
    # SQLite's write-ahead log may take as much again
    journal_bytes: {{ min 2147483648 (div $room 8) }}
output:
  # the rest is for what HTCondor brings back, until its logs are taken out
  max_bytes: {{ div $room 2 }}
{{- if include "site.channel.enabled" . }}
channel:
  {{- include "site.channel.settings" . | nindent 2 }}
{{- end }}
# told at every ping, and shown on the node
resources:
  cpu: {{ include "site.quantity" .values.node.resources.cpu | quote }}
  memory: {{ include "site.quantity" .values.node.resources.memory | quote }}
  pods: {{ int64 .values.node.resources.pods | quote }}
  accelerators:
    {{- range $name, $count := .values.node.resources.extended }}
    {{ $name | quote }}: {{ int64 $count | quote }}
    {{- else }} {}
    {{- end }}
{{- end -}}
