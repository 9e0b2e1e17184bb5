{{/*
interLink and the HTCondor sidecar where they run in the cluster. A workload of its own, so that the virtual kubelet can be
replaced without it; a StatefulSet, because two sidecars must never work on one journal, also while a node is unreachable.
*/}}

{{- define "site.edge.statefulSet" -}}
{{- $id := dict "site" . "component" "edge" "name" (printf "%s-edge" .name) -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "site.metadata" $id | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ .name }}-edge
  # There is one pod all the same. Ordered ones would keep one that never became ready also when the values that broke it are corrected.
  podManagementPolicy: Parallel
  selector:
    matchLabels:
      {{- include "site.selector" $id | nindent 6 }}
  template:
    metadata:
      {{- $config := include "site.edge.settings" . }}
      {{- include "site.podMetadata" (merge (dict "config" $config "metricsPort" 9103) $id) | nindent 6 }}
    spec:
      serviceAccountName: {{ .name }}-edge
      terminationGracePeriodSeconds: 40
      {{- include "site.podBasics" . | nindent 6 }}
      containers:
        - name: interlink
          {{- include "site.containerBasics" . | nindent 10 }}
          args: [interlink-server, --config, /etc/highrate/config/interlink.yaml, --log-level, {{ .values.logLevel }}]
          ports:
            - { name: interlink, containerPort: 8443 }
            - { name: metrics, containerPort: 9102 }
          {{- include "site.probes" "metrics" | nindent 10 }}
          resources:
            {{- toYaml .values.resources.interlink | nindent 12 }}
          volumeMounts:
            - { name: config, mountPath: /etc/highrate/config, readOnly: true }
            - { name: edge-tls, mountPath: /etc/highrate/edge-tls, readOnly: true }
            - { name: sockets, mountPath: /run/highrate/sockets }
        - name: condor-sidecar
          {{- include "site.containerBasics" . | nindent 10 }}
          args: [condor-sidecar, --config, /etc/highrate/config/condor-sidecar.yaml, --log-level, {{ .values.logLevel }}]
          ports:
            - { name: metrics-condor, containerPort: 9103 }
            {{- if include "site.channel.enabled" . }}
            - { name: channel, containerPort: {{ include "site.channel.port" . }} }
            {{- end }}
          {{- include "site.probes" "metrics-condor" | nindent 10 }}
          resources:
            {{- toYaml .values.resources.sidecar | nindent 12 }}
          volumeMounts:
            - { name: config, mountPath: /etc/highrate/config, readOnly: true }
            - { name: sockets, mountPath: /run/highrate/sockets }
            - { name: state, mountPath: /var/lib/highrate }
            - { name: token, mountPath: /run/highrate/token, readOnly: true }
            - { name: tmp, mountPath: /tmp }
            {{- include "site.ca.mount" . | nindent 12 }}
            {{- include "site.channel.mounts" . | trim | nindent 12 }}
        {{- include "site.token.container" . | nindent 8 }}
      volumes:
        - name: config
          configMap: { name: {{ .name }}-edge }
        - name: edge-tls
          secret: { secretName: {{ include "site.edge.tlsName" . | quote }}, defaultMode: 0440 }
        - name: sockets
          emptyDir: { medium: Memory, sizeLimit: 1Mi }
        - name: state
          persistentVolumeClaim: { claimName: {{ include "site.edge.claimName" . | quote }} }
        - name: tmp
          emptyDir: { sizeLimit: 1Gi }
        {{- include "site.token.volumes" . | nindent 8 }}
        {{- include "site.ca.volume" . | nindent 8 }}
        {{- include "site.channel.volumes" . | trim | nindent 8 }}
{{- end -}}
