{{- define "limner.name" -}}
{{- if contains "limner" .Release.Name }}{{ .Release.Name | trunc 48 | trimSuffix "-" }}{{ else }}{{ printf "%s-limner" .Release.Name | trunc 48 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "limner.selector" -}}
app.kubernetes.io/name: limner
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "limner.labels" -}}
{{ include "limner.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The environment that API, workers and migration share. */}}
{{- define "limner.environment" -}}
- {name: LIMNER_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
- {name: LIMNER_STORAGE_URL, value: {{ .Values.storageUrl | quote }}}
- {name: LIMNER_DRAIN_S, value: {{ .Values.drainSeconds | quote }}}
- {name: LIMNER_METRICS_LISTEN, value: "0.0.0.0:9464"}
{{- with .Values.trustedProxies }}
- {name: LIMNER_TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "limner.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - secretRef: {name: {{ .Values.existingSecret }}}
env:
  {{- include "limner.environment" . | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "limner.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - {name: data, emptyDir: {sizeLimit: {{ .Values.temporary }}}}
  - {name: tmp, emptyDir: {sizeLimit: {{ .Values.temporary }}}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A pod of each kind on another host, where there are enough. */}}
{{- define "limner.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "limner.selector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end }}
