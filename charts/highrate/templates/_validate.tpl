{{/*
What the schema can't say: values that are missing or that contradict each other. All of them are told at once, each
with a sentence and the YAML to write.
*/}}
{{- define "highrate.validate" -}}
{{- $problems := list -}}
{{- range $about := list "platform" "login" "address" "catalogue" "pods" "taken" "beside" "cvmfs" "tokens" "sites" "dask" -}}
{{- $problems = append $problems (include (printf "highrate.problems.%s" $about) $ | trim) -}}
{{- end -}}
{{- with without $problems "" -}}
{{- fail (printf "\n\nThe values can't be used as they are.\n\n%s\n" (join "\n\n" .)) -}}
{{- end -}}
{{- end -}}

{{- define "highrate.problems.platform" -}}
{{- if not .Values.image.repository }}
image.repository is missing: where this cluster finds the image of the services.

    image:
      repository: registry.example.org/highrate/services
{{ end }}
{{- if not (and .Values.jupyterhub.hub.image.name .Values.jupyterhub.hub.image.tag) }}
jupyterhub.hub.image is missing: the platform's own image of the hub, which holds its authenticator and spawner.

    jupyterhub:
      hub:
        image: { name: registry.example.org/highrate/hub, tag: "1.0" }
{{ end }}
{{- if and .Values.caBundle.certificates .Values.caBundle.existingConfigMap }}
caBundle.certificates and caBundle.existingConfigMap contradict each other: one of them is enough.

    caBundle:
      certificates: ""
      existingConfigMap: {{ .Values.caBundle.existingConfigMap }}
{{ end }}
{{- if and .Values.metrics.podMonitor.enabled (not (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) }}
metrics.podMonitor.enabled needs the Prometheus operator, and this cluster doesn't know its monitoring.coreos.com/v1.

    metrics:
      podMonitor:
        enabled: false
{{ end }}
{{- end -}}

{{/* Tokens and passwords go through the proxy: something must end TLS. */}}
{{- define "highrate.problems.address" -}}
{{- $jupyterhub := .Values.jupyterhub -}}
{{- $https := $jupyterhub.proxy.https -}}
{{- if and (not $https.enabled) (not (and $jupyterhub.ingress.enabled $jupyterhub.ingress.tls)) (not $jupyterhub.httpRoute.enabled) }}
jupyterhub.proxy.https is missing: nothing would encrypt what people and the hub say to each other. With a certificate in a
Secret (type kubernetes.io/tls):

    jupyterhub:
      proxy:
        https:
          enabled: true
          type: secret
          secret: { name: hub-tls }

Where a load balancer in front ends TLS:

    jupyterhub:
      proxy:
        https: { enabled: true, type: offload }
{{ end }}
{{- if and $https.enabled (eq $https.type "letsencrypt") (not $https.hosts) }}
jupyterhub.proxy.https.hosts is missing: without names of the hub there is no certificate of Let's Encrypt, and no encryption.

    jupyterhub:
      proxy:
        https:
          hosts: [hub.example.org]
          letsencrypt: { contactEmail: computing@example.org }
{{ end }}
{{- if and $https.enabled (eq $https.type "secret") (not $https.secret.name) }}
jupyterhub.proxy.https.secret.name is missing: the Secret (type kubernetes.io/tls) with the certificate of the hub's address.

    jupyterhub:
      proxy:
        https:
          secret: { name: hub-tls }
{{ end }}
{{- end -}}
