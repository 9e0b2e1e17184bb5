{{/* What to try next, after an install or upgrade of one site. */}}
{{- define "site.notes" -}}
{{- $ns := .root.Release.Namespace -}}
{{- $node := .values.nodeName -}}
The virtual node {{ $node }} joins the cluster within a minute:

    kubectl get node {{ $node }}
    kubectl describe node {{ $node }}     # InterlinkConnectivity tells whether the site answers, and if not, why
    kubectl logs -n {{ $ns }} deploy/{{ .name }}-vk -c virtual-kubelet

Pods come to it if they tolerate its taint and ask for it:

    kubectl run hello -n {{ .values.namespaces | default (list $ns) | first }} --restart=Never --image=debian:trixie-slim --overrides='{"spec":{
      "nodeName":"{{ $node }}","tolerations":[{"key":"virtual-node.interlink/no-schedule","operator":"Exists"}]}}' -- echo hello
{{- if .values.allNamespaces }}

The virtual kubelet may read every Secret of this cluster (allNamespaces).
{{- end }}
{{- end -}}
