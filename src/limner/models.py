"""The catalogue of models: the rows that ship, and what the operator adds to them or puts in their place."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from limner.domain.model import JPEG, PNG, WEBP, ModelFacts, Models, models_of
from limner.domain.routing.abilities import OPTIONAL_FIELDS, QUALITIES

_FORMATS = {"jpeg": JPEG, "png": PNG, "webp": WEBP}


class ModelSettings(BaseModel):
    """One public model. `[[model]]` in `limner.toml`; together as JSON in `LIMNER_MODEL`.

    A row with the name of a shipped model takes its place, with all of its fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=64,
        description="The public name, a `model_version`: letters, digits, `.`, `_` and `-`.",
    )
    title: str = Field(min_length=1, max_length=100, description="Its name for people.")
    credits: int = Field(ge=0, description="The price of one picture.")
    reference_cap: int = Field(
        default=0, ge=0, le=16, description="How many reference images a task may have; 0 for none."
    )
    accepts: tuple[Literal["jpeg", "png", "webp"], ...] = Field(
        default=("jpeg", "png", "webp"), description="The formats of reference images."
    )
    sizes: tuple[Literal["1K", "2K", "4K"], ...] = Field(
        default=(), description="The size classes that callers may ask for. Default: those that its routes can make."
    )
    qualities: tuple[Literal[QUALITIES], ...] = Field(  # type: ignore[valid-type]
        default=(), description="The values of `quality` that callers may ask for. Default: those of its routes."
    )
    obeys: tuple[Literal[tuple(OPTIONAL_FIELDS)], ...] | None = Field(  # type: ignore[valid-type]
        default=None,
        description="The optional fields of a task that callers may use, of "
        f"{', '.join(f'`{name}`' for name in OPTIONAL_FIELDS)}. Default: those that its routes obey.",
    )
    aliases: tuple[str, ...] = Field(default=(), description="Further names, in all APIs.")
    successor_with_image: str | None = Field(
        default=None, description="For a model without reference images: the one that runs when a task has some."
    )
    retired: date | None = Field(
        default=None, description="The day on which its maker shut the original down; its routes lead to a successor."
    )

    @field_validator("accepts")
    @classmethod
    def _some(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        if not formats:
            raise ValueError("a model accepts at least one format")
        return formats

    def facts(self) -> ModelFacts:
        return ModelFacts(
            name=self.name,
            title=self.title,
            credits=self.credits,
            reference_cap=self.reference_cap,
            accepts=frozenset(_FORMATS[each] for each in self.accepts),
            successor_with_image=self.successor_with_image,
            sizes=self.sizes,
            qualities=self.qualities,
            obeys=None if self.obeys is None else frozenset(self.obeys),
            aliases=self.aliases,
            retired=self.retired,
        )


@cache
def shipped_models() -> Models:
    """The models of `models.toml`. The file is read once."""
    parsed = tomllib.loads((resources.files("limner") / "models.toml").read_text())
    return models_of([ModelSettings(**row).facts() for row in parsed["model"]])


def configured_models(rows: Sequence[ModelSettings], aliases: Mapping[str, str]) -> Models:
    """The shipped models and the operator's. Raises `InvalidModel`."""
    return models_of([row.facts() for row in rows], shipped=shipped_models(), aliases=aliases)
