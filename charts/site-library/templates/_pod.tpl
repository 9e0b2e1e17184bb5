{{/* What all pods and containers of a site have in common. */}}

{{- define "site.image" -}}
{{- $image := .values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .root.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* The restricted Pod Security standard, and nothing that a container could write but what is mounted for it. */}}
{{- define "site.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10000
runAsGroup: 10000
fsGroup: 10000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "site.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Image, security and the pods' common keys of one container; takes the site. */}}
{{- define "site.containerBasics" -}}
image: {{ include "site.image" . | quote }}
imagePullPolicy: {{ .values.image.pullPolicy }}
securityContext:
  {{- include "site.containerSecurityContext" . | nindent 2 }}
{{- end -}}

{{/* Liveness and readiness at the service's observability port. A service that can't work yet is alive: it retries. */}}
{{- define "site.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/*
metadata of a pod template; takes site, component, config (the text of its settings: services read it once, so a change
must replace the pod) and metricsPort. Labels that change with the chart's version are left out for the same reason, and
what we need can't be overridden by the values.
*/}}
{{- define "site.podMetadata" -}}
{{- $pods := .site.values.pods -}}
{{- $labels := include "site.selector" . | fromYaml | merge (dict "app.kubernetes.io/part-of" "highrate") -}}
{{- $annotations := dict "checksum/config" (sha256sum .config) -}}
{{- if .site.values.metrics.annotations -}}
{{- $_ := set $annotations "prometheus.io/scrape" "true" -}}
{{- $_ := set $annotations "prometheus.io/port" (toString .metricsPort) -}}
{{- end -}}
labels:
  {{- merge $labels $pods.labels | toYaml | nindent 2 }}
annotations:
  {{- merge $annotations $pods.annotations | toYaml | nindent 2 }}
{{- end -}}

{{/* The keys of a pod specification that don't depend on what runs in it. */}}
{{- define "site.podBasics" -}}
{{- $pods := .values.pods -}}
securityContext:
  {{- include "site.podSecurityContext" . | nindent 2 }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with $pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}
