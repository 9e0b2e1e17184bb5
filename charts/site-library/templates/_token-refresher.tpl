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
    {{- if eq .values.token.grant "refresh_token" }}
    - { name: exchanged, mountPath: /run/highrate/exchanged }
    {{- end }}
    {{- include "site.ca.mount" . | nindent 4 }}
{{- end -}}

{{/* Tokens live in memory only; the client's secret and refresh tokens are seen by the refresher alone. */}}
{{- define "site.token.volumes" -}}
- name: token
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- if eq .values.token.grant "refresh_token" }}
- name: exchanged
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
- name: token-client
  secret:
    secretName: {{ .values.token.existingSecret | quote }}
    defaultMode: 0440
{{- end -}}

{{/* Its file; keys as in docs/configuration/token-refresher.md. */}}
{{- define "site.token.settings" -}}
{{- $token := .values.token -}}
token-refresher.yaml: |
  tokens:
    - name: {{ .values.edge.mode | eq "remote" | ternary "edge" "condor" }}
      file: {{ include "site.token.file" . }}
      grant: {{ $token.grant }}
      {{- with $token.issuer }}
      issuer: {{ . | quote }}
      {{- end }}
      {{- with $token.tokenUrl }}
      token_endpoint: {{ . | quote }}
      {{- end }}
      {{- with include "site.ca.file" . }}
      ca_file: {{ . }}
      {{- end }}
      client_id: {{ $token.clientId | quote }}
      {{- if ne $token.clientAuthentication "none" }}
      client_authentication: {{ $token.clientAuthentication }}
      client_secret_file: /run/highrate/client/client-secret
      {{- end }}
      {{- if eq $token.grant "refresh_token" }}
      refresh_token_file: /run/highrate/client/refresh-token
      refresh_token_store: /run/highrate/exchanged/refresh-token
      {{- end }}
      audience: {{ $token.audience | quote }}
      audience_parameter: {{ $token.audienceParameter }}
      scope: {{ $token.scope | quote }}
  metrics: 0.0.0.0:9105
{{- end -}}
