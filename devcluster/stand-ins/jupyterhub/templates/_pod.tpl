{{/* What the pods of hub and proxy have in common. */}}

{{- define "standin.pullSecrets" -}}
{{- with concat .image.pullSecrets .root.Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - {{ kindIs "string" . | ternary (dict "name" .) . | toJson }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Takes root, settings (hub or proxy.chp: nodeSelector, tolerations). */}}
{{- define "standin.placement" -}}
{{- $core := .root.Values.scheduling.corePods -}}
{{- with .settings.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with concat $core.tolerations .settings.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- $expressions := list (dict "key" "hub.jupyter.org/node-purpose" "operator" "In" "values" (list "core")) }}
{{- if eq $core.nodeAffinity.matchNodePurpose "prefer" }}
affinity:
  nodeAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference: { matchExpressions: {{ toJson $expressions }} }
{{- else if eq $core.nodeAffinity.matchNodePurpose "require" }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions: {{ toJson $expressions }}
{{- end }}
{{- end -}}

{{/* extraEnv: a list as it is, or a map of names to texts or to what a list entry has besides the name. */}}
{{- define "standin.environment" -}}
{{- if kindIs "slice" . }}
{{- with . }}{{ toYaml . }}{{ end }}
{{- else }}
{{- range $name, $value := . }}
- {{ kindIs "map" $value | ternary $value (dict "value" $value) | merge (dict "name" $name) | toJson }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Takes settings (of one probe), path, port and, if it isn't HTTP, scheme. */}}
{{- define "standin.probe" -}}
{{- $get := dict "path" .path "port" .port -}}
{{- with .scheme }}{{ $_ := set $get "scheme" . }}{{ end -}}
{{ merge (dict "httpGet" $get) (omit .settings "enabled") | toJson }}
{{- end -}}

{{/* A budget takes root, component, name and settings. */}}
{{- define "standin.budget" -}}
{{- if .settings.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- include "standin.labels" . | nindent 4 }}
spec:
  {{- range $key := list "maxUnavailable" "minAvailable" }}
  {{- $number := index $.settings $key }}
  {{- if not (kindIs "invalid" $number) }}
  {{ $key }}: {{ $number }}
  {{- end }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "standin.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
