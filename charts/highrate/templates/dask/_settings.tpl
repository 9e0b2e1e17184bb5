{{/* The file of the gateway, which its proxy reads too; of secrets it has the paths. */}}
{{- define "highrate.dask.settings" -}}
{{- $dask := .Values.dask -}}
{{- $users := .Values.jupyterhub.custom.highrate -}}
{{- $gateway := include "highrate.dask.host" (dict "root" . "component" "dask-gateway") -}}
offload-gateway.yaml: |
  namespace: {{ include "highrate.dask.namespace" . | quote }}
  instance: {{ include "highrate.dask.instance" . | quote }}
  listen: 0.0.0.0:8001
  api_url: http://{{ $gateway }}:8001/api
  metrics: 0.0.0.0:9108
  {{- include "highrate.dask.proxySettings" . | nindent 2 }}
  database:
    {{- if $dask.database.existingSecret }}
    url_file: /run/highrate/database/url
    {{- else }}
    url: sqlite:////var/lib/highrate/dask-gateway/gateway.sqlite
    {{- end }}
    key_file: /run/highrate/dask/database-key
  hub:
    url: {{ printf "http://%s:8081%s/hub/api" (include "highrate.hub.name" .) (.Values.jupyterhub.hub.baseUrl | trimSuffix "/") }}
    token_file: /run/highrate/hub/token
    server_gone: {{ $dask.timing.serverGone | default nil | toJson }}
  catalogue: {{ pick $users.catalogue "images" "freeImage" | toJson }}
  sites:
    {{- range $name, $place := $dask.sites }}
    {{ toJson $name }}: {{ include "highrate.snake" $place }}
    {{- end }}
  limits: {{ include "highrate.snake" $dask.limits }}
  group_limits:
    {{- range $group, $limits := $dask.groupLimits }}
    {{ toJson $group }}: {{ include "highrate.snake" $limits }}
    {{- else }} {}
    {{- end }}
  defaults: {{ include "highrate.snake" $dask.defaults }}
  scheduler: {{ pick $dask.scheduler "cores" "reserved" "memory" | toJson }}
  pods:
    uid: {{ int64 $users.home.uid }}
    gid: {{ int64 $users.home.gid }}
    image_pull_secrets: {{ include "highrate.dask.pullSecrets" . }}
    scheduler_node_selector: {{ toJson $dask.scheduler.nodeSelector }}
    scheduler_tolerations: {{ toJson $dask.scheduler.tolerations }}
  cvmfs: {{ include "highrate.snake" $users.cvmfs }}
  {{- if $dask.relay.url }}
  relay:
    members:
      {{- range $member := until (int $dask.relay.replicas) }}
      - {{ include "highrate.relay.url" (dict "root" $ "member" $member) | quote }}
      {{- end }}
    signing_key_file: /run/highrate/dask/signing.key
    {{- if include "highrate.dask.caName" . }}
    ca_file: /etc/highrate/relay-ca/ca.crt
    {{- end }}
    ticket_lifetime: {{ include "highrate.dask.ticketSeconds" . }}s
  {{- end }}
  timing:
    cluster_start: {{ $dask.timing.clusterStart | quote }}
    worker_start: {{ $dask.timing.workerStart | quote }}
    idle: {{ $dask.timing.idle | default nil | toJson }}
{{- end -}}

{{/* What the proxy is replaced for, and nothing else of the file. */}}
{{- define "highrate.dask.proxySettings" -}}
proxy:
  address: 0.0.0.0:8000
  external: true
  token_file: /run/highrate/dask/proxy-token
  gateway_url: http://{{ include "highrate.dask.host" (dict "root" . "component" "dask-gateway") }}:8001
{{- end -}}

{{/*
A job keeps the ticket that it was submitted with, and tickets are renewed at half of their life: twice the longest wait in a queue
and wall time together, and two weeks at least.
*/}}
{{- define "highrate.dask.ticketSeconds" -}}
{{- $longest := 0 -}}
{{- range .Values.dask.sites -}}
{{- $longest = max $longest (include "highrate.seconds" (dig "wallTime" "maximum" "48h" . ) | int64) -}}
{{- end -}}
{{ max 1209600 (mul 2 (add $longest (include "highrate.seconds" .Values.dask.timing.workerStart | int64))) }}
{{- end -}}

{{/* Those of sessions; Zero to JupyterHub takes names and objects with a name. */}}
{{- define "highrate.dask.pullSecrets" -}}
{{- $names := list -}}
{{- $jupyterhub := .Values.jupyterhub -}}
{{- range concat ($jupyterhub.singleuser.image.pullSecrets | default list) ($jupyterhub.imagePullSecrets | default list) -}}
{{- $names = append $names (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") .) -}}
{{- end -}}
{{ uniq $names | toJson }}
{{- end -}}
