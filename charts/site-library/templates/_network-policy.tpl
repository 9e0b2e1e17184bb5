{{/*
Who talks to whom. Peers outside of the cluster are limited by port only: their addresses change, and a policy can't name
hosts. Nothing of this keeps anything secret; that is TLS's work.
*/}}

{{/* The port of an https address. */}}
{{- define "site.port" -}}
{{- regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default "443" -}}
{{- end -}}

{{- define "site.policy.dns" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
{{- end -}}

{{/* Peers that may read the metrics. */}}
{{- define "site.policy.metricsFrom" -}}
from:
  {{- with .values.networkPolicy.metricsFrom }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  - podSelector: {}
  {{- end }}
{{- end -}}

{{- define "site.policy.vk" -}}
{{- $id := dict "site" . "component" "virtual-kubelet" "name" (printf "%s-vk" .name) -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "site.selector" $id | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    # The API server calls from the hosts' network, which no selector names; the port asks callers who they are.
    - ports:
        - { port: kubelet, protocol: TCP }
    - {{- include "site.policy.metricsFrom" . | nindent 6 }}
      ports:
        - { port: metrics, protocol: TCP }
        {{- if eq .values.edge.mode "remote" }}
        - { port: metrics-token, protocol: TCP }
        {{- end }}
  egress:
    {{- include "site.policy.dns" . | nindent 4 }}
    - ports:
        {{- range .values.networkPolicy.apiServerPorts }}
        - { port: {{ . }}, protocol: TCP }
        {{- end }}
    {{- if eq .values.edge.mode "remote" }}
    - ports:
        {{- range uniq (list (include "site.port" .values.edge.url) (include "site.token.port" .)) }}
        - { port: {{ . }}, protocol: TCP }
        {{- end }}
    {{- else }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "site.selector" (dict "site" . "component" "edge") | nindent 14 }}
      ports:
        - { port: interlink, protocol: TCP }
    {{- end }}
    {{- with .values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "site.policy.edge" -}}
{{- $id := dict "site" . "component" "edge" "name" (printf "%s-edge" .name) -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "site.selector" $id | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              {{- include "site.selector" (dict "site" . "component" "virtual-kubelet") | nindent 14 }}
      ports:
        - { port: interlink, protocol: TCP }
    {{- if include "site.channel.enabled" . }}
    # Jobs of the site call, through an ingress or not; tickets say who may.
    - ports:
        - { port: channel, protocol: TCP }
    {{- end }}
    - {{- include "site.policy.metricsFrom" . | nindent 6 }}
      ports:
        - { port: metrics, protocol: TCP }
        - { port: metrics-condor, protocol: TCP }
        - { port: metrics-token, protocol: TCP }
  egress:
    {{- include "site.policy.dns" . | nindent 4 }}
    # The schedd behind the collector shares its port, as HTCondor's daemons do by default.
    - ports:
        {{- range uniq (list (last (splitList ":" .values.condor.collector)) (include "site.token.port" .)) }}
        - { port: {{ . }}, protocol: TCP }
        {{- end }}
    {{- with .values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "site.token.port" -}}
{{- include "site.port" (default .values.token.issuer .values.token.tokenUrl) -}}
{{- end -}}
