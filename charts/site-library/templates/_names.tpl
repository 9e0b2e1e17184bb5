{{/*
Names and labels. Every template of this library takes a *site*: a dict with
  root    the chart's top-level scope (Release, Chart, Capabilities)
  name    prefix of the names of all objects, from "site.name"; empty for what belongs to no site
  values  the keys of site.schema.yaml
*/}}

{{/*
A prefix for object names made of any text, at most 40 characters long: StatefulSets append a hash to their name in a
label (63 characters), and we append the component. Release names may hold dots, begin with a digit or be longer, which
Services don't allow; what had to be changed gets a hash, so that no two texts give the same prefix.
*/}}
{{- define "site.name" -}}
{{- $text := . -}}
{{- if regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" $text -}}
{{- $text -}}
{{- else -}}
{{- printf "n-%s-%s" ($text | replace "." "-" | trunc 28 | trimSuffix "-") (sha256sum $text | trunc 8) -}}
{{- end -}}
{{- end -}}

{{/* Names of cluster-wide objects, and of objects in namespaces that others share, carry the release's namespace. */}}
{{- define "site.clusterName" -}}
{{- printf "%s:%s" .root.Release.Namespace .name -}}
{{- end -}}

{{/* Labels that select the pods of one component; immutable in a workload, so nothing that an upgrade may change. */}}
{{- define "site.selector" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .site.root.Release.Name | quote }}
{{- with .site.name }}
highrate/site: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "site.labels" -}}
{{- $chart := .site.root.Chart -}}
{{ include "site.selector" . }}
app.kubernetes.io/part-of: highrate
app.kubernetes.io/version: {{ $chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .site.root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $chart.Name $chart.Version | replace "+" "_" }}
{{- end -}}

{{/* metadata of an object of the release's namespace: name, namespace, labels. */}}
{{- define "site.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .site.root.Release.Namespace | quote }}
labels:
  {{- include "site.labels" . | nindent 2 }}
{{- end -}}
