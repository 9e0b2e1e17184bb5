{{- define "site.edge.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "site.metadata" (dict "site" . "component" "edge" "name" (printf "%s-edge" .name)) | nindent 2 }}
data:
  {{- include "site.edge.settings" . | nindent 2 }}
{{- end -}}

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
{{- end -}}
