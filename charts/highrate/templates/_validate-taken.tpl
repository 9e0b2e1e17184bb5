{{/*
Values of Zero to JupyterHub that would have no effect, since the platform's spawner and pages set the same themselves: told here,
and by hub_config (conflicts.py) once more, for what only the hub sees. A test compares the two.

Of each entry: `key` of Zero to JupyterHub and `trait` of its spawner, which hub.config reaches as well; what is `accepted`, its
own default first; the key of ours that has the effect, below jupyterhub.custom.highrate, which `carries` the value over where both
mean the same; or what else to `write`; and why.
*/}}
{{- define "highrate.taken" -}}
{{- $version := .Subcharts.jupyterhub.Chart.Version -}}
{{- $restricted := "users' pods are of the restricted Pod Security standard." -}}
{{- $sizes := "users choose how much their pod may use." -}}
{{- $reserved := "the part of what users choose that is reserved is the same for all choices." -}}
{{- $claims := "the home is a volume of the platform's." -}}
{{- $blocker := "there is no container that blocks addresses; the NetworkPolicy does." -}}
{{- $image := dict "title" "JupyterLab" "image" "registry.example.org/highrate/jupyterlab:1.0" "default" true -}}
{{- $catalogue := dict "catalogue" (dict "images" (dict "lab" $image)) | toJson -}}
- { key: singleuser.image.name, trait: image, accepted: [quay.io/jupyterhub/k8s-singleuser-sample], write: {{ $catalogue }}, why: users choose from the catalogue. }
- { key: singleuser.image.tag, accepted: ["{{ $version }}"], write: {{ $catalogue }}, why: users choose from the catalogue. }
- { key: singleuser.cpu.limit, trait: cpu_limit, accepted: [null], ours: catalogue.cores, why: {{ $sizes }} }
- { key: singleuser.cpu.guarantee, trait: cpu_guarantee, accepted: [null], ours: catalogue.guarantee.cores, why: {{ $reserved }} }
- { key: singleuser.memory.limit, trait: mem_limit, accepted: [null], ours: catalogue.memory, why: {{ $sizes }} }
- { key: singleuser.memory.guarantee, trait: mem_guarantee, accepted: [1G, null], ours: catalogue.guarantee.memory, why: {{ $reserved }} }
- { key: singleuser.uid, trait: uid, accepted: [1000], ours: home.uid, carries: true, why: {{ $restricted }} }
- { trait: gid, accepted: [null], ours: home.gid, carries: true, why: {{ $restricted }} }
- { key: singleuser.fsGid, trait: fs_gid, accepted: [100], ours: home.gid, carries: true, why: {{ $restricted }} }
- { key: singleuser.allowPrivilegeEscalation, trait: allow_privilege_escalation, accepted: [false], why: {{ $restricted }} }
- { trait: privileged, accepted: [null, false], why: {{ $restricted }} }
- { trait: container_security_context, accepted: [null], why: {{ $restricted }} }
- { trait: pod_security_context, accepted: [null], why: {{ $restricted }} }
- { trait: automount_service_account_token, accepted: [null, false], why: users' pods have no token of Kubernetes. }
- { trait: working_dir, accepted: [null], ours: home.mountPath, carries: true, why: sessions begin at home. }
- { key: singleuser.extraPodConfig.enableServiceLinks, accepted: [null, false], why: users' pods aren't told the namespace's services. }
- { key: singleuser.storage.capacity, trait: storage_capacity, accepted: [10Gi, null], ours: home.capacity, carries: true, why: {{ $claims }} }
- { key: singleuser.storage.homeMountPath, accepted: [/home/jovyan], ours: home.mountPath, carries: true, why: {{ $claims }} }
- { key: singleuser.storage.static.pvcName, accepted: [null], why: {{ $claims }} }
- { key: singleuser.storage.static.subPath, accepted: ["{username}", null], why: {{ $claims }} }
- { key: singleuser.storage.dynamic.storageClass, trait: storage_class, accepted: [null], ours: home.storageClass, carries: true, why: {{ $claims }} }
- { key: singleuser.storage.dynamic.storageAccessModes, trait: storage_access_modes, accepted: [[ReadWriteOnce], null], ours: home.accessModes, carries: true, why: {{ $claims }} }
- { key: singleuser.storage.dynamic.pvcNameTemplate, trait: pvc_name_template, accepted: [null], why: a user's home is the claim claim-USER. }
- { key: singleuser.storage.dynamic.volumeNameTemplate, accepted: ["volume-{user_server}", null], why: {{ $claims }} }
- { key: singleuser.storage.dynamic.subPath, accepted: [null], why: {{ $claims }} }
- { trait: delete_pvc, accepted: [null, false], why: homes are kept when a user is deleted. }
- { trait: profile_list, accepted: [null, []], write: {{ $catalogue }}, why: users choose from the catalogue. }
- { trait: profile_form_template, accepted: [null], why: the spawn page is the platform's. }
- { trait: additional_profile_form_template_paths, accepted: [null], why: the spawn page is the platform's. }
- { key: singleuser.networkTools.image.name, accepted: [quay.io/jupyterhub/k8s-network-tools], why: {{ $blocker }} }
- { key: singleuser.networkTools.image.tag, accepted: ["{{ $version }}"], why: {{ $blocker }} }
- { key: singleuser.networkTools.image.pullPolicy, accepted: [null], why: {{ $blocker }} }
- { key: singleuser.networkTools.image.pullSecrets, accepted: [[], null], why: {{ $blocker }} }
- { key: singleuser.networkTools.resources, accepted: [null, {}], why: {{ $blocker }} }
{{- end -}}

{{- define "highrate.problems.taken" -}}
{{- $root := . -}}
{{- range include "highrate.taken" . | fromYamlArray -}}
{{- $entry := . -}}
{{- if .key -}}
{{- include "highrate.problems.ineffective" (dict "root" $root "entry" $entry "key" .key) -}}
{{- end -}}
{{- if .trait -}}
{{- range list "Spawner" "KubeSpawner" "PlatformSpawner" -}}
{{- $key := printf "hub.config.%s.%s" . $entry.trait -}}
{{- $asTrait := set (omit $entry "accepted") "accepted" (prepend $entry.accepted nil) -}}
{{- include "highrate.problems.ineffective" (dict "root" $root "entry" $asTrait "key" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The sentence for one key, if its value isn't one of those accepted; takes root, entry and key. */}}
{{- define "highrate.problems.ineffective" -}}
{{- $entry := .entry -}}
{{- $value := (include "highrate.at" (dict "values" .root.Values.jupyterhub "path" .key) | fromJson).value -}}
{{- $accepted := list -}}
{{- range $entry.accepted }}{{ $accepted = append $accepted (toJson .) }}{{ end -}}
{{- if not (has (toJson $value) $accepted) }}
{{- $write := dict "custom" (dict "highrate" ($entry.write | default dict)) -}}
{{- with $entry.ours -}}
{{- $current := (include "highrate.at" (dict "values" $.root.Values.jupyterhub.custom.highrate "path" .) | fromJson).value -}}
{{- $carried := ternary $value $current (and $entry.carries (not (kindIs "invalid" $value)) | empty | not) -}}
{{- $write = include "highrate.nested" (dict "path" (printf "custom.highrate.%s" .) "value" $carried) | fromJson -}}
{{- end -}}
{{- $instead := or $entry.ours $entry.write | empty | not -}}
{{- $remove := include "highrate.nested" (dict "path" .key "value" (first $entry.accepted)) | fromJson }}
jupyterhub.{{ .key }} is set, but has no effect: {{ $entry.why }} {{ $instead | ternary "Write instead" "Remove it, or write" }}

{{ dict "jupyterhub" (merge $remove ($instead | ternary $write dict)) | toYaml | indent 4 }}
{{ end -}}
{{- end -}}

{{/* The value at a dotted path, as the JSON object {"value": ...}; null where there is none. Takes values and path. */}}
{{- define "highrate.at" -}}
{{- $value := .values -}}
{{- range splitList "." .path -}}
{{- $value = kindIs "map" $value | ternary (index ($value | default dict) .) nil -}}
{{- end -}}
{{ dict "value" $value | toJson }}
{{- end -}}

{{/* A value below a dotted path, as JSON. Takes path and value. */}}
{{- define "highrate.nested" -}}
{{- $value := .value -}}
{{- range splitList "." .path | reverse }}{{ $value = dict . $value }}{{ end -}}
{{ toJson $value }}
{{- end -}}
