{{/* What to try next, after an install or upgrade of one site. */}}
{{- define "site.notes" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $node := .values.nodeName -}}
The virtual node {{ $node }} joins the cluster within a minute. Its condition InterlinkConnectivity tells whether the site
answers, and if not, why:

    kubectl get node {{ $node }}
    kubectl describe node {{ $node }}
    kubectl logs -n {{ $namespace }} deploy/{{ .name }}-vk -c virtual-kubelet
{{- if eq .values.edge.mode "cluster" }}
    kubectl logs -n {{ $namespace }} {{ .name }}-edge-0 -c condor-sidecar
{{- end }}
{{- if include "site.channel.enabled" . }}

Jobs dial {{ .values.channel.url }}, which has to lead to this Service from the site's worker nodes; without a ticket it
answers 401:

    kubectl get service -n {{ $namespace }} {{ .name }}-channel
    curl {{ if include "site.channel.authorities" . }}--cacert ca.crt {{ end }}{{ .values.channel.url | replace "wss://" "https://" }}
{{- end }}

A pod to try; those that tolerate the node's taint and select it go there:

kubectl apply -f - <<'POD'
apiVersion: v1
kind: Pod
metadata:
  name: hello
  namespace: {{ .values.namespaces | default (list $namespace) | first | quote }}
spec:
  restartPolicy: Never
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    seccompProfile: { type: RuntimeDefault }
  nodeSelector:
    kubernetes.io/hostname: {{ $node | quote }}
  tolerations:
    - key: virtual-node.interlink/no-schedule
      operator: Exists
  containers:
    - name: hello
      image: docker.io/library/debian:trixie-slim
      command: [uname, -a]
      securityContext:
        allowPrivilegeEscalation: false
        capabilities: { drop: [ALL] }
      resources:
        requests: { cpu: "1", memory: 500Mi }
POD

    kubectl logs -f -n {{ .values.namespaces | default (list $namespace) | first }} hello
{{- if .values.allNamespaces }}

The virtual kubelet may read every Secret of this cluster (allNamespaces).
{{- end }}
{{- end -}}
