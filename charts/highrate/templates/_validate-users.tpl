{{/* What users can choose, and what their pods are given. */}}

{{- define "highrate.problems.catalogue" -}}
{{- $catalogue := .Values.jupyterhub.custom.highrate.catalogue -}}
{{- $defaults := list -}}
{{- range $name, $image := $catalogue.images -}}
{{- if $image.default }}{{ $defaults = append $defaults $name }}{{ end -}}
{{- end -}}
{{- if not $catalogue.images }}
jupyterhub.custom.highrate.catalogue.images is missing: users need an image to choose.

    jupyterhub:
      custom:
        highrate:
          catalogue:
            images:
              lab:
                title: JupyterLab
                image: registry.example.org/highrate/jupyterlab:1.0
                default: true
{{ else if not $defaults }}
jupyterhub.custom.highrate.catalogue.images has no default: one of them is what users get who choose nothing.

    jupyterhub:
      custom:
        highrate:
          catalogue:
            images:
              {{ keys $catalogue.images | sortAlpha | first }}: { default: true }
{{ else if gt (len $defaults) 1 }}
jupyterhub.custom.highrate.catalogue.images contradict each other: {{ join ", " $defaults }} are all the default.

    jupyterhub:
      custom:
        highrate:
          catalogue:
            images:
              {{- range rest $defaults }}
              {{ . }}: { default: false }
              {{- end }}
{{ end }}
{{- range $size := list "cores" "memory" }}
{{- $choices := get $catalogue $size }}
{{- $default := get $catalogue.defaults $size }}
{{- if not (has (toString $default) (toStrings $choices)) }}
jupyterhub.custom.highrate.catalogue.defaults.{{ $size }} and {{ $size }} contradict each other: {{ $default }} is not one of {{ toStrings $choices | join ", " }}.

    jupyterhub:
      custom:
        highrate:
          catalogue:
            defaults: { {{ $size }}: {{ first $choices }} }
{{ end }}
{{- end }}
{{- end -}}

{{/*
The Pod Security standard that the release's namespace enforces; empty where that can't be seen (helm template). Asked only
where it matters: whoever may install in one namespace may not be allowed to look at namespaces.
*/}}
{{- define "highrate.podSecurity" -}}
{{- dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (lookup "v1" "Namespace" "" .Release.Namespace | default dict) -}}
{{- end -}}

{{- define "highrate.problems.cvmfs" -}}
{{- $cvmfs := .Values.jupyterhub.custom.highrate.cvmfs -}}
{{- $standard := "" -}}
{{- if eq $cvmfs.mode "hostPath" }}{{ $standard = include "highrate.podSecurity" . }}{{ end -}}
{{- if and (eq $cvmfs.mode "pvc") (not $cvmfs.claim) }}
jupyterhub.custom.highrate.cvmfs.claim is missing: the claim in namespace {{ .Release.Namespace }} that shows CVMFS.

    jupyterhub:
      custom:
        highrate:
          cvmfs: { mode: pvc, claim: cvmfs }
{{ end }}
{{- if and (ne $cvmfs.mode "pvc") $cvmfs.claim }}
jupyterhub.custom.highrate.cvmfs.claim and mode contradict each other: {{ $cvmfs.claim }} would not be used with mode {{ $cvmfs.mode }}.

    jupyterhub:
      custom:
        highrate:
          cvmfs: { mode: pvc }
{{ end }}
{{- if has $standard (list "restricted" "baseline") }}
jupyterhub.custom.highrate.cvmfs.mode and the namespace contradict each other: {{ .Release.Namespace }} enforces the {{ $standard }} Pod
Security standard, which allows no hostPath, so that no user's pod would start. Use a claim, of cvmfs-csi or of an
administrator's volume:

    jupyterhub:
      custom:
        highrate:
          cvmfs: { mode: pvc, claim: cvmfs }
{{ end }}
{{- end -}}

{{/* Keys of Zero to JupyterHub that would make other pods than the platform's; the hub wouldn't start with them. */}}
{{- define "highrate.problems.pods" -}}
{{- $singleuser := .Values.jupyterhub.singleuser -}}
{{- if $singleuser.profileList }}
jupyterhub.singleuser.profileList is set, but users choose from the catalogue. Remove it, and write its images as

    jupyterhub:
      singleuser:
        profileList: []
      custom:
        highrate:
          catalogue:
            images:
              lab:
                title: JupyterLab
                image: registry.example.org/highrate/jupyterlab:1.0
                default: true
{{ end }}
{{- if ne $singleuser.storage.type "none" }}
jupyterhub.singleuser.storage.type and jupyterhub.custom.highrate.home contradict each other: the home is the latter's.

    jupyterhub:
      singleuser:
        storage: { type: none }
{{ end }}
{{- if $singleuser.cloudMetadata.blockWithIptables }}
jupyterhub.singleuser.cloudMetadata.blockWithIptables and the restricted pods of users contradict each other: it needs a
privileged container. The NetworkPolicy blocks the address as well.

    jupyterhub:
      singleuser:
        cloudMetadata: { blockWithIptables: false }
{{ end }}
{{- end -}}

{{- define "highrate.problems.tokens" -}}
{{- $tokens := .Values.tokens -}}
{{- $users := .Values.jupyterhub.custom.highrate.tokens -}}
{{- $profiles := keys $tokens.profiles | sortAlpha -}}
{{- if not $profiles }}
tokens.profiles is missing: the token service has no token to give.

    tokens:
      profiles:
        storage:
          scope: openid storage.read:/
          audience: https://wlcg.cern.ch/jwt/v1/any
{{ else }}
{{- $asked := (include "highrate.iam" . | fromJson).scope | default list }}
{{- range $name, $profile := $tokens.profiles }}
{{- $more := without (splitList " " $profile.scope) "" }}
{{- range $asked }}{{ $more = without $more . }}{{ end }}
{{- with $more }}
tokens.profiles.{{ $name }}.scope and jupyterhub.hub.config.IAMAuthenticator.scope contradict each other: {{ join ", " . }} {{ gt (len .) 1 | ternary "are" "is" }} not asked for
at login, and a token can't hold more than the login it is made of.

    jupyterhub:
      hub:
        config:
          IAMAuthenticator:
            scope: {{ concat $asked . | toJson }}
{{ end }}
{{- end }}
{{- if not (has $tokens.defaultProfile $profiles) }}
tokens.defaultProfile and tokens.profiles contradict each other: there is no profile {{ $tokens.defaultProfile }}.

    tokens:
      defaultProfile: {{ first $profiles }}
{{ end }}
{{- if not (has $users.profile $profiles) }}
jupyterhub.custom.highrate.tokens.profile and tokens.profiles contradict each other: there is no profile {{ $users.profile }}.

    jupyterhub:
      custom:
        highrate:
          tokens: { profile: {{ first $profiles }} }
{{ end }}
{{- end }}
{{- if and $tokens.existingTlsSecret (not $users.caConfigMap) }}
jupyterhub.custom.highrate.tokens.caConfigMap is missing: tokens.existingTlsSecret brings a certificate of its own, and users'
pods need its authority, in a ConfigMap under the key ca.crt.

    jupyterhub:
      custom:
        highrate:
          tokens: { caConfigMap: my-authority }
{{ end }}
{{- end -}}
