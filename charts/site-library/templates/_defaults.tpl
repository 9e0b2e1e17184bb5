{{/* Made by charts/reference.py from charts/site-library/site.schema.yaml; change that. */}}
{{- define "site.defaults" -}}
nodeName: ''
image:
  repository: ''
  tag: ''
  digest: ''
  pullPolicy: IfNotPresent
  pullSecrets: []
node:
  resources:
    cpu: '100'
    memory: 400Gi
    pods: 500
    ephemeralStorage: 10Ti
    extended: {}
  labels: {}
  taints: []
  noScheduleTaint: true
  notReadyAfter: 0
  serviceLinks: false
  apiToken: false
  kubernetesApi:
    address: ''
    port: 443
    certificates: ''
  statusPoll:
    min: 1
    max: 10
  refreshInterval: 30
namespaces: []
allNamespaces: false
edge:
  mode: remote
  url: ''
  storage:
    size: 10Gi
    className: ''
    existingClaim: ''
  existingTlsSecret: ''
condor:
  mode: schedd
  collector: ''
  schedd: ''
  instance: ''
  settings: {}
channel:
  enabled: false
  url: ''
  existingTlsSecret: ''
  authorities:
    certificates: ''
    existingConfigMap: ''
    existingSecret: ''
  existingSecret: ''
  service:
    type: ClusterIP
    nodePort: 0
    annotations: {}
  ingress:
    enabled: false
    className: ''
    tlsSecret: ''
    annotations:
      nginx.ingress.kubernetes.io/proxy-read-timeout: '3600'
      nginx.ingress.kubernetes.io/proxy-send-timeout: '3600'
token:
  issuer: ''
  tokenUrl: ''
  clientId: ''
  grant: client_credentials
  clientAuthentication: basic
  audience: ''
  audienceParameter: audience
  scope: ''
  existingSecret: ''
caBundle:
  certificates: ''
  existingConfigMap: ''
kubelet:
  logStreams: 200
  port: 10250
  existingTlsSecret: ''
  clientCa: ''
networkPolicy:
  enabled: true
  apiServerPorts:
  - 443
  - 6443
  metricsFrom: []
  extraEgress: []
metrics:
  annotations: false
  podMonitor:
    enabled: false
    labels: {}
    interval: 30s
logLevel: info
pods:
  annotations: {}
  labels: {}
  nodeSelector:
    kubernetes.io/os: linux
  tolerations: []
  affinity: {}
  priorityClassName: ''
resources:
  virtualKubelet:
    requests:
      cpu: 100m
      memory: 128Mi
    limits:
      memory: 512Mi
  tokenRefresher:
    requests:
      cpu: 10m
      memory: 64Mi
    limits:
      memory: 128Mi
  interlink:
    requests:
      cpu: 50m
      memory: 96Mi
    limits:
      memory: 512Mi
  sidecar:
    requests:
      cpu: 100m
      memory: 256Mi
    limits:
      memory: 1Gi
{{- end -}}
