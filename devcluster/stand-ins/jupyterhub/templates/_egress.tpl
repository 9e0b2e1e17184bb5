{{/* The egress that egressAllowRules and egress of a networkPolicy section ask for; takes root and policy. */}}

{{- define "standin.privateRanges" -}}
[10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]
{{- end -}}

{{- define "standin.ipBlocks" -}}
{{- range . }}
- ipBlock: { cidr: {{ . }} }
{{- end }}
{{- end -}}

{{- define "standin.egress" -}}
{{- $allowed := .policy.egressAllowRules -}}
{{- $private := include "standin.privateRanges" . | fromYamlArray -}}
{{- $metadata := printf "%s/32" .root.Values.singleuser.cloudMetadata.ip -}}
{{- if or $allowed.dnsPortsCloudMetadataServer $allowed.dnsPortsKubeSystemNamespace $allowed.dnsPortsPrivateIPs }}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
  to:
    {{- if $allowed.dnsPortsCloudMetadataServer }}
    {{- include "standin.ipBlocks" (list $metadata) | nindent 4 }}
    {{- end }}
    {{- if $allowed.dnsPortsKubeSystemNamespace }}
    - namespaceSelector:
        matchLabels: { kubernetes.io/metadata.name: kube-system }
    {{- end }}
    {{- if $allowed.dnsPortsPrivateIPs }}
    {{- include "standin.ipBlocks" $private | nindent 4 }}
    {{- end }}
{{- end }}
{{- if $allowed.nonPrivateIPs }}
- to:
    - ipBlock: { cidr: 0.0.0.0/0, except: {{ append $private $metadata | toJson }} }
{{- end }}
{{- if $allowed.privateIPs }}
- to:
    {{- include "standin.ipBlocks" $private | nindent 4 }}
{{- end }}
{{- if $allowed.cloudMetadataServer }}
- to:
    {{- include "standin.ipBlocks" (list $metadata) | nindent 4 }}
{{- end }}
{{- with .policy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Ingress that the values add: ports open to everybody, and rules of their own; takes the policy. */}}
{{- define "standin.ingress" -}}
{{- with .allowedIngressPorts }}
- ports:
    {{- range . }}
    - port: {{ . }}
    {{- end }}
{{- end }}
{{- with .ingress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
