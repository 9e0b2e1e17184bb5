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
