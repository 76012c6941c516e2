"""Every setting of Limner, once.

Where a value is given more than once the later of these wins: the default, `limner.toml`, the environment
(`LIMNER_…`), the command line. The configuration page of the documentation is made from this file.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from limner.config_sources import ConfigError, Environment, TomlFile, export_secrets, origin_of, suggest, variables_of
from limner.db.open_store import POSTGRES, SQLITE, check_url
from limner.db.store import PostgresPool
from limner.domain.model import DEFAULT_MODEL, DEFAULT_MULTIVIEW_MODEL, InvalidModel, Models
from limner.domain.moderation import OnNoVerdict
from limner.domain.network.proxies import TrustedProxies
from limner.domain.network.server_addresses import mistake_in_servers
from limner.domain.prompts.dialect import DIALECTS
from limner.domain.routing.route import UnknownOutcome
from limner.domain.spending_rules import Fallback
from limner.models import ModelSettings, configured_models
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import why_not_sendable
from limner.providers.declarations import declarations
from limner.setting_remedies import remedy_of

SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_CLIENT_SECRET",
    "PGPASSWORD",
)
"""What the libraries of stores and databases read by themselves."""

_OTLP_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
"""What OpenTelemetry reads by itself, as `name=value,name=value`: often with a key."""

_USUAL_PORTS = {"http": 80, "https": 443}
"""Left out of addresses: there are clients that take `host:443` for a name."""

NO_WEB_ADDRESS = "must be an address that begins with http:// or https://"

BUCKET_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""What links of a bucket are signed with."""

KNOWN_VENDORS = tuple(declarations())

if TYPE_CHECKING:
    AdapterName = str
else:
    AdapterName = Literal[KNOWN_VENDORS]


def default_data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "limner"


def _default_concurrency() -> str:
    limits = [f"{each.concurrency} for `{each.name}`" for each in declarations().values() if each.concurrency]
    return ", ".join([*limits, "else any"])


class ProviderSettings(BaseModel):
    """One provider: an account with a vendor, or a server of your own. `[provider.NAME]` in `limner.toml`.

    Each of these is also a variable, as `LIMNER_PROVIDER__BFL__CONCURRENCY`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: AdapterName | None = Field(
        default=None, description="The protocol it speaks. A vendor that Limner knows by name needs none."
    )
    base_url: str | None = Field(default=None, description="Where it is. A known vendor has its own.")
    base_urls: tuple[str, ...] | None = Field(
        default=None,
        description="Instead of `base_url`: several servers of yours, all alike. See "
        "[several servers](own-gpus.md#several-servers).",
    )
    draining: tuple[str, ...] | None = Field(
        default=None, description="Those of `base_urls` that get no new request; jobs that they have are fetched."
    )
    key: SecretStr | None = Field(default=None, description="The key; a vendor's own variable wins over it.")
    concurrency: int | None = Field(
        default=None,
        ge=1,
        description=f"Requests in progress at once, all workers together. Default: {_default_concurrency()}.",
    )
    per_minute: float | None = Field(
        default=None, gt=0, description="Requests started per minute, all workers together. Default: no limit."
    )
    burst: int = Field(default=1, ge=1, description="Requests that may start together after a pause.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of this adapter; see Vendors.")
    enabled: bool = Field(default=True, description="`false` disables it, although it is configured.")


class RouteSettings(BaseModel):
    """One way to a model. `[[route]]` in `limner.toml`; together as JSON in `LIMNER_ROUTE`.

    The routes of a model are tried in the order they are written in, and take the place of all that ship for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="The public name, a `model_version`.")
    provider: str = Field(description="A known vendor, or the NAME of a `[provider.NAME]`.")
    upstream: str = Field(min_length=1, description="What the provider calls the model.")
    deadline_s: float = Field(default=180, gt=0, description="Seconds that one call may take.")
    unknown_outcome: UnknownOutcome | None = Field(
        default=None, description="As the setting of that name, for this route alone."
    )
    price_usd: float | None = Field(
        default=None, ge=0, description="What a picture costs, in US dollars, where the vendor does not report it."
    )
    prompt_dialect: Literal[tuple(DIALECTS)] | None = Field(  # type: ignore[valid-type]
        default=None,
        description="How the prompt refers to reference images, one of "
        f"{', '.join(f'`{name}`' for name in DIALECTS)}. Default: as the family expects that the upstream's name says.",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Added to each request; see Vendors.")


_PATHS = {"data", "config", "tls_cert", "tls_key", "templates", "diffusers_models", "database_url", "storage_url"}


class ServiceSettings(BaseSettings):
    """The settings that stand before the vendors' on the page of the configuration."""

    model_config = SettingsConfigDict(env_prefix="LIMNER_", env_nested_delimiter="__", extra="ignore", frozen=True)

    data: Path = Field(
        default_factory=default_data_folder,
        description="Data folder: database, pictures, secret. Default: `limner` in the user's data folder.",
    )
    config: Path | None = Field(default=None, description="Path of `limner.toml`. Default: in the data folder.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        default=None,
        description="How clients reach this server, e.g. `https://images.example.org`. Links to pictures begin with "
        "it. Default: the address listened on.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate to serve HTTPS with, a PEM file with its chain. Needs `LIMNER_TLS_KEY`."
    )
    tls_key: Path | None = Field(default=None, description="The certificate's key, a PEM file.")
    tls_local: bool = Field(
        default=False,
        description="Serve HTTPS with a certificate that the server makes for itself, in the folder `tls` of the data "
        "folder. Clients have to trust it explicitly.",
    )
    database_url: str | None = Field(
        default=None,
        description="`sqlite:///path` or `postgresql://user@host/name`. Default: `limner.db` in the data folder.",
    )
    database_direct_url: str | None = Field(
        default=None,
        description="PostgreSQL's own address where `LIMNER_DATABASE_URL` is that of a pooler in transaction mode, "
        "such as PgBouncer: for LISTEN, migrations and backups. Units of work then do without prepared statements.",
    )
    database_connections: int = Field(
        default=8,
        ge=2,
        le=100,
        description="Connections to PostgreSQL for the units of work of a process. LISTEN and NOTIFY take two more.",
    )
    storage_url: str | None = Field(
        default=None,
        description="Where pictures are kept: `file:///path`, `s3://bucket/prefix`, `gs://…` or `az://…`. "
        "Default: the folder `blobs` in the data folder.",
    )
    deliver_from_bucket: bool = Field(
        default=False,
        description="Answer the link of a picture with a redirect to the bucket, where the bucket's file is what would "
        "be delivered: marks that Limner adds on the way are in no such file. S3 only. See "
        "[Pictures straight from the bucket](scaling.md#pictures-straight-from-the-bucket).",
    )
    bucket_public_url: str | None = Field(
        default=None,
        description="Where clients reach the store of the bucket, if not where Limner does. Default: the store's own "
        "address.",
    )
    secret: SecretStr | None = Field(
        default=None,
        description="At least 32 characters that sign links and pepper key hashes. Machines that share a database need "
        "the same. Default: made at the first start and kept in the data folder as `secret`.",
    )
    templates: Path | None = Field(
        default=None, description="Folder with templates of your own, each in a folder as the built-in ones are."
    )
    engine: Literal["builtin", "sandbox"] = Field(
        default="builtin",
        description="What serves the models while no vendor is configured: `builtin` composes pictures, `sandbox` "
        "returns a plain card at once, for tests of the plumbing.",
    )
    fallback_to_builtin: bool = Field(
        default=False,
        description="Serve a model whose vendor is not configured by `engine`, although other vendors are. The task "
        "says so in `served_by`.",
    )


def _vendor_fields() -> dict[str, Any]:
    """The settings that the vendors' declarations add, as fields of a pydantic model."""
    fields: dict[str, Any] = {}
    for vendor in declarations().values():
        for each in vendor.settings:
            kind: Any = SecretStr | None if each is vendor.key else str if each.default is not None else str | None
            alias = AliasChoices(each.variable, each.variable.lower()) if each.variable else None
            fields[each.setting] = (
                kind,
                Field(default=each.default, validation_alias=alias, description=each.description),
            )
    return fields


if TYPE_CHECKING:
    VendorSettings = ServiceSettings
else:
    VendorSettings = create_model("VendorSettings", __base__=ServiceSettings, **_vendor_fields())


class Settings(VendorSettings):
    """What an operator can choose."""

    provider: dict[str, ProviderSettings] = Field(
        default_factory=dict, description="Providers by name, see below: what is said of a known vendor, and your own."
    )
    model: list[ModelSettings] = Field(
        default_factory=list, description="Models, see below: those that you add, or put in the place of shipped ones."
    )
    model_alias: dict[str, str] = Field(
        default_factory=dict, description="Further names of models: alias and `model_version`. `[model_alias]`."
    )
    route: list[RouteSettings] = Field(
        default_factory=list, description="Routes, see below: which providers serve a model, the preferred one first."
    )
    default_model: str | None = Field(
        default=None,
        description=f"The model of tasks that name none. Default: `{DEFAULT_MODEL}`, or the first model that is served "
        "where no vendor of it is configured.",
    )
    multiview_model: str | None = Field(
        default=None,
        description="The model of multiview tasks that name none. It must take reference images. Default: "
        f"`{DEFAULT_MULTIVIEW_MODEL}`, or the first such model that is served.",
    )
    sandbox_delay_s: float = Field(
        default=0.0, ge=0, description="How long the sandbox pretends to work on each picture, in seconds."
    )
    transcode_webp: bool = Field(
        default=False, description="Accept WebP references for models that take none, by converting them."
    )
    fetch_allow: str = Field(
        default="",
        description="Hosts, `host:port` pairs or networks, separated by commas, that a `file.url`, a webhook or a "
        "vendor's delivery link may point to although they are not public. For tests and intranets. Webhooks and "
        "deliveries there need no https.",
    )
    webhook_timeout_s: float = Field(
        default=15, gt=0, le=30, description="Seconds that the receiver of a webhook may take to answer."
    )
    webhooks_at_once: int = Field(
        default=10, ge=1, description="Messages on their way to one webhook at once, all workers together."
    )
    unknown_outcome: UnknownOutcome = Field(
        default=UnknownOutcome.RESEND_ONCE,
        description="When a paid call was cut off and its outcome is unknown: `resend_once`, or `fail_and_refund`.",
    )
    fallback: Fallback = Field(
        default=Fallback.ANY,
        description="Which other routes a task may take when the first one fails, where neither the task nor its key "
        "nor its account says: `never`, `same_price` (known to cost no more, a model of the same family), or `any`.",
    )
    credit_usd: float = Field(
        default=0.01, gt=0, description="What a credit is worth to you in US dollars, for `limner spend`."
    )
    tasks_at_once: int = Field(default=1000, ge=1, description="Tasks that one worker runs at once.")
    account_tasks: int = Field(
        default=10, ge=1, description="How many image tasks an account may have queued or running, unless set for it."
    )
    watches: int = Field(default=3000, ge=1, description="How many WebSockets that watch tasks a server keeps open.")
    account_watches: int = Field(
        default=2500, ge=1, description="How many of them may be one account's; more are refused."
    )
    uploads_per_second: int = Field(default=10, ge=1, description="Uploads one account may make in a second.")
    creates_per_second: int = Field(
        default=0, ge=0, description="Tasks one account may create in a second; 0 is as many as come."
    )
    requests_at_once: int = Field(
        default=1000,
        ge=1,
        description="Requests that one server handles at once: this many that write, and this many that only "
        "read. More are refused with 503 and `Retry-After`.",
    )
    large_bodies_mib: int = Field(
        default=256, ge=64, description="MiB of memory that one server gives to uploads and other large bodies."
    )
    connections: int = Field(default=4096, ge=1, description="Connections that one server keeps open at once.")
    slow_client_s: float = Field(
        default=20,
        gt=0,
        description="Seconds that a client may take for the head of a request, or pause in its body or in taking the "
        "answer.",
    )
    wrong_keys_per_minute: int = Field(
        default=30,
        ge=1,
        description="Wrong keys per minute from one client address. Beyond that, only keys that were valid "
        "before are checked. Each server counts separately.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks, separated by commas, of proxies whose `X-Forwarded-For` is trusted.",
    )
    https_proxy: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("HTTPS_PROXY", "https_proxy"),
        description="Proxy for https requests to vendors, as `http://user:password@proxy:3128`. Reference images and "
        "webhooks of users never go through it.",
    )
    no_proxy: str = Field(
        default="",
        validation_alias=AliasChoices("NO_PROXY", "no_proxy"),
        description="Hosts that are reached without the proxy, separated by commas; a host includes all names under "
        "it, `*` is all hosts.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins of web pages that may call the API from a browser, separated by commas, such as "
        "`https://studio.example.org`; `*` is all. Pages send a key themselves: give them one with few scopes.",
    )
    a1111: bool = Field(
        default=False,
        description="Offer the API of AUTOMATIC1111's web UI under `/sdapi/v1`, for apps that know no other.",
    )
    mcp: bool = Field(
        default=False,
        description="Offer tools for agents at `/mcp` (MCP over HTTP). Needs `limner[mcp]`.",
    )
    upload_hours: float = Field(default=24, gt=0, description="How long an upload can be used in a task, in hours.")
    mark_images: bool = Field(
        default=True,
        description="Mark every picture that leaves Limner with how it was made (XMP, `DigitalSourceType`). The "
        "stored picture is the vendor's, unchanged.",
    )
    sign_images: bool = Field(
        default=True,
        description="Sign every picture that leaves Limner (C2PA), where `limner[provenance]` is installed and "
        "pictures are marked.",
    )
    sign_vendors_images: bool = Field(
        default=False,
        description="Sign also pictures that carry a valid manifest of their vendor, with the vendor's file as the "
        "parent. Otherwise they are delivered as they came.",
    )
    require_marking: bool = Field(
        default=False,
        description="Let no picture leave without its marks: one that cannot be marked or signed waits, and its link "
        "answers 503. For services in the European Union.",
    )
    provenance_certificate: Path | None = Field(
        default=None,
        description="A chain of certificates in PEM to sign pictures with, the signing one first, in place of "
        "Limner's own.",
    )
    provenance_key: Path | None = Field(default=None, description="Its private key in PEM, without a passphrase.")
    provenance_program: str = Field(
        default="",
        description="A program with its arguments that signs with the certificate's key, such as one that asks a KMS: "
        "it reads the bytes from its input and writes the signature.",
    )
    provenance_time_stamps: str | None = Field(
        default=None, description="The address of a time stamp authority (RFC 3161) that is asked for each signature."
    )
    provenance_trusted: Path | None = Field(
        default=None, description="Certificates in PEM whose signatures `limner detect` calls trusted."
    )
    judge_url: str | None = Field(
        default=None,
        description="The address of your judge, which is asked before a task is accepted and before a picture is "
        "handed out: https, or a host in `LIMNER_JUDGE_ALLOW`. See Moderation.",
    )
    judge_secret: SecretStr | None = Field(
        default=None, description="What questions to the judge are signed with, at least 16 characters."
    )
    judge_timeout_s: float = Field(default=5, gt=0, le=60, description="Seconds that the judge may take for a verdict.")
    judge_on_timeout: OnNoVerdict = Field(
        default=OnNoVerdict.REFUSE,
        description="What happens without a verdict: `refuse`, `allow`, or `wait` and ask again until the task's "
        "time is over.",
    )
    judge_stages: str = Field(
        default="order,delivery",
        description="When the judge is asked, separated by commas: `order`, `delivery` or both.",
    )
    judge_allow: str = Field(
        default="",
        description="Hosts, `host:port` pairs or networks, separated by commas, at which the judge may be although "
        "they are not public. Nothing else is fetched from there.",
    )
    link_hours: float = Field(default=24, gt=0, description="How long a link to a picture works, in hours.")
    keep_results_days: float = Field(
        default=0,
        ge=0,
        description="Days after which a task's picture is removed, from the task's end; 0 keeps it. The task "
        "itself stays.",
    )
    keep_inputs_days: float = Field(
        default=30,
        ge=0,
        description="Days after which the reference pictures of a task are removed, from the task's end; 0 keeps them "
        "without limit.",
    )
    keep_events_days: float = Field(
        default=30,
        ge=0,
        description="Days that the events of tasks are kept for watchers to catch up, and the log of what webhooks "
        "received; 0 keeps them without limit.",
    )
    keep_unused_hours: float = Field(
        default=24,
        ge=0,
        description="Hours that the bytes of pictures outlive the last task or upload that refers to them. A backup's "
        "copy of the pictures must be done in this time.",
    )
    queue_deadline_s: int = Field(
        default=3600, ge=1, description="Seconds a task may wait in the queue before it ends as `expired`."
    )
    run_deadline_s: int = Field(
        default=900, ge=1, description="Seconds a task may run, all its attempts together, before it fails."
    )
    lease_s: float = Field(
        default=15,
        gt=0,
        description="Seconds after which the lease of a worker that does not renew it ends, and another takes over.",
    )
    poll_s: float = Field(
        default=0.5, gt=0, description="Seconds between polls of the queue for tasks that other processes accepted."
    )
    drain_s: float = Field(
        default=20, ge=0, description="Seconds that a stopping worker waits for its tasks before it releases them."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto",
        description="`console` for people, `json` for programs, `auto`: `console` on a terminal, else `json`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is logged."
    )
    access_log: bool = Field(
        default=False, description="Log each request when it ends: method, path, status, duration, account, trace id."
    )

    provider_check_minutes: float = Field(
        default=5,
        ge=0,
        description="Minutes between two free calls to each vendor, which show that it answers and accepts the key. 0 "
        "makes none.",
    )
    metrics_listen: str = Field(
        default="",
        description="Address and port, as `127.0.0.1:9464`, on which this process answers `/metrics` without a key; "
        "port 0 takes a free one. Default: none; a server then answers `/metrics` on its own address, to keys with the "
        "scope `admin`.",
    )

    traces_url: str | None = Field(
        default=None,
        description="Address of an OpenTelemetry collector that takes OTLP over HTTP, as `http://127.0.0.1:4318`; "
        "without a path, `/v1/traces` is added. Servers and workers send their traces there. Needs `limner[otel]`. "
        "Default: no traces.",
    )
    traces_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of the traces that are recorded, of those that begin here. A request that brings a "
        "`traceparent` is recorded if that says so.",
    )

    @field_validator("traces_url")
    @classmethod
    def _http_address(cls, url: str | None) -> str | None:
        if url is not None and not (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
            raise _wrong("must be an http:// or https:// address", "Write it as http://127.0.0.1:4318.")
        return url

    @field_validator("metrics_listen")
    @classmethod
    def _host_and_port(cls, text: str) -> str:
        host, _, port = text.rpartition(":")
        if text and not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
            raise _wrong("must be an address and a port", "Write them as 127.0.0.1:9464.")
        return text

    @cached_property
    def models(self) -> Models:
        """The catalogue of models: those that ship, and the operator's."""
        return configured_models(self.model, self.model_alias)

    @model_validator(mode="after")
    def _known_models(self) -> "Settings":
        try:
            models = self.models
        except InvalidModel as wrong:
            setting = "model_alias" if wrong.row is None else "model"
            raise _misplaced(setting, str(wrong), wrong.remedy, row=wrong.row, part=wrong.part) from None
        for row, route in enumerate(self.route):
            if route.model not in models:
                raise _misplaced("route", *_no_model(route.model, models), row=row, part="model")
        if self.default_model is not None and self.default_model not in models:
            raise _misplaced("default_model", *_no_model(self.default_model, models))
        if self.multiview_model is not None and self.multiview_model not in models.with_images():
            usable = ", ".join(models.with_images())
            raise _misplaced("multiview_model", "takes no reference images, or is no model", f"It may be {usable}.")
        return self

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 32:
            raise _wrong("must be at least 32 characters long", "Make one with `openssl rand -hex 32`.")
        return secret

    @field_validator("log_level", "log_format", "engine", mode="before")
    @classmethod
    def _in_any_case(cls, choice: Any) -> Any:
        return choice.lower() if isinstance(choice, str) else choice

    @field_validator("data")
    @classmethod
    def _a_folder(cls, data: Path) -> Path:
        if data.exists() and not data.is_dir():
            raise _wrong(f"{data} is a file", "Name a folder; it is made if it is not there.")
        return data

    @field_validator("public_url", "bucket_public_url")
    @classmethod
    def _an_address(cls, url: str | None) -> str | None:
        if url and not _is_web_address(url):
            raise _wrong(NO_WEB_ADDRESS, "Write it as https://images.example.org.")
        return url or None

    @model_validator(mode="before")
    @classmethod
    def _strip_and_expand(cls, values: Any) -> Any:
        values = _stripped(values)
        return {name: _expanded(value) if name in _PATHS else value for name, value in values.items()}

    @model_validator(mode="after")
    def _usable_keys_and_addresses(self) -> "Settings":
        for name in type(self).model_fields:
            if any(not character.isprintable() for each in _secrets_in(getattr(self, name)) for character in each):
                raise _misplaced(
                    name,
                    "contains a line break or another control character",
                    "Copy the key again, on one line; a file that holds it may have that line alone.",
                )
        for path, key in _vendor_keys(self):
            if problem := _mistake_in_key(key):
                remedy = "Write the key alone. `docker --env-file` and files of secrets keep quotes as part of a value."
                raise _misplaced(path[0], problem, remedy, below=path[1:])
        for path, url in _vendor_addresses(self):
            if not _is_web_address(url):
                raise _misplaced(path[0], NO_WEB_ADDRESS, "Write it as https://host/path.", below=path[1:])
        for name, provider in self.provider.items():
            for field, what, remedy in _mistakes_in_several(name, provider):
                raise _misplaced("provider", what, remedy, below=(name, field))
        return self

    @model_validator(mode="after")
    def _a_bucket_that_can_be_signed_for(self) -> "Settings":
        if not self.deliver_from_bucket:
            if self.bucket_public_url:
                remedy = "Set deliver_from_bucket as well, or leave it out."
                raise _misplaced("bucket_public_url", "is given, and deliver_from_bucket is not", remedy)
            return self
        if not self.resolved_storage_url.startswith("s3://"):
            remedy = "Set storage_url to s3://bucket/prefix, or leave out deliver_from_bucket."
            raise _misplaced("deliver_from_bucket", "is given, and the pictures are in no S3 bucket", remedy)
        if missing := [name for name in BUCKET_CREDENTIALS if not os.environ.get(name)]:
            remedy = "Give the bucket's keys; a role of the machine has none to sign links with."
            raise _misplaced("deliver_from_bucket", f"needs {' and '.join(missing)}, to sign links", remedy)
        return self

    @model_validator(mode="after")
    def _one_certificate(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            given, absent = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            raise _misplaced(given, f"is given without {absent}", f"Set {absent} as well, or leave out both.")
        if self.tls_cert and self.tls_local:
            remedy = "Leave out tls_local, or tls_cert and tls_key."
            raise _misplaced("tls_local", "makes a certificate of its own, and tls_cert names another", remedy)
        return self

    @model_validator(mode="after")
    def _a_pooler_stands_before_postgresql(self) -> "Settings":
        if self.database_direct_url and not (self.database_url or "").startswith(POSTGRES):
            remedy = "Set database_url to the pooler's address, or leave out database_direct_url."
            raise _misplaced("database_direct_url", "is given, and database_url leads to no PostgreSQL", remedy)
        return self

    @field_validator("database_url")
    @classmethod
    def _known_kind(cls, url: str | None) -> str | None:
        if url is not None:
            check_url(url)
        return url

    @field_validator("database_direct_url")
    @classmethod
    def _is_postgres(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(POSTGRES):
            raise ValueError("a pooler stands before PostgreSQL alone: write postgresql://user@host/name")
        return url

    @property
    def stages_of_judge(self) -> tuple[str, ...]:
        return _listed(self.judge_stages)

    @field_validator("judge_stages")
    @classmethod
    def _known_stages(cls, text: str) -> str:
        if not _listed(text) or set(_listed(text)) - {"order", "delivery"}:
            raise _wrong(f"{text!r} is not made of stages", "Write order, delivery or order,delivery.")
        return text

    @field_validator("judge_secret")
    @classmethod
    def _long_enough_to_sign(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 16:
            raise _wrong("must be at least 16 characters long", "Make one with `openssl rand -hex 32`.")
        return secret

    @model_validator(mode="after")
    def _reachable_judge(self) -> "Settings":
        if self.judge_url is None:
            return self
        problem = why_not_sendable(self.judge_url, FetchAllow.parse(self.judge_allow))
        if problem:
            remedy = "Give an https address, or name its host in LIMNER_JUDGE_ALLOW."
            raise _misplaced("judge_url", problem, remedy)
        if self.judge_secret is None:
            raise _misplaced("judge_url", "is set without a secret", "Questions are signed: set LIMNER_JUDGE_SECRET.")
        return self

    @field_validator("fetch_allow", "judge_allow")
    @classmethod
    def _readable(cls, text: str) -> str:
        FetchAllow.parse(text)
        return text

    @field_validator("https_proxy")
    @classmethod
    def _is_http_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is not None and urlsplit(proxy.get_secret_value()).scheme not in {"http", "https"}:
            raise _wrong("must begin with http:// or https://", "Use a proxy for HTTP; other kinds are not supported.")
        return proxy

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins that `cors_origins` lists."""
        return _listed(self.cors_origins)

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, text: str) -> str:
        for origin in _listed(text):
            parts = urlsplit(origin)
            if origin != "*" and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path):
                raise _wrong(f"{origin!r} is no origin", "Write https://host or https://host:port, without a path.")
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, text: str) -> str:
        TrustedProxies.parse(text)
        return text

    @field_validator("provider")
    @classmethod
    def _speak_something(cls, providers: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
        for name, provider in providers.items():
            if provider.adapter is None and name not in KNOWN_VENDORS:
                known = ", ".join(KNOWN_VENDORS)
                remedy = f"Give its adapter, or name it as one of these: {known}."
                raise _wrong(f"{name} is no vendor that Limner knows, and has no adapter", remedy)
        return providers

    @cached_property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data / 'limner.db'}"

    @property
    def pool(self) -> PostgresPool:
        return PostgresPool(self.database_connections, pooled=self.database_direct_url is not None)

    @cached_property
    def resolved_direct_url(self) -> str:
        """The database's own address, past a pooler."""
        return self.database_direct_url or self.resolved_database_url

    @cached_property
    def resolved_storage_url(self) -> str:
        return self.storage_url or f"file://{self.data.resolve() / 'blobs'}"

    @property
    def resolved_public_url(self) -> str:
        if self.public_url:
            return self.public_url.rstrip("/")
        scheme = "https" if self.tls_cert or self.tls_local else "http"
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - shown to users, never bound
        port = "" if self.port == _USUAL_PORTS[scheme] else f":{self.port}"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}"

    @property
    def public_path(self) -> str:
        """The path of the public URL, empty for the root."""
        return urlsplit(self.resolved_public_url).path

    @property
    def secrets(self) -> set[str]:
        """Every secret that this process was given, so that the log can leave them out."""
        addresses = [getattr(self, vendor.base_url.setting) for vendor in declarations().values()]
        proxy = self.https_proxy.get_secret_value() if self.https_proxy else None
        urls = (self.database_url, self.database_direct_url, self.storage_url, proxy, self.traces_url, *addresses)
        in_urls = [unquote(urlsplit(url).password or "") for url in urls if url and "://" in url]
        in_environment = [os.environ.get(name, "") for name in SECRET_VARIABLES]
        in_headers = [
            unquote(each.partition("=")[2].strip())
            for name in _OTLP_HEADERS
            for each in os.environ.get(name, "").split(",")
        ]
        return {*in_urls, *in_environment, *in_headers, *_secrets_in(self)} - {""}

    @property
    def scratch(self) -> Path:
        return self.data / "scratch"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names them
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        environment = Environment(settings_cls)
        return init_settings, environment, TomlFile(settings_cls, config_path(**{**environment(), **init_settings()}))


def _vendor_addresses(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every address of a vendor or server that is given, with the path of its setting."""
    for vendor in declarations().values():
        url = getattr(settings, vendor.base_url.setting)
        if url and vendor.name != "diffusers":  # whose address is a folder
            yield (vendor.base_url.setting,), url
    for name, provider in settings.provider.items():
        if provider.base_url and (provider.adapter or name) != "diffusers":
            yield ("provider", name, "base_url"), provider.base_url


def _mistakes_in_several(name: str, provider: ProviderSettings) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the servers of a provider: the field, the mistake, and the remedy. The first one counts."""
    urls, adapter = provider.base_urls or (), declarations().get(provider.adapter or name)
    if provider.base_urls is None:
        if provider.draining:
            yield "draining", "is given without base_urls", "Write the servers into base_urls, or leave it out."
        return
    if provider.base_url:
        yield "base_urls", "is given beside base_url", "Leave out base_url."
    if adapter and not adapter.health:
        able = " or ".join(each.name for each in declarations().values() if each.health)
        yield (
            "base_urls",
            f"is for servers of your own, not for {adapter.name}",
            f"Use the adapter {able}, or base_url.",
        )
    if not all(map(_is_web_address, urls)):
        yield "base_urls", NO_WEB_ADDRESS, "Write each as https://host/path."
    elif mistake := mistake_in_servers(urls):
        yield "base_urls", mistake, "Write each server once, as http://host:port/v1."
    if unknown := [each for each in provider.draining or () if each not in urls]:
        yield "draining", f"has {unknown[0]!r}, which base_urls does not have", "Write it as it is there."


def _vendor_keys(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key of a vendor or server that is given, with the path of its setting."""
    for vendor in declarations().values():
        if vendor.key and (key := getattr(settings, vendor.key.setting)):
            yield (vendor.key.setting,), key.get_secret_value()
    for name, provider in settings.provider.items():
        if provider.key:
            yield ("provider", name, "key"), provider.key.get_secret_value()


def _mistake_in_key(key: str) -> str | None:
    """What was copied along with the key: vendors answer it with a refusal that does not say so."""
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        return "stands in quotes, which are not part of it"
    if scheme := re.match(r"(authorization:\s*)?(bearer|key|token)\s", key, re.IGNORECASE):
        return f"begins with {scheme[0].strip()!r}, which is not part of it"
    return None


def config_path(*, config: Any = None, data: Any = None, **_others: Any) -> Path:
    """The path of `limner.toml`. Raises `ConfigError` when `config` names a file that does not exist."""
    if config:
        path = Path(str(config).strip()).expanduser()
        if path.is_dir():
            raise ConfigError(
                f"{path} is a folder", "Name the file in LIMNER_CONFIG, or set LIMNER_DATA to the folder."
            )
        if not path.is_file():
            raise ConfigError(f"the configuration file {path} does not exist", "Correct LIMNER_CONFIG, or unset it.")
        return path
    return Path(str(data or default_data_folder()).strip()).expanduser() / "limner.toml"


def _stripped(value: Any) -> Any:
    """Without blanks around text, however deep."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [_stripped(each) for each in value]
    return {name: _stripped(each) for name, each in value.items()} if isinstance(value, dict) else value


def _expanded(value: Any) -> Any:
    """A path, or the URL of a folder or file, with `~` expanded."""
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith("~")):
        return str(Path(value).expanduser())
    for scheme in (SQLITE, "file://"):
        if isinstance(value, str) and value.removeprefix(scheme).lstrip("/").startswith("~"):
            return scheme + str(Path(value.removeprefix(scheme).lstrip("/")).expanduser())
    return value


def _is_web_address(url: str) -> bool:
    parts = urlsplit(url)
    try:
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)


def _secrets_in(value: Any) -> Iterator[str]:
    """Every secret in a setting, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """One mistake in the configuration: where it is and what is wrong, and what to do about it."""

    text: str
    remedy: str = ""


class SettingsInvalid(ValueError):
    """The configuration cannot be used; `problems` says why."""

    def __init__(self, problems: Sequence[SettingsProblem]) -> None:
        super().__init__("; ".join(each.text for each in problems))
        self.problems = problems


def load_settings(**chosen: Any) -> Settings:
    """The settings with the command line's choices on top; None means not chosen. Raises `SettingsInvalid`."""
    chosen = {name: value for name, value in chosen.items() if value is not None}
    try:
        export_secrets(os.environ, SECRET_VARIABLES)
        return Settings(**chosen)
    except ConfigError as error:
        raise SettingsInvalid([SettingsProblem(str(error), error.remedy)]) from None
    except SettingsError as error:  # a variable that has to be JSON
        raise SettingsInvalid([SettingsProblem(f"{error}: {error.__cause__}", "Write it as JSON.")]) from None
    except ValidationError as error:
        raise SettingsInvalid([_problem(each, chosen) for each in error.errors(include_url=False)]) from None


def _no_model(name: str, models: Models) -> tuple[str, str]:
    """What is wrong with a model's name, and what to do about it."""
    if known := models.called(name):
        return f"{name!r} is an alias", f"Write {known.name!r}."
    return f"{name!r} is no model", f"It may be {', '.join(models)}, or a [[model]] of yours."


def _wrong(problem: str, remedy: str) -> PydanticCustomError:
    """A mistake in the value of the setting that is being checked."""
    return PydanticCustomError("wrong", "{problem}", {"problem": problem, "remedy": remedy})


def _misplaced(
    setting: str,
    problem: str,
    remedy: str = "",
    *,
    row: int | None = None,
    part: str = "",
    below: tuple[str, ...] = (),
) -> PydanticCustomError:
    """A mistake that only shows when several settings are seen together. `row` and `part`, or `below`, say where."""
    loc = (*(each for each in (setting, row, part) if each is not None and each != ""), *below)
    return PydanticCustomError("misplaced", "{problem}", {"problem": problem, "remedy": remedy, "loc": loc})


_NO_TABLE = {"model_type", "model_attributes_type", "dict_type"}
"""Errors whose messages name classes."""

_TABLES: Mapping[str, type[BaseModel]] = {"provider": ProviderSettings, "model": ModelSettings, "route": RouteSettings}


def _problem(error: Any, chosen: Mapping[str, Any]) -> SettingsProblem:
    loc = error["loc"] or error.get("ctx", {}).get("loc", ())
    setting = setting_of(str(loc[0])) if loc else ""
    name = ".".join([setting, *(str(part) for part in loc[1:])])
    part = next((each for each in reversed(loc[1:]) if isinstance(each, str)), "")
    row = loc[1] if len(loc) > 1 and isinstance(loc[1], int) else None
    origin = origin_of(Settings, setting, chosen, _config_path(chosen), part=part, row=row) if setting else ""
    where = f"{origin}: " if origin else ""
    if error["type"] == "extra_forbidden":
        return SettingsProblem(f"{where}there is no setting {name}", suggest(part, _TABLES[setting].model_fields))
    text = "Input should be a table" if error["type"] in _NO_TABLE else error["msg"].removeprefix("Value error, ")
    remedy = error.get("ctx", {}).get("remedy") or remedy_of(
        Settings, setting, loc[1:], missing=error["type"] == "missing"
    )
    return SettingsProblem(f"{where}setting {name}: {text}" if name else text, remedy)


def setting_of(name: str) -> str:
    """The setting's name in `limner.toml`, of that name or an environment variable."""
    return variables_of(Settings).get(name.upper(), name)


def _config_path(chosen: Mapping[str, Any]) -> Path:
    """The path of `limner.toml`, without checking that it exists."""
    environment = {name: os.environ.get(f"LIMNER_{name.upper()}") for name in ("config", "data")}
    with contextlib.suppress(ConfigError):
        return config_path(**{**environment, **chosen})
    return Path(environment["config"] or "")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
