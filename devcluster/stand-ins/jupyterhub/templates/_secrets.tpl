{{/*
Secrets that the values may set, and that are otherwise made once and found again by every upgrade. Takes root, key (in
the Secret of the hub) and given.
*/}}
{{- define "standin.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace (include "jupyterhub.hub.fullname" .root) | default dict -}}
{{- $known := get ($secret.data | default dict) .key | b64dec -}}
{{- .given | default $known | default (include "standin.hexadecimal" 64) -}}
{{- end -}}

{{/* So many random hexadecimal digits: the cookie secret and the keys of auth state must be such. */}}
{{- define "standin.hexadecimal" -}}
{{- randAlphaNum 64 | sha256sum | trunc . -}}
{{- end -}}

{{- define "standin.proxyToken" -}}
{{- $given := dig "ConfigurableHTTPProxy" "auth_token" "" .Values.hub.config | default .Values.proxy.secretToken -}}
{{- include "standin.kept" (dict "root" . "key" "hub.config.ConfigurableHTTPProxy.auth_token" "given" $given) -}}
{{- end -}}

{{- define "standin.cookieSecret" -}}
{{- $given := dig "JupyterHub" "cookie_secret" "" .Values.hub.config | default .Values.hub.cookieSecret -}}
{{- include "standin.kept" (dict "root" . "key" "hub.config.JupyterHub.cookie_secret" "given" $given) -}}
{{- end -}}

{{- define "standin.stateKeys" -}}
{{- $given := dig "CryptKeeper" "keys" list .Values.hub.config | join ";" -}}
{{- include "standin.kept" (dict "root" . "key" "hub.config.CryptKeeper.keys" "given" $given) -}}
{{- end -}}

{{/* extraFiles as entries of a Secret. */}}
{{- define "standin.files" -}}
{{- range $name, $file := . }}
{{- if ne (len (pick $file "data" "stringData" "binaryData")) 1 }}
{{- fail (printf "extraFiles.%s: write one of data, stringData and binaryData" $name) }}
{{- end }}
{{- if $file.binaryData }}
{{ $name | quote }}: {{ $file.binaryData | nospace | quote }}
{{- else if $file.stringData }}
{{ $name | quote }}: {{ $file.stringData | b64enc | quote }}
{{- else }}
{{ $name | quote }}: {{ include "standin.structured" $file | b64enc | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A file given as data, in the format that its name says. */}}
{{- define "standin.structured" -}}
{{- $ending := ext .mountPath -}}
{{- if has $ending (list ".yaml" ".yml") }}{{ toYaml .data }}
{{- else if eq $ending ".json" }}{{ toJson .data }}
{{- else if eq $ending ".toml" }}{{ toToml .data }}
{{- else }}{{ fail (printf "extraFiles: data is written as YAML, JSON or TOML; %s is none of them" .mountPath) }}{{ end -}}
{{- end -}}
