{{/*
What a Role can't say: a rule about pods holds for the pods of every node. This policy takes the rest away from the virtual
kubelet, as Kubernetes' own NodeRestriction does from kubelets: it changes and removes pods of its node only, makes no node
but its own, and asks for tokens only on behalf of a pod.
*/}}
{{- define "site.admission" -}}
{{- $name := printf "%s.%s" .root.Release.Namespace .name -}}
{{- $labels := include "site.labels" (dict "site" . "component" "virtual-kubelet") -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name | quote }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [UPDATE, DELETE]
        resources: [pods, pods/status]
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [CREATE]
        resources: [nodes, serviceaccounts/token]
  matchConditions:
    - name: is-the-virtual-kubelet
      expression: >-
        request.userInfo.username == 'system:serviceaccount:{{ .root.Release.Namespace }}:{{ .name }}-vk'
  validations:
    - expression: >-
        request.resource.resource != 'pods' || oldObject.spec.?nodeName.orValue('') == '{{ .values.nodeName }}'
      message: the virtual kubelet may change pods of its own node only, {{ .values.nodeName }}
    - expression: >-
        request.resource.resource != 'nodes' || object.metadata.name == '{{ .values.nodeName }}'
      message: the virtual kubelet may make its own node only, {{ .values.nodeName }}
    - expression: >-
        request.resource.resource != 'serviceaccounts' || object.spec.?boundObjectRef.?kind.orValue('') == 'Pod'
      message: the virtual kubelet may ask only for tokens that are bound to a pod
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name | quote }}
  labels:
    {{- $labels | nindent 4 }}
spec:
  policyName: {{ $name | quote }}
  validationActions: [Deny]
{{- end -}}
