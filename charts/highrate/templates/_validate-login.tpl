{{/* Who logs in, by which client of which provider. */}}

{{- define "highrate.problems.login" -}}
{{- $iam := include "highrate.iam" . | fromJson -}}
{{- if not $iam.issuer }}
jupyterhub.hub.config.IAMAuthenticator.issuer is missing: the OpenID provider (INDIGO IAM) where people log in.

    jupyterhub:
      hub:
        config:
          IAMAuthenticator:
            issuer: https://iam.example.org/
{{ else if not (regexMatch "^https://[^\\s/?#@]+(/[^\\s?#]*)?$" (toString $iam.issuer)) }}
{{- $host := regexReplaceAll "^([A-Za-z][A-Za-z0-9+.-]*:)?//+|[?#\\s].*$" (toString $iam.issuer | trim) "" }}
jupyterhub.hub.config.IAMAuthenticator.issuer is set, but is no https address: tokens and the client's secret go there.

    jupyterhub:
      hub:
        config:
          IAMAuthenticator:
            issuer: https://{{ regexReplaceAll "^[^/]*@" $host "" | default "iam.example.org/" }}
{{ end }}
{{- if not $iam.client_id }}
jupyterhub.hub.config.IAMAuthenticator.client_id is missing: the client that is registered with the provider for this hub.

    jupyterhub:
      hub:
        config:
          IAMAuthenticator:
            client_id: highrate
{{ end }}
{{- if and (eq (toString .Values.jupyterhub.hub.config.JupyterHub.authenticator_class) "iam") (not (or $iam.allowed_groups $iam.allow_all)) }}
jupyterhub.hub.config.IAMAuthenticator.allowed_groups is missing: nobody could log in.

    jupyterhub:
      hub:
        config:
          IAMAuthenticator:
            allowed_groups: [/experiment]
            admin_groups: [/experiment/admins]
{{ end }}
{{- if $iam.client_secret }}
jupyterhub.hub.config.IAMAuthenticator.client_secret is set, but secrets don't stand in values. Remove it, and make a Secret:

    kubectl create secret generic {{ .Values.iam.existingSecret }} -n {{ .Release.Namespace }} --from-file=client-secret=FILE
{{ end }}
{{- if eq (toString .Values.jupyterhub.hub.config.JupyterHub.authenticator_class) "iam" }}
{{- include "highrate.problems.login.switches" . }}
{{- end }}
{{- include "highrate.problems.login.files" . }}
{{- end -}}

{{/* Switches of JupyterHub's own, in the section that decides: the authenticator's before those of the classes that it is made of. */}}
{{- define "highrate.problems.login.switches" -}}
{{- $config := .Values.jupyterhub.hub.config -}}
{{- $decides := dict -}}
{{- $says := dict -}}
{{- range $section := list "Authenticator" "OAuthenticator" "GenericOAuthenticator" "IAMClient" "IAMAuthenticator" }}
{{- range $trait := list "enable_auth_state" "allow_existing_users" "allow_all" }}
{{- $said := index (index $config $section | default dict) $trait -}}
{{- if not (kindIs "invalid" $said) }}{{ $_ := set $decides $trait $section }}{{ $_ := set $says $trait (toString $said) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if eq (toString $says.enable_auth_state) "false" }}
jupyterhub.hub.config.{{ $decides.enable_auth_state }}.enable_auth_state is set, but false keeps no login's tokens, and nobody could start a server.

    jupyterhub:
      hub:
        config:
          {{ $decides.enable_auth_state }}: { enable_auth_state: true }
{{ end }}
{{- if and (eq (toString $says.allow_existing_users) "true") (ne (toString $says.allow_all) "true") }}
jupyterhub.hub.config.{{ $decides.allow_existing_users }}.allow_existing_users and IAMAuthenticator.allowed_groups contradict each other: whoever has logged in
once would be let in without a group, also after theirs was taken away.

    jupyterhub:
      hub:
        config:
          {{ $decides.allow_existing_users }}: { allow_existing_users: false }
{{ end }}
{{- end -}}

{{/*
The client's secret and the authorities in the hub's pod. Helm replaces lists: whoever adds a volume or a mount loses those of the
default values. The remedy has theirs beside ours.
*/}}
{{- define "highrate.problems.login.files" -}}
{{- $hub := .Values.jupyterhub.hub -}}
{{- $ca := include "highrate.ca.name" . -}}
{{- $needed := dict "iam.existingSecret" .Values.iam.existingSecret -}}
{{- if $ca }}{{ $_ := set $needed "caBundle" $ca }}{{ end -}}
{{- $unlisted := list -}}
{{- $unmounted := list -}}
{{- range $key := list "iam.existingSecret" "caBundle" -}}
{{- with get $needed $key -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- $quoted := printf "%q" . -}}
{{- range $hub.extraVolumes }}{{ if contains $quoted (toJson .) }}{{ $volumes = append $volumes .name }}{{ end }}{{ end -}}
{{- range $hub.extraVolumeMounts }}{{ if has .name $volumes }}{{ $mounts = append $mounts .name }}{{ end }}{{ end -}}
{{- if not $volumes }}{{ $unlisted = append $unlisted $key }}{{ else if not $mounts }}{{ $unmounted = append $unmounted $key }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $list, $keys := dict "extraVolumes" $unlisted "extraVolumeMounts" $unmounted }}
{{- with $keys }}
{{ join " and " . }} and jupyterhub.hub.{{ $list }} contradict each other: the hub needs {{ gt (len .) 1 | ternary "them" "it" }} as well.

    jupyterhub:
      hub:
{{- include "highrate.login.files" (dict "root" $ "ca" $ca) | nindent 8 }}
{{ end }}
{{- end }}
{{- end -}}

{{/* Both lists as they should be: what else is in them, and ours. Takes root and the name of the ConfigMap of authorities. */}}
{{- define "highrate.login.files" -}}
{{- $hub := .root.Values.jupyterhub.hub -}}
{{- $ours := list "iam" "ca" -}}
extraVolumes:
{{- range $hub.extraVolumes }}{{ if not (has .name $ours) }}
  - {{ toJson . }}
{{- end }}{{ end }}
  - name: iam
    secret:
      secretName: {{ .root.Values.iam.existingSecret }}
      defaultMode: 0440
      items: [{ key: client-secret, path: client-secret }]
  - name: ca
    configMap: { name: {{ .ca | default "highrate-ca" }}, optional: true }
extraVolumeMounts:
{{- $paths := list "/etc/highrate/iam" "/etc/highrate/ca" }}
{{- range $hub.extraVolumeMounts }}{{ if not (or (has .name $ours) (has (trimSuffix "/" .mountPath) $paths)) }}
  - {{ toJson . }}
{{- end }}{{ end }}
  - { name: iam, mountPath: /etc/highrate/iam, readOnly: true }
  - { name: ca, mountPath: /etc/highrate/ca, readOnly: true }
{{- end -}}
