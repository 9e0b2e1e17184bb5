{{/* Ends of the ways of Dask, as peers of NetworkPolicies. Clusters may be in another namespace than the release. */}}

{{/* Pods of the release; takes root and component. */}}
{{- define "highrate.dask.part" -}}
- namespaceSelector:
    matchLabels: { kubernetes.io/metadata.name: {{ .root.Release.Namespace | quote }} }
  podSelector:
    matchLabels:
      {{- include "site.selector" (dict "site" (dict "root" .root "name" "") "component" .component) | nindent 6 }}
{{- end -}}

{{/* The labels that the gateway gives schedulers and workers; takes root and role, none for both. */}}
{{- define "highrate.dask.labels" -}}
offload.highrate/gateway: {{ include "highrate.dask.instance" .root | quote }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Schedulers, workers or both, wherever they are; takes root and role. */}}
{{- define "highrate.dask.pods" -}}
- namespaceSelector:
    matchLabels: { kubernetes.io/metadata.name: {{ include "highrate.dask.namespace" .root | quote }} }
  podSelector:
    matchLabels:
      {{- include "highrate.dask.labels" . | nindent 6 }}
{{- end -}}

{{/*
The way to the relay's members: outside, at the port of their address, and directly, since an address of the cluster is translated
before policies are asked.
*/}}
{{- define "highrate.dask.toRelay" -}}
{{- if .Values.dask.relay.url }}
{{- $ports := list }}
{{- range $member := until (int .Values.dask.relay.replicas) }}
{{- $ports = append $ports (include "highrate.relay.port" (dict "root" $ "member" $member)) }}
{{- end }}
- ports:
    {{- range uniq $ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- include "highrate.dask.toRelayPods" . }}
{{- end }}
{{- end -}}

{{/*
Directly alone, for sessions: the rule for the port, without addresses, would open the internal networks to them and the API server,
which Zero to JupyterHub's policy closes.
*/}}
{{- define "highrate.dask.toRelayPods" -}}
{{- if .Values.dask.relay.url }}
- to:
    {{- include "highrate.dask.part" (dict "root" $ "component" "relay") | nindent 4 }}
  ports:
    - { port: relay, protocol: TCP }
{{- end }}
{{- end -}}

{{/* Workers read the same data as sessions, and may go where these may. */}}
{{- define "highrate.dask.outside" -}}
{{- $policy := .Values.jupyterhub.singleuser.networkPolicy -}}
{{- $metadata := printf "%s/32" .Values.jupyterhub.singleuser.cloudMetadata.ip -}}
{{- if not $policy.enabled }}
- {}
{{- else }}
{{- if $policy.egressAllowRules.nonPrivateIPs }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, {{ $metadata }}]
{{- end }}
{{- if $policy.egressAllowRules.privateIPs }}
- to:
    - ipBlock: { cidr: 10.0.0.0/8 }
    - ipBlock: { cidr: 172.16.0.0/12 }
    - ipBlock: { cidr: 192.168.0.0/16 }
{{- end }}
{{- if $policy.egressAllowRules.cloudMetadataServer }}
- to:
    - ipBlock: { cidr: {{ $metadata }} }
{{- end }}
{{- with $policy.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}
