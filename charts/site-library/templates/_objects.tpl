{{/* All objects of one site, as one stream of YAML documents. */}}
{{- define "site.objects" -}}
{{- include "site.validate" . -}}
{{- $names := list
  "site.ca.configMap" "site.vk.configMap" "site.vk.serviceAccount" "site.rbac" "site.admission" "site.vk.deployment" "site.podMonitor" -}}
{{- if .values.networkPolicy.enabled -}}
{{- $names = append $names "site.policy.vk" -}}
{{- end -}}
{{- if eq .values.edge.mode "cluster" -}}
{{- $names = concat $names (list
  "site.edge.configMap" "site.edge.tlsSecret" "site.edge.claim" "site.edge.service" "site.edge.serviceAccount"
  "site.edge.statefulSet" "site.channel.service" "site.channel.ingress") -}}
{{- if .values.networkPolicy.enabled -}}
{{- $names = append $names "site.policy.edge" -}}
{{- end -}}
{{- end -}}
{{- range $names }}
{{- with include . $ | trim }}
---
{{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "site.vk.serviceAccount" -}}
{{- include "site.serviceAccount" (dict "site" . "component" "virtual-kubelet" "name" (printf "%s-vk" .name)) -}}
{{- end -}}

{{- define "site.edge.serviceAccount" -}}
{{- include "site.serviceAccount" (dict "site" . "component" "edge" "name" (printf "%s-edge" .name)) -}}
{{- end -}}
