{{/* How the virtual kubelet reaches interLink in the cluster: a Service, and certificates that both sides show. */}}

{{- define "site.edge.host" -}}
{{ .name }}-edge.{{ .root.Release.Namespace }}.svc
{{- end -}}

{{- define "site.edge.service" -}}
{{- $id := dict "site" . "component" "edge" "name" (printf "%s-edge" .name) -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
spec:
  selector:
    {{- include "site.selector" $id | nindent 4 }}
  ports:
    - { name: interlink, port: 8443, targetPort: interlink }
{{- end -}}

{{- define "site.edge.tlsName" -}}
{{ .values.edge.existingTlsSecret | default (printf "%s-edge-tls" .name) }}
{{- end -}}

{{/*
One certificate for both ends of the way, signed by an authority whose key is thrown away at once: only holders of this
Secret can speak on it. Made at install, found again by every upgrade.
*/}}
{{- define "site.edge.tlsSecret" -}}
{{- if not .values.edge.existingTlsSecret }}
{{- $name := include "site.edge.tlsName" . -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "site.metadata" (dict "site" . "component" "edge" "name" $name) | nindent 2 }}
type: kubernetes.io/tls
{{- with lookup "v1" "Secret" .root.Release.Namespace $name }}
data:
  {{- toYaml .data | nindent 2 }}
{{- else }}
{{- $host := include "site.edge.host" . -}}
{{- $ca := genCA (printf "%s authority" $host) 3650 -}}
{{- $pair := genSignedCert $host nil (list $host) 3650 $ca }}
data:
  ca.crt: {{ $ca.Cert | b64enc }}
  tls.crt: {{ $pair.Cert | b64enc }}
  tls.key: {{ $pair.Key | b64enc }}
{{- end }}
{{- end }}
{{- end -}}
