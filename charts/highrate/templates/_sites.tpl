{{/*
The values of one site: its own over the platform's image and authorities over the library's defaults; takes root and site.
Whoever gives a site an image or authorities of its own gives all of them: halves of two don't fit together.
*/}}
{{- define "highrate.site.values" -}}
{{- $shared := dict -}}
{{- if not (hasKey .site "image") -}}
{{- $_ := set $shared "image" .root.Values.image -}}
{{- end -}}
{{- if not (hasKey .site "caBundle") -}}
{{- $shared = merge $shared (include "highrate.ca.values" .root | fromYaml) -}}
{{- end -}}
{{- mergeOverwrite (include "site.defaults" . | fromYaml) (deepCopy $shared) (deepCopy .site) | toJson -}}
{{- end -}}

{{- define "highrate.site.name" -}}
{{ include "site.name" (printf "%s-%s" .root.Release.Name .key) }}
{{- end -}}
