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
{{- $mounted := .Values.jupyterhub.hub.extraVolumes | toJson }}
{{- $ca := include "highrate.ca.name" . }}
{{- $what := list }}
{{- if not (contains (printf "%q" .Values.iam.existingSecret) $mounted) }}{{ $what = append $what "iam.existingSecret" }}{{ end }}
{{- if and $ca (not (contains (printf "%q" $ca) $mounted)) }}{{ $what = append $what "caBundle" }}{{ end }}
{{- with $what }}
{{ join " and " . }} and jupyterhub.hub.extraVolumes contradict each other: the hub needs them as well.

    jupyterhub:
      hub:
        extraVolumes:
          - name: iam
            secret:
              secretName: {{ $.Values.iam.existingSecret }}
              defaultMode: 0440
              items: [{ key: client-secret, path: client-secret }]
          - name: ca
            configMap: { name: {{ $ca | default "highrate-ca" }}, optional: true }
{{ end }}
{{- end -}}
