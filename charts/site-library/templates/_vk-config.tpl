{{- define "site.vk.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "site.metadata" (dict "site" . "component" "virtual-kubelet" "name" (printf "%s-vk" .name)) | nindent 2 }}
data:
  {{- include "site.vk.settings" . | nindent 2 }}
{{- end -}}

{{/* The files of the virtual kubelet's pod; keys as in docs/configuration/virtual-kubelet.md. */}}
{{- define "site.vk.settings" -}}
{{- $cluster := eq .values.edge.mode "cluster" -}}
virtual-kubelet.yaml: |
  {{- if $cluster }}
  InterlinkURL: {{ printf "https://%s:8443" (include "site.edge.host" .) | quote }}
  TLS:
    Enabled: true
    CACertFile: /etc/highrate/edge-tls/ca.crt
    CertFile: /etc/highrate/edge-tls/tls.crt
    KeyFile: /etc/highrate/edge-tls/tls.key
  {{- else }}
  InterlinkURL: {{ .values.edge.url | quote }}
  VKTokenFile: {{ include "site.token.file" . }}
  {{- with include "site.ca.file" . }}
  HTTP:
    CaCert: {{ . }}
  {{- end }}
  {{- end }}
  {{- with .values.node }}
  Resources:
    CPU: {{ include "site.quantity" .resources.cpu | quote }}
    Memory: {{ include "site.quantity" .resources.memory | quote }}
    Pods: {{ int64 .resources.pods }}
    EphemeralStorage: {{ include "site.quantity" .resources.ephemeralStorage | quote }}
    Accelerators:
      {{- range $name, $count := .resources.extended }}
      - { ResourceType: {{ $name | quote }}, Available: {{ int64 $count }} }
      {{- else }} []
      {{- end }}
  NodeLabels:
    {{- range $name, $value := .labels }}
    - {{ printf "%s=%s" $name $value | quote }}
    {{- else }} []
    {{- end }}
  NodeTaints:
    {{- range .taints }}
    - { Key: {{ .key | quote }}, Value: {{ .value | default "" | quote }}, Effect: {{ .effect }} }
    {{- else }} []
    {{- end }}
  NoScheduleTaint: {{ .noScheduleTaint }}
  NotReadyAfter: {{ int64 .notReadyAfter }}
  ServiceLinks: {{ .serviceLinks }}
  DeliverApiToken: {{ .apiToken }}
  {{- with .kubernetesApi }}
  {{- if .address }}
  KubernetesApiAddr: {{ .address | quote }}
  KubernetesApiPort: {{ int64 .port | quote }}
  {{- end }}
  {{- with .certificates }}
  KubernetesApiCaCrt: {{ . | quote }}
  {{- end }}
  {{- end }}
  StatusPoll: { Min: {{ .statusPoll.min }}, Max: {{ .statusPoll.max }} }
  RefreshInterval: {{ int64 .refreshInterval }}
  {{- end }}
  {{- if not .values.allNamespaces }}
  Namespaces: {{ .values.namespaces | default (list .root.Release.Namespace) | toJson }}
  {{- end }}
  KubeletPort: {{ .values.kubelet.port }}
  LogStreams: {{ int64 .values.kubelet.logStreams }}
  {{- if .values.kubelet.existingTlsSecret }}
  KubeletCertFile: /etc/highrate/kubelet-tls/tls.crt
  KubeletKeyFile: /etc/highrate/kubelet-tls/tls.key
  {{- end }}
  {{- if .values.kubelet.clientCa }}
  KubeletClientCA: /etc/highrate/config/kubelet-client-ca.crt
  {{- end }}
  MetricsAddress: 0.0.0.0:9101
{{- with .values.kubelet.clientCa }}
kubelet-client-ca.crt: |
  {{- . | trim | nindent 2 }}
{{- end }}
{{- if not $cluster }}
{{ include "site.token.settings" . }}
{{- end }}
{{- end -}}

{{/* Helm reads numbers as floating point, and prints large ones with an exponent. */}}
{{- define "site.quantity" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}
