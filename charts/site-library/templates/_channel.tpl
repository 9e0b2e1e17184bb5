{{/*
The job channel of a sidecar in the cluster: jobs dial it from outside, so that it has a port, a Service and, if wanted, an
Ingress of its own; nothing else of the edge is shown there. Who may speak is said by tickets, which the sidecar checks.
*/}}

{{/* Not empty where jobs can dial in: `if include "site.channel.enabled" .` */}}
{{- define "site.channel.enabled" -}}
{{- if and .values.channel.enabled (eq .values.edge.mode "cluster") }}true{{ end -}}
{{- end -}}

{{- define "site.channel.port" -}}8444{{- end -}}

{{- define "site.channel.scheme" -}}
{{ if .values.channel.existingTlsSecret }}https{{ else }}http{{ end }}
{{- end -}}

{{/* The file of the authorities that go into jobs; texts of the values stand in the edge's ConfigMap, so that a change replaces the pod. */}}
{{- define "site.channel.authorities" -}}
{{- $authorities := .values.channel.authorities -}}
{{- if $authorities.certificates -}}
/etc/highrate/config/job-authorities.crt
{{- else if or $authorities.existingConfigMap $authorities.existingSecret -}}
/etc/highrate/job-authorities/ca.crt
{{- end -}}
{{- end -}}

{{/* The section `channel` of the sidecar's file. */}}
{{- define "site.channel.settings" -}}
url: {{ .values.channel.url | quote }}
listen: {{ printf "%s://0.0.0.0:%s" (include "site.channel.scheme" .) (include "site.channel.port" .) }}
{{- if .values.channel.existingTlsSecret }}
tls:
  cert: /etc/highrate/channel-tls/tls.crt
  key: /etc/highrate/channel-tls/tls.key
{{- end }}
{{- with include "site.channel.authorities" . }}
authorities: {{ . }}
{{- end }}
{{- if .values.channel.existingSecret }}
secret_file: /etc/highrate/channel-secret/channel.secret
{{- end }}
{{- end -}}

{{- define "site.channel.mounts" -}}
{{- if include "site.channel.enabled" . }}
{{- $channel := .values.channel }}
{{- if $channel.existingTlsSecret }}
- { name: channel-tls, mountPath: /etc/highrate/channel-tls, readOnly: true }
{{- end }}
{{- if or $channel.authorities.existingConfigMap $channel.authorities.existingSecret }}
- { name: job-authorities, mountPath: /etc/highrate/job-authorities, readOnly: true }
{{- end }}
{{- if $channel.existingSecret }}
- { name: channel-secret, mountPath: /etc/highrate/channel-secret, readOnly: true }
{{- end }}
{{- end }}
{{- end -}}

{{- define "site.channel.volumes" -}}
{{- if include "site.channel.enabled" . }}
{{- $channel := .values.channel }}
{{- with $channel.existingTlsSecret }}
- name: channel-tls
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
{{- end }}
{{- with $channel.authorities.existingConfigMap }}
- name: job-authorities
  configMap:
    name: {{ . | quote }}
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- with $channel.authorities.existingSecret }}
- name: job-authorities
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - { key: ca.crt, path: ca.crt }
{{- end }}
{{- with $channel.existingSecret }}
- name: channel-secret
  secret:
    secretName: {{ . | quote }}
    # The sidecar refuses a secret that others can read.
    defaultMode: 0440
    items:
      - { key: channel.secret, path: channel.secret }
{{- end }}
{{- end }}
{{- end -}}
