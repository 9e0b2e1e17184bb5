{{/*
What the virtual kubelet may do: keep its own node and lease, see pods, tell their state and remove those that ended, and,
in the namespaces of the values only, read what pods mount. The edge needs nothing of the Kubernetes API.
*/}}

{{- define "site.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "site.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{- define "site.rbac.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}-vk
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}

{{- define "site.rbac.podResources" -}}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
{{- if .values.node.serviceLinks }}
- apiGroups: [""]
  resources: [services]
  verbs: [get, list]
{{- end }}
{{- end -}}

{{/* Every pod is told of the API server's Service. */}}
{{- define "site.rbac.apiServer" -}}
- apiGroups: [""]
  resources: [services]
  resourceNames: [kubernetes]
  verbs: [get]
{{- end -}}

{{- define "site.rbac.cluster" -}}
{{- $labels := include "site.labels" (dict "site" . "component" "virtual-kubelet") -}}
{{- $name := include "site.clusterName" . -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- $labels | nindent 4 }}
rules:
  # A name can't restrict create.
  - apiGroups: [""]
    resources: [nodes]
    verbs: [create]
  - apiGroups: [""]
    resources: [nodes]
    resourceNames: [{{ .values.nodeName | quote }}]
    verbs: [get, patch]
  - apiGroups: [""]
    resources: [nodes/status]
    resourceNames: [{{ .values.nodeName | quote }}]
    verbs: [patch]
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch, delete]
  - apiGroups: [""]
    resources: [pods/status]
    verbs: [patch]
  - apiGroups: [""]
    resources: [events]
    verbs: [create, patch]
  # Which driver and which of its volumes stand behind a claim; volumes belong to no namespace.
  - apiGroups: [""]
    resources: [persistentvolumes]
    verbs: [get]
  {{- if .values.allNamespaces }}
  {{- include "site.rbac.podResources" . | nindent 2 }}
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- $labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
{{ include "site.rbac.subjects" . }}
---
# Who may use the kubelet port is the API server's word: it is asked by TokenReview and SubjectAccessReview.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}:kubelet-port
  labels:
    {{- $labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:auth-delegator
{{ include "site.rbac.subjects" . }}
{{- end -}}

{{/* A Role of the given rules in one namespace, bound to the virtual kubelet; takes site, namespace, rules. */}}
{{- define "site.rbac.inNamespace" -}}
{{- $labels := include "site.labels" (dict "site" .site "component" "virtual-kubelet") -}}
{{- $name := include "site.clusterName" .site -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ .namespace | quote }}
  labels:
    {{- $labels | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ .namespace | quote }}
  labels:
    {{- $labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
{{ include "site.rbac.subjects" .site }}
{{- end -}}

{{- define "site.rbac.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .values.nodeName | quote }}]
  verbs: [get, patch]
{{- end -}}

{{/* The authority of the API server's client certificate stands in a ConfigMap that Kubernetes has a Role for. */}}
{{- define "site.rbac.clientCa" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "site.clusterName" . }}
  namespace: kube-system
  labels:
    {{- include "site.labels" (dict "site" . "component" "virtual-kubelet") | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: extension-apiserver-authentication-reader
{{ include "site.rbac.subjects" . }}
{{- end -}}

{{- define "site.rbac" -}}
{{ include "site.rbac.cluster" . }}
---
{{ include "site.rbac.inNamespace" (dict "site" . "namespace" "kube-node-lease" "rules" (include "site.rbac.leaseRules" .)) }}
{{- if not .values.kubelet.clientCa }}
---
{{ include "site.rbac.clientCa" . }}
{{- end }}
{{- if not .values.allNamespaces }}
{{- $namespaces := .values.namespaces | default (list .root.Release.Namespace) }}
{{- if and .values.node.serviceLinks (not (has "default" $namespaces)) }}
---
{{ include "site.rbac.inNamespace" (dict "site" . "namespace" "default" "rules" (include "site.rbac.apiServer" .)) }}
{{- end }}
{{- range $namespaces }}
---
{{ include "site.rbac.inNamespace" (dict "site" $ "namespace" . "rules" (include "site.rbac.podResources" $)) }}
{{- end }}
{{- end }}
{{- end -}}
