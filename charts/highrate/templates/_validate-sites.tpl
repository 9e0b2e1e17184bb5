{{/* What each site lacks, in the library's words, and what sites have in common that they must not. */}}
{{- define "highrate.problems.sites" -}}
{{- $taken := dict -}}
{{- range $key, $site := .Values.sites }}
{{- $values := include "highrate.site.values" (dict "root" $ "site" $site) | fromJson }}
{{- $problems := include "site.problems" (dict "root" $ "values" $values "name" $key) | trim }}
{{- with $problems }}
Below sites.{{ $key }}:

{{ . }}
{{ end }}
{{- $namespaces := $values.namespaces | default list }}
{{- if and (not $values.allNamespaces) (or (not $namespaces) (has $.Release.Namespace $namespaces)) }}
{{- if $namespaces }}
sites.{{ $key }}.namespaces and the release's namespace contradict each other: {{ $.Release.Namespace }} holds the hub's secrets, and the
virtual kubelet may read every Secret of the namespaces that it serves. Name the namespaces where pods for the site are made:
{{- else }}
sites.{{ $key }}.namespaces is missing: where pods for the site are made. The virtual kubelet may read every Secret there, so it can't be
the release's own, which holds the hub's:
{{- end }}

    sites:
      {{ $key }}:
        namespaces: [analysis]
{{ end }}
{{- with $values.nodeName }}
{{- if hasKey $taken . }}
sites.{{ get $taken . }}.nodeName and sites.{{ $key }}.nodeName contradict each other: both are {{ . }}, and a node has one site.

    sites:
      {{ $key }}:
        nodeName: {{ . }}-2
{{ end }}
{{- $_ := set $taken . $key }}
{{- end }}
{{- end }}
{{- end -}}
