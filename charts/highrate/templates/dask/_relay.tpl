{{/* The file of one member of the relay; takes root and its address. */}}
{{- define "highrate.relay.settings" -}}
{{- $relay := .root.Values.dask.relay -}}
listen: 0.0.0.0:8443
{{- if $relay.existingTlsSecret }}
tls:
  cert: /etc/highrate/tls/tls.crt
  key: /etc/highrate/tls/tls.key
{{- end }}
metrics: 0.0.0.0:9107
url: {{ .url | quote }}
keys_file: /etc/highrate/tickets/tickets.pem
trusted_proxies: {{ toJson $relay.trustedProxies }}
limits: {{ include "highrate.snake" $relay.limits }}
{{- end -}}
