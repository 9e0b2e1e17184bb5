{{/* Names of Dask's parts, and what several of their templates ask. */}}
{{- define "highrate.dask.enabled" -}}
{{- if .Values.jupyterhub.custom.highrate.dask.enabled }}true{{ end -}}
{{- end -}}

{{/* Takes root and component: dask-gateway, dask-proxy or relay. */}}
{{- define "highrate.dask.name" -}}
{{ include "highrate.prefix" .root }}{{ .component }}
{{- end -}}

{{- define "highrate.dask.host" -}}
{{ include "highrate.dask.name" . }}.{{ .root.Release.Namespace }}.svc
{{- end -}}

{{- define "highrate.dask.secretName" -}}
{{ .Values.dask.existingSecret | default (printf "%sdask-keys" (include "highrate.prefix" .)) }}
{{- end -}}

{{- define "highrate.dask.claimName" -}}
{{ .Values.dask.database.storage.existingClaim | default (include "highrate.dask.name" (dict "root" . "component" "dask-gateway")) }}
{{- end -}}

{{/* Where schedulers and workers run. */}}
{{- define "highrate.dask.namespace" -}}
{{ .Values.dask.namespace | default .Release.Namespace }}
{{- end -}}

{{/* Tells the pods of this gateway from those of others that share the namespace; the gateway labels them with it. */}}
{{- define "highrate.dask.instance" -}}
{{ include "site.name" (printf "%s-%s" .Release.Namespace .Release.Name) }}
{{- end -}}

{{- define "highrate.dask.caName" -}}
{{- if .Values.dask.relay.url -}}
{{ .Values.dask.relay.caConfigMap | default (include "highrate.ca.name" .) }}
{{- end -}}
{{- end -}}

{{/* The virtual nodes of dask.sites, as a JSON list. */}}
{{- define "highrate.dask.nodes" -}}
{{- $nodes := list -}}
{{- range .Values.dask.sites }}{{ with .node }}{{ $nodes = append $nodes . }}{{ end }}{{ end -}}
{{ uniq $nodes | toJson }}
{{- end -}}

{{/* The address of one member of the relay; takes root and member. */}}
{{- define "highrate.relay.url" -}}
{{ .root.Values.dask.relay.url | replace "{member}" (toString .member) | trimSuffix "/" }}
{{- end -}}

{{- define "highrate.relay.port" -}}
{{ include "site.port" (include "highrate.relay.url" .) }}
{{- end -}}

{{/* A mapping with its keys as the services spell them (workerCores: worker_cores), as JSON; what is below stays. */}}
{{- define "highrate.snake" -}}
{{- $found := dict -}}
{{- range $key, $value := . }}{{ $_ := set $found (snakecase $key) $value }}{{ end -}}
{{ toJson $found }}
{{- end -}}

{{/* The seconds of a duration such as 1d12h. */}}
{{- define "highrate.seconds" -}}
{{- $text := . -}}
{{- $total := 0 -}}
{{- range $unit, $length := dict "d" 86400 "h" 3600 "m" 60 "s" 1 -}}
{{- $number := regexFind (printf "[0-9]+%s" $unit) $text | trimSuffix $unit -}}
{{- $total = add $total (mul (int64 ($number | default "0")) $length) -}}
{{- end -}}
{{ $total }}
{{- end -}}
