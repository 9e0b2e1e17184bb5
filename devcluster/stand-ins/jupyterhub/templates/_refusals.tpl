{{/* Keys that this chart can't honour: told at once, with what to write. Anything else would be silently different. */}}
{{- define "standin.refusals" -}}
{{- $values := .Values -}}
{{- $problems := list -}}
{{- if $values.scheduling.userScheduler.enabled }}{{ $problems = append $problems "scheduling.userScheduler.enabled: false" }}{{ end -}}
{{- if $values.scheduling.userPlaceholder.enabled }}{{ $problems = append $problems "scheduling.userPlaceholder.enabled: false" }}{{ end -}}
{{- if $values.scheduling.podPriority.enabled }}{{ $problems = append $problems "scheduling.podPriority.enabled: false" }}{{ end -}}
{{- if $values.prePuller.hook.enabled }}{{ $problems = append $problems "prePuller.hook.enabled: false" }}{{ end -}}
{{- if $values.prePuller.continuous.enabled }}{{ $problems = append $problems "prePuller.continuous.enabled: false" }}{{ end -}}
{{- if $values.singleuser.cloudMetadata.blockWithIptables }}{{ $problems = append $problems "singleuser.cloudMetadata.blockWithIptables: false" }}{{ end -}}
{{- if $values.imagePullSecret.create }}{{ $problems = append $problems "imagePullSecrets: [a-secret-that-you-made]" }}{{ end -}}
{{- if and $values.proxy.https.enabled (eq $values.proxy.https.type "letsencrypt") }}{{ $problems = append $problems "proxy.https.type: secret" }}{{ end -}}
{{- if $problems -}}
{{- fail (printf "\n\nThe development stand-in for Zero to JupyterHub lacks what these values ask for. Write\n\n    %s\n\nor use the real chart.\n" (join "\n    " $problems)) -}}
{{- end -}}
{{- end -}}
