{{/*
The token refresher, beside the one service that shows the token. An ordinary container, no native sidecar: neither needs
the other to start, a provider that is away must not keep the service from running, and kubectl shows which one is ill.
*/}}

{{- define "site.token.file" -}}/run/highrate/token/access-token{{- end -}}

{{- define "site.token.container" -}}
- name: token-refresher
  {{- include "site.containerBasics" . | nindent 2 }}
  args: [token-refresher, --config, /etc/highrate/config/token-refresher.yaml, --log-level, {{ .values.logLevel }}]
  ports:
    - { name: metrics-token, containerPort: 9105 }
  {{- include "site.probes" "metrics-token" | nindent 2 }}
  resources:
    {{- toYaml .values.resources.tokenRefresher | nindent 4 }}
  volumeMounts:
    - { name: config, mountPath: /etc/highrate/config, readOnly: true }
    - { name: token-client, mountPath: /run/highrate/client, readOnly: true }
    - { name: token, mountPath: /run/highrate/token }
    {{- include "site.ca.mount" . | nindent 4 }}
{{- end -}}

{{/* Tokens live in memory only; the client's secret is seen by the refresher alone. */}}
{{- define "site.token.volumes" -}}
- name: token
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
- name: token-client
  secret:
    secretName: {{ .values.token.existingSecret | quote }}
    defaultMode: 0440
{{- end -}}

{{- define "site.token.settings" -}}
token-refresher.yaml: |
  todo: true
{{- end -}}
