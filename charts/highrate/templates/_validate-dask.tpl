{{/* What Dask's values lack or contradict; nothing where Dask is switched off. */}}
{{- define "highrate.problems.dask" -}}
{{- if include "highrate.dask.enabled" . -}}
{{- $dask := .Values.dask -}}
{{- $catalogue := .Values.jupyterhub.custom.highrate.catalogue -}}
{{- $able := list -}}
{{- range $name, $image := $catalogue.images }}{{ if $image.offload }}{{ $able = append $able $name }}{{ end }}{{ end -}}
{{- if and $catalogue.images (not $able) (not $catalogue.freeImage.enabled) }}
jupyterhub.custom.highrate.dask.enabled and catalogue.images contradict each other: no image has offload: true, so nobody could make a
cluster. Mark one that has Dask:

    jupyterhub:
      custom:
        highrate:
          catalogue:
            images:
              {{ keys $catalogue.images | sortAlpha | first }}: { offload: true }
{{ end }}
{{- if not $dask.sites }}
dask.sites is missing: workers need a place.

    dask:
      sites:
        local: {}
{{ else }}
{{- include "highrate.problems.dask.defaults" . }}
{{- end }}
{{- range $name, $place := $dask.sites }}
{{- include "highrate.problems.dask.place" (dict "root" $ "name" $name "place" $place) }}
{{- end }}
{{- include "highrate.problems.dask.relay" . }}
{{- include "highrate.problems.dask.folders" . }}
{{- if and $dask.database.existingSecret $dask.database.storage.existingClaim }}
dask.database.existingSecret and dask.database.storage.existingClaim contradict each other: what is in the one is not in the other.

    dask:
      database:
        storage: { existingClaim: "" }
{{ end }}
{{- end -}}
{{- end -}}

{{/* The Pod Security standard where clusters are, as in highrate.podSecurity. */}}
{{- define "highrate.dask.podSecurity" -}}
{{- dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" (lookup "v1" "Namespace" "" (include "highrate.dask.namespace" .) | default dict) -}}
{{- end -}}

{{/* Folders of nodes, for which a namespace may be too strict; that of jobs is the site's machine's, but Kubernetes can't know. */}}
{{- define "highrate.problems.dask.folders" -}}
{{- $folders := list -}}
{{- range $name, $place := .Values.dask.sites -}}
{{- if and $place.node $place.cvmfs }}{{ $folders = append $folders $name }}{{ end -}}
{{- end -}}
{{- $here := .Values.jupyterhub.custom.highrate.cvmfs.mode | eq "hostPath" -}}
{{- $standard := "" -}}
{{- if or $folders $here }}{{ $standard = include "highrate.dask.podSecurity" . }}{{ end -}}
{{- if has $standard (list "restricted" "baseline") }}
{{- range $folders }}
dask.sites.{{ . }}.cvmfs and the namespace contradict each other: {{ include "highrate.dask.namespace" $ }} enforces the {{ $standard }} Pod Security standard,
which allows no folder of a machine, so that no worker could be made. Let the namespace be privileged, or the site show /cvmfs by itself:

    dask:
      sites:
        {{ . }}: { cvmfs: false }
{{ end }}
{{- if and $here (ne (include "highrate.dask.namespace" .) .Release.Namespace) }}
jupyterhub.custom.highrate.cvmfs.mode and dask.namespace contradict each other: {{ include "highrate.dask.namespace" . }} enforces the {{ $standard }} Pod Security
standard, which allows no hostPath, so that no scheduler could be made. Use a claim, there by the same name:

    jupyterhub:
      custom:
        highrate:
          cvmfs: { mode: pvc, claim: cvmfs }
{{ end }}
{{- end }}
{{- end -}}

{{- define "highrate.problems.dask.defaults" -}}
{{- $dask := .Values.dask -}}
{{- $open := list -}}
{{- range $name, $place := $dask.sites }}{{ if not $place.groups }}{{ $open = append $open $name }}{{ end }}{{ end -}}
{{- if not $open }}
dask.defaults.site and dask.sites contradict each other: every site is for some groups only, so whoever names none has none.

    dask:
      sites:
        {{ keys $dask.sites | sortAlpha | first }}: { groups: [] }
      defaults: { site: {{ keys $dask.sites | sortAlpha | first }} }
{{ else if not (has $dask.defaults.site $open) }}
dask.defaults.site and dask.sites contradict each other: {{ $dask.defaults.site }} is none of those for everybody, {{ join ", " $open }}.

    dask:
      defaults: { site: {{ first $open }} }
{{ end }}
{{- range $size := list "workerCores" "workerMemory" }}
{{- if gt (int (get $dask.defaults $size)) (int (get $dask.limits $size)) }}
dask.defaults.{{ $size }} and dask.limits.{{ $size }} contradict each other: {{ get $dask.defaults $size }} is more than {{ get $dask.limits $size }}.

    dask:
      defaults: { {{ $size }}: {{ get $dask.limits $size }} }
{{ end }}
{{- end }}
{{- end -}}

{{/* Takes root, name and place: one of dask.sites. */}}
{{- define "highrate.problems.dask.place" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $place := .place -}}
{{- $default := dig "wallTime" "default" "12h" $place -}}
{{- $maximum := dig "wallTime" "maximum" "48h" $place -}}
{{- if lt (include "highrate.seconds" $default | int64) 600 }}
dask.sites.{{ $name }}.wallTime.default and how workers live contradict each other: {{ $default }} is less than ten minutes.

    dask:
      sites:
        {{ $name }}: { wallTime: { default: 12h, maximum: 48h } }
{{ else if gt (include "highrate.seconds" $default | int64) (include "highrate.seconds" $maximum | int64) }}
dask.sites.{{ $name }}.wallTime.default and wallTime.maximum contradict each other: {{ $default }} is more than {{ $maximum }}.

    dask:
      sites:
        {{ $name }}: { wallTime: { default: {{ $maximum }}, maximum: {{ $default }} } }
{{ end }}
{{- if $place.node }}
{{- include "highrate.problems.dask.virtual" . }}
{{- else if $place.cvmfs }}
dask.sites.{{ $name }}.cvmfs is set, but is for virtual nodes: on ordinary ones workers have CVMFS as sessions do.

    dask:
      sites:
        {{ $name }}: { cvmfs: false }
{{ end }}
{{- end -}}

{{- define "highrate.problems.dask.virtual" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $place := .place -}}
{{- $dask := $root.Values.dask -}}
{{- if eq $name "local" }}
dask.sites.local.node is set, but local means ordinary nodes: this is the name of their network. Call the site otherwise:

    dask:
      sites:
        local: null
        {{ $place.node | replace "." "-" }}: {{ toJson $place }}
      defaults: { site: {{ $place.node | replace "." "-" }} }
{{ end }}
{{- if not $place.wallTime }}
dask.sites.{{ $name }}.wallTime is missing: the jobs behind virtual node {{ $place.node }} end at some time, and workers hand their data over
before.

    dask:
      sites:
        {{ $name }}: { wallTime: { default: 12h, maximum: 48h } }
{{ end }}
{{- if and (hasKey $place "reserved") (ne (toString $place.reserved) "1") }}
dask.sites.{{ $name }}.reserved is set, but is for ordinary nodes: a job has its cores for itself.

    dask:
      sites:
        {{ $name }}: { reserved: 1 }
{{ end }}
{{- if not $dask.relay.url }}
dask.relay.url is missing: workers of site {{ $name }} can't be dialled. Give the address at which its jobs reach the relay:

    dask:
      relay:
        url: https://relay.hub.example.org
{{ end }}
{{- $served := list -}}
{{- range $key, $site := $root.Values.sites -}}
{{- $values := include "highrate.site.values" (dict "root" $root "site" $site) | fromJson -}}
{{- if and (eq $values.nodeName $place.node) (not $values.allNamespaces) }}{{ $served = $values.namespaces | default list }}{{ end -}}
{{- end -}}
{{- $here := include "highrate.dask.namespace" $root -}}
{{- if eq $here $root.Release.Namespace }}
dask.namespace is missing: workers of site {{ $name }} can't be in {{ $here }}, whose Secrets no virtual kubelet may read. Name one that
the site serves:

    dask:
      namespace: {{ without $served $root.Release.Namespace | first | default "analysis" }}
{{ else if and $served (not (has $here $served)) }}
dask.namespace and the namespaces of site {{ $name }} contradict each other: {{ $here }} is none of {{ join ", " $served }}, which node {{ $place.node }} serves.

    dask:
      namespace: {{ first $served }}
{{ end }}
{{- end -}}

{{- define "highrate.problems.dask.relay" -}}
{{- $relay := .Values.dask.relay -}}
{{- $service := $relay.service -}}
{{- if and $relay.url (gt (int $relay.replicas) 1) (not (contains "{member}" $relay.url)) }}
dask.relay.url and dask.relay.replicas contradict each other: {{ $relay.replicas }} members need an address each. Put {member} into it:

    dask:
      relay:
        url: "{{ $relay.url | trimSuffix "/" }}/{member}"
{{ end }}
{{- if and $relay.url (ne $service.type "NodePort") $service.nodePorts }}
dask.relay.service.nodePorts and dask.relay.service.type contradict each other: a {{ $service.type }} has none.

    dask:
      relay:
        service: { nodePorts: [] }
{{ end }}
{{- if and $relay.url (eq $service.type "NodePort") (ne (len $service.nodePorts) (int $relay.replicas)) }}
dask.relay.service.nodePorts and dask.relay.replicas contradict each other: each member has a port of its own, which its address names.

    dask:
      relay:
        service:
          nodePorts: [{{ range $member := until (int $relay.replicas) }}{{ if $member }}, {{ end }}{{ add 30443 $member }}{{ end }}]
{{ end }}
{{- if and $relay.url (eq $service.type "NodePort") (not $relay.existingTlsSecret) }}
dask.relay.existingTlsSecret is missing: nothing ends TLS in front of a NodePort. Name the Secret (type kubernetes.io/tls) with the
certificate of the members' addresses:

    dask:
      relay:
        existingTlsSecret: relay-tls
{{ end }}
{{- end -}}
