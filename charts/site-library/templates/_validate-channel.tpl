{{/* What the values of the job channel lack or contradict; takes the values of a site. */}}
{{- define "site.problems.channel" -}}
{{- $channel := .channel -}}
{{- if and $channel.enabled (eq .edge.mode "remote") }}
channel.enabled is set, but edge.mode is remote, where jobs dial the site's own edge: it is configured there. Write

    channel:
      enabled: false
{{ else if $channel.enabled }}
{{- include "site.problems.channel.url" . }}
{{- include "site.problems.channel.service" . }}
{{- include "site.problems.channel.authorities" . }}
{{- end }}
{{- if and .condor.settings.channel (not $channel.enabled) (eq .edge.mode "cluster") }}
condor.settings.channel is set, but channel.enabled is false. Give jobs an address to dial, or remove condor.settings.channel:

    channel:
      enabled: true
      url: wss://hub.example.org/job-channel
{{ end }}
{{- end -}}

{{- define "site.problems.channel.authorities" -}}
{{- $authorities := .channel.authorities -}}
{{- $given := list -}}
{{- range list "certificates" "existingConfigMap" "existingSecret" }}{{ if get $authorities . }}{{ $given = append $given . }}{{ end }}{{ end -}}
{{- if gt (len $given) 1 }}
channel.authorities: {{ join " and " $given }} contradict each other: one of them is enough.

    channel:
      authorities:
        {{- range initial $given }}
        {{ . }}: ""
        {{- end }}
{{ end }}
{{- end -}}

{{- define "site.problems.channel.url" -}}
{{- if not .channel.url }}
channel.url is missing: what jobs dial at a port and path that lead here, by an ingress for example.

    channel:
      url: wss://hub.example.org/job-channel
{{ else if and .channel.ingress.enabled (regexMatch "^wss://([0-9.]+|\\[.*)(:|/|$)" .channel.url) }}
channel.url and channel.ingress.enabled contradict each other: an Ingress has a name for a host, no address.

    channel:
      url: wss://hub.example.org/job-channel
{{ end }}
{{- end -}}

{{- define "site.problems.channel.service" -}}
{{- $service := .channel.service -}}
{{- $byNodePort := and (eq $service.type "NodePort") (not .channel.ingress.enabled) -}}
{{- if and $byNodePort (not $service.nodePort) }}
channel.service.nodePort is missing: jobs dial it, so that it can't be one of chance.

    channel:
      service: { nodePort: 30444 }
{{ end }}
{{- if and $byNodePort (not .channel.existingTlsSecret) }}
channel.existingTlsSecret is missing: nothing ends TLS in front of a NodePort. Name the Secret (type kubernetes.io/tls) with the
certificate of the host that jobs dial:

    channel:
      existingTlsSecret: channel-tls
{{ end }}
{{- if and $service.nodePort (ne $service.type "NodePort") }}
channel.service.nodePort and channel.service.type contradict each other: a {{ $service.type }} is not dialled there.

    channel:
      service: { nodePort: 0 }
{{ end }}
{{- end -}}
