"""The sidecar's configuration: one YAML file, every key known, every problem told at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from service_runtime.setting_types import HostPort, ListenUrl
from service_runtime.settings import Section, load_settings
from service_runtime.tls import TlsFiles

from condor_sidecar.core import policy
from condor_sidecar.pod_settings import HostPath, Images, JobDefaults, JobLimits, PodPolicy, SiteVolume, WallTime
from condor_sidecar.setting_values import ChannelUrl, Count, Host, Positive, Quantity, ResourceName, SubmitLines

Seconds = Annotated[float, Field(gt=0)]


class Auth(Section):
    """How to log in at the collector and the schedd."""

    methods: tuple[Literal["SCITOKENS", "IDTOKENS"], ...] = ("SCITOKENS",)
    """Tried in this order."""
    token_file: Path | None = None
    """SCITOKENS: a bearer token, read again at every login; replace it by rename."""
    token_directory: Path | None = None
    """IDTOKENS: a folder of tokens that the pool issued."""
    ca_file: Path | None = None
    """CA certificates of the collector and the schedd (SCITOKENS)."""
    login_seconds: Positive = 5
    """Most time for one login."""
    session_seconds: Positive = 300
    """Most time before a new token is taken up."""

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if not self.methods:
            raise ValueError("methods must name SCITOKENS, IDTOKENS or both")
        if "SCITOKENS" in self.methods and self.token_file is None:
            raise ValueError("method SCITOKENS needs token_file")
        if "IDTOKENS" in self.methods and self.token_directory is None:
            raise ValueError("method IDTOKENS needs token_directory")
        return self


class Limits(Section):
    """What is asked of the schedd at most."""

    batch: Annotated[int, Field(gt=0, le=1000)] = 200
    """Jobs in one submission."""
    idle_jobs: Positive = 1000
    """Jobs in the queue that haven't started; further pods wait in the journal."""
    journal_pods: Positive = 20000
    """Accepted pods whose job hasn't started; past that a create is answered with 503."""
    journal_bytes: Positive = 2 << 30
    """Payloads of those pods, in bytes; past that a create is answered with 503."""


class Endpoint(Section):
    """The schedd, or the compute element in front of it."""

    mode: policy.EndpointMode = policy.EndpointMode.SCHEDD
    """`schedd`: a schedd of the pool; `ce`: an HTCondor-CE, whose job router makes a second job of ours."""
    collector: Host
    """Collector that knows the schedd, `host:port`; the host's name must be in the server's certificate."""
    schedd: Host | None = None
    """Name of the schedd; the collector's only one where it is left out."""
    auth: Auth
    limits: Limits = Limits()
    submit: SubmitLines = {}
    """Further lines for every submit description, such as `accounting_group`."""


class Resources(Section):
    """What the virtual node offers: announced at every ping, as Kubernetes quantities."""

    cpu: Quantity = "1000"
    memory: Quantity = "4Ti"
    pods: Count = "1000"
    accelerators: Mapping[ResourceName, Count] = {}
    """Such as `nvidia.com/gpu: "8"`."""


class PollIntervals(Section):
    """Seconds between two queries of the schedd."""

    busy: Seconds = 2
    """While jobs start, end or are being removed."""
    live: Seconds = 5
    idle: Seconds = 30
    """While there is no job."""


class Hold(Section):
    """Patience with held jobs, in seconds."""

    grace: Seconds = 1800
    """For holds that somebody else may lift."""
    staging: Seconds = 30
    """For a job whose input nobody is delivering any more; it is then made anew."""


class Output(Section):
    """Logs kept at this side, and fetched while jobs run."""

    keep_deleted_seconds: Annotated[float, Field(ge=0)] = 3600
    """How long logs outlive their pod."""
    max_bytes: Positive = 20 << 30
    """All of them; the oldest go first."""
    live_seconds: Seconds = 3
    """Time between two fetches of a running job's output while somebody follows it."""
    fetch_patience_seconds: Seconds = 600
    """How long fetching a finished job's output is tried before the pod ends by the job's exit code alone."""
    kept_mib: Positive = 10
    """Of each container's log: the beginning and the end, a gap marked."""
    kept_pod_mib: Annotated[int, Field(gt=0, le=64)] = 64
    """Of all logs of one pod, which its containers share evenly."""
    streamed_mib: Annotated[int, Field(gt=0, le=64)] = 16
    """Of each job's output while it runs."""


class Channel(Section):
    """The job channel: a connection that each job dials and keeps while it runs."""

    url: ChannelUrl
    """What jobs dial, `wss://host:port/path`: this address, or that of what is in front of it."""
    listen: ListenUrl = "unix:///run/condor-sidecar/channel.sock"
    """Where connections arrive: `https://host:port`; or `unix:///path` or `http://host:port` behind what ends TLS."""
    tls: TlsFiles | None = None
    """Certificate for https."""
    authorities: Path | None = None
    """PEM file of the authorities that jobs trust for `url`, read at the start; the worker nodes' own where it is left out."""
    secret_file: Path | None = None
    """What tickets are made with, made where there is none; `channel.secret` in the data folder where it is left out."""
    connections: Positive = 5000
    """At the same time; more get 503 and come back."""
    message_bytes: Annotated[int, Field(ge=64 << 10, le=16 << 20)] = 4 << 20
    """Longest message of a job; a longer one ends its connection."""

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        if self.listen.startswith("https://") and self.tls is None:
            raise ValueError("listen is https: tls.cert and tls.key are needed")
        return self


class Settings(Section):
    """The whole file."""

    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    """Name of this sidecar among all whose jobs belong to the same account of the schedd. Never change it while jobs exist."""
    node: str = ""
    """The virtual node that it serves; empty: as `instance`."""
    listen: ListenUrl = "unix:///run/condor-sidecar/plugin.sock"
    """`unix:///path`, `http://host:port` or `https://host:port`."""
    tls: TlsFiles | None = None
    """Certificate for https."""
    data: Path = Path("/var/lib/condor-sidecar")
    """Folder for journal and logs; survives restarts."""
    metrics: HostPort = "127.0.0.1:9102"
    """Metrics and health, `host:port`."""
    max_body_bytes: Positive = 32 << 20
    """Larger requests are refused (413)."""
    endpoint: Endpoint
    resources: Resources = Resources()
    defaults: JobDefaults = JobDefaults()
    job_limits: JobLimits = JobLimits()
    wall_time: WallTime = WallTime()
    images: Images = Images()
    hostpath: tuple[HostPath, ...] = (HostPath(path="/cvmfs"),)
    volumes: tuple[SiteVolume, ...] = (SiteVolume(path="/cvmfs", driver="cvmfs.csi.cern.ch"),)
    policy: PodPolicy = PodPolicy()
    poll: PollIntervals = PollIntervals()
    hold: Hold = Hold()
    output: Output = Output()
    channel: Channel | None = None
    """The job channel; without it jobs are heard of through the schedd alone."""

    @field_validator("data")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("must be an absolute path: jobs' ads name folders below it")
        return value

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        if self.listen.startswith("https://") and self.tls is None:
            raise ValueError("listen is https: tls.cert and tls.key are needed")
        return self

    @model_validator(mode="after")
    def _leaves_pods_time(self) -> Self:
        grace, margin, longest = (
            self.policy.max_grace_seconds,
            self.wall_time.margin_seconds,
            self.wall_time.max_seconds,
        )
        if grace + margin >= longest:
            raise ValueError(
                f"policy.max_grace_seconds ({grace}) and wall_time.margin_seconds ({margin}) together must be less than "
                f"wall_time.max_seconds ({longest}): a pod with the longest grace period would have no time to run"
            )
        return self


def load(path: Path, _environment: Mapping[str, str]) -> Settings:
    """Read the file. Raises SettingsError with every problem in it."""
    return load_settings(Settings, path)


def site_policy(settings: Settings, channel: policy.ChannelAccess | None = None) -> policy.Policy:
    """The rules that the compile step works by; `channel`: how jobs get to the job channel, if there is one."""
    return policy.Policy(
        mode=settings.endpoint.mode,
        resources=policy.ResourceDefaults(**settings.defaults.model_dump()),
        limits=policy.ResourceLimits(**settings.job_limits.model_dump()),
        wall_time=policy.WallTime(**settings.wall_time.model_dump()),
        images=policy.ImagePolicy(**settings.images.model_dump()),
        logs=policy.LogLimits(
            settings.output.kept_mib << 20, settings.output.kept_pod_mib << 20, settings.output.streamed_mib << 20
        ),
        host_paths=tuple(policy.HostPathRule(**rule.model_dump()) for rule in settings.hostpath),
        volumes=tuple(policy.VolumeRule(**rule.model_dump()) for rule in settings.volumes),
        user_annotations=frozenset(settings.policy.user_annotations),
        accounting_groups=settings.policy.accounting_groups,
        requirements=dict(settings.policy.requirements),
        apptainer_options=settings.policy.apptainer_options,
        require_gpus=dict(settings.policy.require_gpus),
        max_grace_seconds=settings.policy.max_grace_seconds,
        user_ids=settings.policy.user_ids,
        ignore_groups=settings.policy.ignore_groups,
        patience_seconds=settings.policy.patience_seconds,
        keep_service_account_token=settings.policy.keep_service_account_token,
        cluster_domain=settings.policy.cluster_domain,
        submit_extra=dict(settings.endpoint.submit),
        channel=channel,
    )


def condor_params(auth: Auth) -> dict[str, str]:
    """HTCondor's own configuration for a client that has nothing but a token."""
    params = {
        # payloads hold secrets, and a peer that could ask for less would see them; HTCondor's own default is only to prefer it
        "SEC_CLIENT_AUTHENTICATION": "REQUIRED",
        "SEC_CLIENT_ENCRYPTION": "REQUIRED",
        "SEC_CLIENT_INTEGRITY": "REQUIRED",
        "SEC_CLIENT_AUTHENTICATION_METHODS": ", ".join(auth.methods),
        "SEC_CLIENT_AUTHENTICATION_TIMEOUT": str(auth.login_seconds),
        "SEC_DEFAULT_SESSION_DURATION": str(auth.session_seconds),
        # a host without IPv6 routes waits for its time-outs otherwise
        "ENABLE_IPV6": "False",
    }
    if auth.token_file is not None:
        params["SCITOKENS_FILE"] = str(auth.token_file)
    if auth.token_directory is not None:
        params["SEC_TOKEN_DIRECTORY"] = str(auth.token_directory)
    if auth.ca_file is not None:
        params["AUTH_SSL_CLIENT_CAFILE"] = str(auth.ca_file)
    return params
