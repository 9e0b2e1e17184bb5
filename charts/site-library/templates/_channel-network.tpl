{{/* The way of jobs to the sidecar: a Service beside the edge's, which only the virtual kubelet calls, and an Ingress. */}}

{{- define "site.channel.service" -}}
{{- if include "site.channel.enabled" . }}
{{- $service := .values.channel.service }}
{{- $id := dict "site" . "component" "edge" "name" (printf "%s-channel" .name) -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
  {{- with $service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $service.type }}
  selector:
    {{- include "site.selector" $id | nindent 4 }}
  ports:
    - name: channel
      {{- /* For ingresses; load balancers of some clouds would probe by it, and take a 401 for an outage. */}}
      {{- if ne $service.type "LoadBalancer" }}
      appProtocol: {{ include "site.channel.scheme" . }}
      {{- end }}
      port: {{ eq $service.type "LoadBalancer" | ternary (include "site.port" .values.channel.url) (include "site.channel.port" .) }}
      targetPort: channel
      {{- with $service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "site.channel.ingress" -}}
{{- if and (include "site.channel.enabled" .) .values.channel.ingress.enabled }}
{{- $ingress := .values.channel.ingress }}
{{- $host := (urlParse .values.channel.url).host | splitList ":" | first | lower -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "site.metadata" (dict "site" . "component" "edge" "name" (printf "%s-channel" .name)) | nindent 2 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  tls:
    - hosts: [{{ $host | quote }}]
      {{- with $ingress.tlsSecret }}
      secretName: {{ . | quote }}
      {{- end }}
  rules:
    - host: {{ $host | quote }}
      http:
        paths:
          - path: {{ (urlParse .values.channel.url).path | default "/" | quote }}
            pathType: Exact
            backend:
              service:
                name: {{ printf "%s-channel" .name | quote }}
                port: { name: channel }
{{- end }}
{{- end -}}
