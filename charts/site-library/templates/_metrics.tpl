{{/* A PodMonitor rather than a ServiceMonitor: nothing else needs a Service in front of the virtual kubelet. */}}
{{- define "site.podMonitor" -}}
{{- $monitor := .values.metrics.podMonitor -}}
{{- if $monitor.enabled }}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "site.metadata" (dict "site" . "component" "metrics" "name" .name) | nindent 2 }}
    {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
      highrate/site: {{ .name | quote }}
  podMetricsEndpoints:
    {{- range include "site.metrics.ports" . | fromYamlArray }}
    - { port: {{ . }}, interval: {{ $monitor.interval | quote }} }
    {{- end }}
{{- end }}
{{- end -}}

{{- define "site.metrics.ports" -}}
[metrics, metrics-token{{ if eq .values.edge.mode "cluster" }}, metrics-condor{{ end }}]
{{- end -}}
