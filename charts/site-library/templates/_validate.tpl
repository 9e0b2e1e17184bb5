{{/*
What the schema can't say: values that are missing or that contradict each other. All of them are told at once, each
with a sentence and the YAML to write.
*/}}
{{- define "site.validate" -}}
{{- $problems := include "site.problems" . | trim -}}
{{- if $problems -}}
{{- fail (printf "\n\nThe values can't be used as they are.\n\n%s\n" $problems) -}}
{{- end -}}
{{- end -}}

{{- define "site.problems" -}}
{{- $values := .values -}}
{{- if not $values.nodeName }}
nodeName is missing: the name that the node is to have in the cluster.

    nodeName: my-site
{{ end }}
{{- if not $values.image.repository }}
image.repository is missing: where this cluster finds the image of the services.

    image:
      repository: registry.example.org/highrate/services
{{ end }}
{{- if and $values.allNamespaces $values.namespaces }}
allNamespaces and namespaces contradict each other: list the namespaces that may use the node, or allow all of them.

    allNamespaces: false
    namespaces: [{{ join ", " $values.namespaces }}]
{{ end }}
{{- if and $values.caBundle.certificates $values.caBundle.existingConfigMap }}
caBundle.certificates and caBundle.existingConfigMap contradict each other: one of them is enough.

    caBundle:
      certificates: ""
      existingConfigMap: {{ $values.caBundle.existingConfigMap }}
{{ end }}
{{- with $values.node.statusPoll }}
{{- if gt (float64 .min) (float64 .max) }}
node.statusPoll.min and node.statusPoll.max contradict each other: at rest nothing is polled more often than while things change.

    node:
      statusPoll:
        min: {{ .max }}
        max: {{ .min }}
{{ end }}
{{- end }}
{{- if and $values.metrics.podMonitor.enabled (not (.root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) }}
metrics.podMonitor.enabled needs the Prometheus operator, and this cluster doesn't know its monitoring.coreos.com/v1.

    metrics:
      podMonitor:
        enabled: false
{{ end }}
{{- include (printf "site.problems.%s" $values.edge.mode) $values }}
{{- include "site.problems.channel" $values }}
{{- include "site.problems.token" $values }}
{{- end -}}

{{- define "site.problems.remote" -}}
{{- if not .edge.url }}
edge.url is missing: the address of the OAuth2 proxy at the site.

    edge:
      url: https://ce.example.org:10443

To drive an HTCondor endpoint from this cluster instead, without anything at the site:

    edge:
      mode: cluster
{{ end }}
{{- if or .condor.collector .condor.schedd .condor.settings }}
condor is set, but edge.mode is remote, where the site's own sidecar knows its HTCondor. Remove condor, or drive the
endpoint from this cluster:

    edge:
      mode: cluster
{{ end }}
{{- if or .edge.existingTlsSecret .edge.storage.existingClaim }}
edge.existingTlsSecret and edge.storage belong to edge.mode cluster, but edge.mode is remote. Remove them, or write

    edge:
      mode: cluster
{{ end }}
{{- end -}}

{{- define "site.problems.cluster" -}}
{{- if .edge.url }}
edge.url is set, but edge.mode is cluster, where this release holds the edge itself. Remove edge.url, or use the site's:

    edge:
      mode: remote
      url: {{ .edge.url }}
{{ end }}
{{- if not .condor.collector }}
condor.collector is missing: with edge.mode cluster, the endpoint that takes the jobs.

    condor:
      mode: ce
      collector: ce.example.org:9619
{{ end }}
{{- end -}}

{{- define "site.problems.token" -}}
{{- if and .token.issuer .token.tokenUrl }}
token.issuer and token.tokenUrl contradict each other: one of them is enough.

    token:
      issuer: {{ .token.issuer }}
{{ else if not (or .token.issuer .token.tokenUrl) }}
token.issuer is missing: the OpenID provider whose tokens the next hop accepts.

    token:
      issuer: https://iam.example.org/
{{ end }}
{{- if not .token.clientId }}
token.clientId is missing: the client that is registered with the provider for this node.

    token:
      clientId: my-site-virtual-node
{{ end }}
{{- if and (eq .token.clientAuthentication "none") (eq .token.grant "client_credentials") }}
token.clientAuthentication none and token.grant client_credentials contradict each other: without a secret, a client has
nothing to ask for tokens with but a refresh token.

    token:
      grant: refresh_token
{{ end }}
{{- if not .token.existingSecret }}
token.existingSecret is missing: secrets don't stand in values. Make a Secret and name it.

    kubectl create secret generic my-site-token --from-file=client-secret=FILE

    token:
      existingSecret: my-site-token
{{ end }}
{{- end -}}
