{{/*
What stands beside the platform's own in the pods of users and in the hub, and would be replaced by it or collide with it. The hub
is asked the same by hub_config (conflicts.py).
*/}}

{{/* Names of variables that every session is told; with CVMFS those of the grid as well. */}}
{{- define "highrate.variables" -}}
{{- $cvmfs := .Values.jupyterhub.custom.highrate.cvmfs -}}
HOME XDG_RUNTIME_DIR BEARER_TOKEN_FILE X509_USER_PROXY HIGHRATE_TOKENS_URL HIGHRATE_TOKEN_PROFILE HIGHRATE_CA_FILE
{{- if include "highrate.dask.enabled" . }} DASK_GATEWAY__ADDRESS DASK_GATEWAY__AUTH__TYPE DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE{{ end -}}
{{- if and (ne $cvmfs.mode "none") $cvmfs.gridSecurity }} X509_CERT_DIR X509_VOMS_DIR VOMS_USERCONF{{ end -}}
{{- end -}}

{{/* Where every session has something else mounted than the home. */}}
{{- define "highrate.paths" -}}
/scratch /run/highrate /etc/highrate/ca
{{- if ne .Values.jupyterhub.custom.highrate.cvmfs.mode "none" }} /cvmfs{{ end -}}
{{- end -}}

{{- define "highrate.problems.beside" -}}
{{- $singleuser := .Values.jupyterhub.singleuser -}}
{{- $hub := .Values.jupyterhub.hub -}}
{{- $home := .Values.jupyterhub.custom.highrate.home.mountPath -}}
{{- $paths := include "highrate.paths" . | splitList " " -}}
{{- range $paths }}
{{- if hasPrefix (printf "%s/" .) (printf "%s/" $home) }}
jupyterhub.custom.highrate.home.mountPath and the platform's mounts contradict each other: something else is mounted at {{ . }}.

    jupyterhub:
      custom:
        highrate:
          home: { mountPath: /home/jovyan }
{{ end }}
{{- end }}
{{- range $name := include "highrate.variables" . | splitList " " }}
{{- if not (kindIs "invalid" (index ($singleuser.extraEnv | default dict) $name)) }}
jupyterhub.singleuser.extraEnv.{{ $name }} is set, but has no effect: the platform tells every session its own. Remove it.

    jupyterhub:
      singleuser:
        extraEnv: { {{ $name }}: null }
{{ end }}
{{- end }}
{{- $volumes := $singleuser.storage.extraVolumes | default list }}
{{- range kindIs "map" $volumes | ternary (values ($volumes | toJson | fromJson)) $volumes }}
{{- if has .name (list "highrate-home" "highrate-scratch" "highrate-run" "highrate-ca" "highrate-cvmfs") }}
jupyterhub.singleuser.storage.extraVolumes and the platform's volumes contradict each other: {{ .name }} is one of the latter. Give
yours another name, in extraVolumeMounts as well.

    jupyterhub:
      singleuser:
        storage:
          extraVolumes: []
          extraVolumeMounts: []
{{ end }}
{{- end }}
{{- $mounts := $singleuser.storage.extraVolumeMounts | default list }}
{{- range kindIs "map" $mounts | ternary (values ($mounts | toJson | fromJson)) $mounts }}
{{- if has (trimSuffix "/" .mountPath) (prepend $paths $home) }}
jupyterhub.singleuser.storage.extraVolumeMounts and the platform's mounts contradict each other: {{ .mountPath }} is one of the latter.
Kubernetes takes no pod with two; mount yours elsewhere.

    jupyterhub:
      singleuser:
        storage:
          extraVolumeMounts: []
{{ end }}
{{- end }}
{{- if not (has (toString $hub.consecutiveFailureLimit) (list "5" "0" "<nil>")) }}
jupyterhub.hub.consecutiveFailureLimit is set, but has no effect: failed starts don't end this hub. If they are to, write instead

    jupyterhub:
      hub:
        consecutiveFailureLimit: 5
        config:
          PlatformSpawner: { consecutive_failure_limit: {{ $hub.consecutiveFailureLimit }} }
{{ end }}
{{- if dig "JupyterHub" "tornado_settings" "slow_spawn_timeout" "" $hub.config }}
jupyterhub.hub.config.JupyterHub.tornado_settings.slow_spawn_timeout is set, but has no effect: refusals by REST need the platform's.

    jupyterhub:
      hub:
        config:
          JupyterHub:
            tornado_settings: { slow_spawn_timeout: null }
{{ end }}
{{- range $name, $key := dict "highrate_request_url" "requestUrl" "highrate_contact" "contact" }}
{{- if not (kindIs "invalid" (index ($hub.templateVars | default dict) $name)) }}
jupyterhub.hub.templateVars.{{ $name }} is set, but has no effect: it is made of another value. Write instead

    jupyterhub:
      hub:
        templateVars: { {{ $name }}: null }
      custom:
        highrate:
          access: { {{ $key }}: {{ get $hub.templateVars $name | toJson }} }
{{ end }}
{{- end }}
{{- if ne (toString $hub.config.JupyterHub.spawner_class) "platform" }}
jupyterhub.hub.config.JupyterHub.spawner_class and jupyterhub.custom.highrate contradict each other: {{ $hub.config.JupyterHub.spawner_class }} doesn't read the latter.

    jupyterhub:
      hub:
        config:
          JupyterHub: { spawner_class: platform }
{{ end }}
{{- include "highrate.problems.restricted" $singleuser }}
{{- end -}}

{{/* What would make pods that aren't of the restricted Pod Security standard; each session would be refused. Takes `singleuser`. */}}
{{- define "highrate.problems.restricted" -}}
{{- $allowed := list "name" "configMap" "csi" "downwardAPI" "emptyDir" "ephemeral" "image" "persistentVolumeClaim" "projected" "secret" -}}
{{- $volumes := dict "these" .storage.extraVolumes | toJson | fromJson -}}
{{- $refused := list -}}
{{- range $volume := $volumes.these }}
{{- range $kind := keys $volume | sortAlpha }}
{{- if not (or (has $kind $allowed) (kindIs "invalid" (index $volume $kind))) }}
{{- $refused = append $refused (printf "%s is %s" $volume.name $kind) }}
{{- $_ := set $volume $kind nil }}
{{- $_ := set $volume "persistentVolumeClaim" (dict "claimName" $volume.name) }}
{{- end }}
{{- end }}
{{- end }}
{{- with $refused }}
jupyterhub.singleuser.storage.extraVolumes and the restricted pods of users contradict each other: {{ join ", " . }}, which is
not allowed to them, so that none would start. For a share of data, make a PersistentVolume and a claim in the release's namespace:

    jupyterhub:
      singleuser:
        storage:
          extraVolumes: {{ $volumes.these | toJson }}
{{ end }}
{{- range $key := list "initContainers" "extraContainers" }}
{{- range $container := index $ $key }}
{{- $context := $container.securityContext | default dict }}
{{- $raised := not (eq (toString $context.allowPrivilegeEscalation) "false") }}
{{- if or $context.privileged $raised (not (has "ALL" (dig "capabilities" "drop" list $context))) }}
jupyterhub.singleuser.{{ $key }} and the restricted pods of users contradict each other: {{ $container.name }} may have more rights
than they may, so that none would start. Write into it

    securityContext: { privileged: false, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
{{ end }}
{{- end }}
{{- end }}
{{- range $key := list "hostNetwork" "hostPID" "hostIPC" }}
{{- if index ($.extraPodConfig | default dict) $key }}
jupyterhub.singleuser.extraPodConfig.{{ $key }} and the restricted pods of users contradict each other: none would start.

    jupyterhub:
      singleuser:
        extraPodConfig: { {{ $key }}: false }
{{ end }}
{{- end }}
{{- end -}}
