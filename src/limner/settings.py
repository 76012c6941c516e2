"""Every setting of Limner, once.

Where a value is given more than once the later of these wins: the default, `limner.toml`, the environment
(`LIMNER_…`), the command line. The configuration page of the documentation is made from this file.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from limner.db.open import check_url
from limner.domain.route import UnknownOutcome
from limner.intake.allow import FetchAllow


def default_data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "limner"


def _vendor(variable: str, default: Any, description: str) -> Any:
    """A setting by the name that the vendor's own tools read, without our prefix."""
    return Field(default=default, validation_alias=AliasChoices(variable, variable.lower()), description=description)


class Settings(BaseSettings):
    """What an operator can choose."""

    model_config = SettingsConfigDict(env_prefix="LIMNER_", extra="ignore", frozen=True)

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
    database_url: str | None = Field(
        default=None,
        description="`sqlite:///path` or `postgresql://user@host/name`. Default: `limner.db` in the data folder.",
    )
    storage_url: str | None = Field(
        default=None,
        description="Where pictures are kept: `file:///path`, `s3://bucket/prefix`, `gs://…` or `az://…`. "
        "Default: the folder `blobs` in the data folder.",
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
    bfl_api_key: SecretStr | None = _vendor("BFL_API_KEY", None, "Key of Black Forest Labs: serves the FLUX models.")
    bfl_base_url: str = _vendor("BFL_BASE_URL", "https://api.bfl.ai", "Where its API is.")
    bfl_polling_hosts: str = _vendor(
        "BFL_POLLING_HOSTS", "bfl.ai", "Host suffixes, besides the API's own, that may receive its key."
    )
    openai_api_key: SecretStr | None = _vendor("OPENAI_API_KEY", None, "Key of OpenAI: serves the GPT image models.")
    openai_base_url: str = _vendor("OPENAI_BASE_URL", "https://api.openai.com/v1", "Where its API is; ends in `/v1`.")
    gemini_api_key: SecretStr | None = _vendor("GEMINI_API_KEY", None, "Key of Google: serves the Gemini models.")
    gemini_base_url: str = _vendor("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com", "Where its API is.")
    fal_key: SecretStr | None = _vendor("FAL_KEY", None, "Key of fal: serves the FLUX models where BFL's is not set.")
    fal_base_url: str = _vendor("FAL_BASE_URL", "https://queue.fal.run", "Where its queue is.")
    replicate_api_token: SecretStr | None = _vendor(
        "REPLICATE_API_TOKEN", None, "Token of Replicate: serves the FLUX models where neither BFL's nor fal's is set."
    )
    replicate_base_url: str = _vendor("REPLICATE_BASE_URL", "https://api.replicate.com", "Where its API is.")
    midjourney_url: str | None = Field(
        default=None,
        description="Address of a midjourney-proxy: serves `midjourney`. Off by default, for Midjourney's terms forbid "
        "automating its accounts.",
    )
    midjourney_secret: SecretStr | None = Field(default=None, description="The proxy's secret.")
    sandbox_delay_s: float = Field(
        default=0.0, ge=0, description="How long the sandbox pretends to work on each picture, in seconds."
    )
    transcode_webp: bool = Field(
        default=False, description="Accept WebP references for models that take none, by converting them."
    )
    fetch_allow: str = Field(
        default="",
        description="Hosts, `host:port` pairs or networks, separated by commas, that a `file.url` may point to "
        "although they are not public. For tests and intranets.",
    )
    unknown_outcome: UnknownOutcome = Field(
        default=UnknownOutcome.RESEND_ONCE,
        description="When a paid call was cut off and its outcome is unknown: `resend_once`, or `fail_and_refund`.",
    )
    tasks_at_once: int = Field(default=1000, ge=1, description="How many tasks one worker has in flight at most.")
    account_tasks: int = Field(
        default=10, ge=1, description="How many image tasks an account may have queued or running, unless set for it."
    )
    uploads_per_second: int = Field(default=10, ge=1, description="Uploads one account may make in a second.")
    upload_hours: float = Field(default=24, gt=0, description="How long an upload can be used in a task, in hours.")
    link_hours: float = Field(default=24, gt=0, description="How long a link to a picture works, in hours.")
    queue_deadline_s: int = Field(
        default=3600, ge=1, description="Seconds a task may wait in the queue before it ends as `expired`."
    )
    run_deadline_s: int = Field(
        default=900, ge=1, description="Seconds a task may run, all its attempts together, before it fails."
    )
    lease_s: float = Field(
        default=15,
        gt=0,
        description="Seconds a worker keeps a task without a sign of life before another takes it over.",
    )
    poll_s: float = Field(
        default=0.5, gt=0, description="Seconds between looks at the queue for tasks that other processes accepted."
    )
    drain_s: float = Field(
        default=20, ge=0, description="Seconds a stopping worker gives its tasks to finish before it hands them back."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`console` for people, `json` for machines, `auto` by whether a terminal watches."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged."
    )

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 32:
            raise ValueError("must be at least 32 characters long")
        return secret

    @field_validator("database_url")
    @classmethod
    def _known_kind(cls, url: str | None) -> str | None:
        if url is not None:
            check_url(url)
        return url

    @field_validator("fetch_allow")
    @classmethod
    def _readable(cls, text: str) -> str:
        FetchAllow.parse(text)
        return text

    @cached_property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data / 'limner.db'}"

    @cached_property
    def resolved_storage_url(self) -> str:
        return self.storage_url or f"file://{self.data.resolve() / 'blobs'}"

    @property
    def scratch(self) -> Path:
        return self.data / "scratch"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names them
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = {**env_settings(), **init_settings()}
        path = given.get("config") or Path(given.get("data") or default_data_folder()) / "limner.toml"
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def load_settings(**chosen: Any) -> Settings:
    """The settings with the command line's choices on top; None means not chosen."""
    return Settings(**{name: value for name, value in chosen.items() if value is not None})
