"""The configuration of the application, from a TOML file."""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class BadSettings(ValueError):
    """The message names each wrong field and what is wrong with it."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineSettings(_Table):
    """One deployment: an engine, the models that it draws with, and how many replicas of it there may be.

    `engine` is `diffusers`, the name of an installed engine such as `builtin`, or `module:Class`, a provider that takes
    a `VendorAccount`. `folder` is the account's base URL: for `diffusers` the folder of the models. A replica holds
    `models_per_replica` models; the one that was used least recently gives way. `warm_up` is the model that a new
    replica loads, and draws a small picture with, before it gets jobs. The number of replicas follows the jobs that
    wait and run, `jobs_per_replica` of them each, on the average of `look_back_s` seconds; a replica draws one at a
    time. One that is taken away has `drain_s` seconds to finish its picture.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    engine: str = Field(min_length=1)
    models: tuple[str, ...] = Field(min_length=1)
    folder: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    resources: dict[str, float] = Field(default_factory=dict)
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=1, ge=1)
    jobs_per_replica: float = Field(default=2.0, gt=0)
    upscale_delay_s: float = Field(default=10.0, ge=0)
    downscale_delay_s: float = Field(default=600.0, ge=0)
    look_back_s: float = Field(default=30.0, gt=0)
    models_per_replica: int = Field(default=1, ge=1)
    warm_up: str | None = None
    drain_s: float = Field(default=600.0, ge=0)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas is {self.max_replicas}, less than min_replicas, {self.min_replicas}")
        if self.warm_up is not None and self.warm_up not in self.models:
            raise ValueError(f"warm_up {self.warm_up!r} is none of the models {', '.join(self.models)}")
        if self.engine == "diffusers" and not self.folder:
            raise ValueError("the engine diffusers needs a folder, that of its models")
        return self


class RaySettings(_Table):
    """`state` is a folder on the head's disk, for jobs and their pictures; on a shared disk it outlives the head.

    A picture is kept for `keep_hours` after its end, and for `keep_fetched_minutes` after it was first fetched.
    `max_unfinished` bounds the jobs that wait or run. `key_file` holds the key that callers must send.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = Field(default=8200, ge=1, le=65535)
    proxies: Literal["head", "every"] = "head"
    key_file: Path | None = None
    keep_hours: float = Field(default=24.0, gt=0)
    keep_fetched_minutes: float = Field(default=60.0, gt=0)
    max_unfinished: int = Field(default=1000, ge=1)
    lease_s: float = Field(default=30.0, ge=3)
    engine: tuple[EngineSettings, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_distinct(self) -> Self:
        names = [each.name for each in self.engine]
        models = [model for each in self.engine for model in each.models]
        for what, given in (("engine", names), ("model", models)):
            if twice := next((each for each in given if given.count(each) > 1), None):
                raise ValueError(f"there are two of the {what} {twice!r}")
        return self

    def engine_of(self, model: str) -> EngineSettings | None:
        return next((each for each in self.engine if model in each.models), None)


def read_settings(path: Path) -> RaySettings:
    """The settings in a file. Raises `BadSettings`."""
    try:
        return settings_of(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is no TOML: {error}") from error


def settings_of(table: dict[str, Any]) -> RaySettings:
    """The settings in a table. Raises `BadSettings`."""
    try:
        return RaySettings.model_validate(table)
    except ValidationError as error:
        raise BadSettings("; ".join(_said(each["loc"], each["msg"]) for each in error.errors())) from error


def _said(place: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(each) for each in place)
    return f"{where}: {message}" if where else message
