{{- define "site.vk.deployment" -}}
{{- $id := dict "site" . "component" "virtual-kubelet" "name" (printf "%s-vk" .name) -}}
{{- $cluster := eq .values.edge.mode "cluster" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
spec:
  replicas: 1
  # Two virtual kubelets of one node would submit everything twice.
  strategy:
    type: Recreate
  selector:
    matchLabels:
      {{- include "site.selector" $id | nindent 6 }}
  template:
    metadata:
      {{- $config := include "site.vk.settings" . }}
      {{- include "site.podMetadata" (merge (dict "config" $config "metricsPort" 9101) $id) | nindent 6 }}
    spec:
      serviceAccountName: {{ .name }}-vk
      # Longer than the service's own limit for draining.
      terminationGracePeriodSeconds: 40
      {{- include "site.podBasics" . | nindent 6 }}
      containers:
        - name: virtual-kubelet
          {{- include "site.containerBasics" . | nindent 10 }}
          args: [virtual-kubelet, --config, /etc/highrate/config/virtual-kubelet.yaml, --log-level, {{ .values.logLevel }}]
          env:
            - { name: NODENAME, value: {{ .values.nodeName | quote }} }
            - name: POD_IP
              valueFrom:
                fieldRef: { fieldPath: status.podIP }
          ports:
            - { name: kubelet, containerPort: {{ .values.kubelet.port }} }
            - { name: metrics, containerPort: 9101 }
          {{- include "site.probes" "metrics" | nindent 10 }}
          resources:
            {{- toYaml .values.resources.virtualKubelet | nindent 12 }}
          volumeMounts:
            - { name: config, mountPath: /etc/highrate/config, readOnly: true }
            - { name: api-access, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
            - { name: tmp, mountPath: /tmp }
            {{- if $cluster }}
            - { name: edge-tls, mountPath: /etc/highrate/edge-tls, readOnly: true }
            {{- else }}
            - { name: token, mountPath: /run/highrate/token, readOnly: true }
            {{- end }}
            {{- if .values.kubelet.existingTlsSecret }}
            - { name: kubelet-tls, mountPath: /etc/highrate/kubelet-tls, readOnly: true }
            {{- end }}
            {{- include "site.ca.mount" . | nindent 12 }}
        {{- if not $cluster }}
        {{- include "site.token.container" . | nindent 8 }}
        {{- end }}
      volumes:
        - name: config
          configMap: { name: {{ .name }}-vk }
        - name: tmp
          emptyDir: { sizeLimit: 64Mi }
        # As Kubernetes would mount it by itself, but for one container only.
        - name: api-access
          projected:
            defaultMode: 0440
            sources:
              - serviceAccountToken: { path: token, expirationSeconds: 3607 }
              - configMap:
                  name: kube-root-ca.crt
                  items:
                    - { key: ca.crt, path: ca.crt }
              - downwardAPI:
                  items:
                    - path: namespace
                      fieldRef: { fieldPath: metadata.namespace }
        {{- if $cluster }}
        - name: edge-tls
          secret: { secretName: {{ include "site.edge.tlsName" . | quote }}, defaultMode: 0440 }
        {{- else }}
        {{- include "site.token.volumes" . | nindent 8 }}
        {{- end }}
        {{- with .values.kubelet.existingTlsSecret }}
        - name: kubelet-tls
          secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
        {{- end }}
        {{- include "site.ca.volume" . | nindent 8 }}
{{- end -}}
