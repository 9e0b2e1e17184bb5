{{/* The file of the token service. */}}
{{- define "highrate.tokens.settings" -}}
{{- $iam := include "highrate.iam" . | fromJson -}}
token-service.yaml: |
  listen: 0.0.0.0:8443
  tls:
    cert: /etc/highrate/tls/tls.crt
    key: /etc/highrate/tls/tls.key
  metrics: 0.0.0.0:9106
  hub:
    url: {{ printf "http://%s:8081%s/hub/api" (include "highrate.hub.name" .) (.Values.jupyterhub.hub.baseUrl | trimSuffix "/") }}
    token_file: /run/highrate/hub/token
  issuer:
    url: {{ $iam.issuer | quote }}
    client_id: {{ $iam.client_id | quote }}
    client_secret_file: /run/highrate/client/client-secret
    {{- if eq (toString $iam.basic_auth) "false" }}
    client_authentication: post
    {{- end }}
    {{- if include "highrate.ca.name" . }}
    ca_file: /etc/highrate/ca/ca.crt
    {{- end }}
  default_profile: {{ toJson .Values.tokens.defaultProfile }}
  profiles:
    {{- range $name, $profile := .Values.tokens.profiles }}
    {{ toJson $name }}: {{ toJson $profile }}
    {{- end }}
  {{- /* as JSON: Helm writes large numbers as 2e+06 */}}
  {{- with .Values.tokens.limits }}
  limits:
    calls: {{ toJson .calls }}
    per_minute: {{ toJson .perMinute }}
    burst: {{ toJson .burst }}
    address_per_minute: {{ toJson .addressPerMinute }}
    address_burst: {{ toJson .addressBurst }}
  {{- end }}
{{- end -}}
