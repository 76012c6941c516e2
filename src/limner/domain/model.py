"""The public models, as rows of facts: what a model can do is looked up here, routes say which vendor serves it.

The rows that ship are in `models.toml`; an operator adds to them or replaces one in `limner.toml`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from limner.domain.routing.abilities import Abilities, limited

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"

DEFAULT_MODEL = "flux.1_kontext_pro"
DEFAULT_MULTIVIEW_MODEL = "gemini_3.1_flash_image_preview"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One public model version.

    `credits` is the price of one task. `reference_cap` is the most pictures that may travel with it, 0 for a
    text-only model. `successor_with_image` is the model that takes over when a text-only one is given a picture.
    `sizes` and `qualities` are those that callers may ask for; if empty, the routes decide. `obeys` are the optional
    fields of a task that callers may use; None leaves that to the routes, too. `retired` is the day on which its maker
    shut the original down: its routes lead to a successor.
    """

    name: str
    title: str
    credits: int
    reference_cap: int
    accepts: frozenset[str] = frozenset({JPEG, PNG, WEBP})
    successor_with_image: str | None = None
    sizes: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    obeys: frozenset[str] | None = None
    aliases: tuple[str, ...] = ()
    retired: date | None = None

    def limit(self, abilities: Abilities) -> Abilities:
        """What callers may ask of a route of this model."""
        return limited(abilities, self.obeys, self.sizes, self.qualities)


class InvalidModel(ValueError):
    """A row contradicts itself or another. `row` is its place in the list, `part` the field at fault.

    Without a row, `part` is an alias that cannot be.
    """

    def __init__(self, row: int | None, part: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.row = row
        self.part = part
        self.remedy = remedy


@dataclass(frozen=True, slots=True, eq=False)
class Models(Mapping[str, ModelFacts]):
    """The models by name, in the order of their rows. `called` also knows aliases."""

    rows: Mapping[str, ModelFacts]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ModelFacts:
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def called(self, name: str) -> ModelFacts | None:
        """The model of this name or alias."""
        return self.rows.get(self.aliases.get(name, name))

    def with_images(self) -> tuple[str, ...]:
        """The names of the models that take reference images."""
        return tuple(row.name for row in self.values() if row.reference_cap)

    def effective(self, named: ModelFacts, *, pictures: int) -> ModelFacts:
        """The model that runs: a text-only model may have a successor for requests with images."""
        if pictures and named.successor_with_image:
            return self[named.successor_with_image]
        return named


def models_of(
    rows: Sequence[ModelFacts], *, shipped: Models | None = None, aliases: Mapping[str, str] | None = None
) -> Models:
    """The catalogue of `rows`, after those that ship. A row with the name of a shipped one takes its place.

    `aliases` are further names of models. Raises `InvalidModel` for a row or an alias that cannot be.
    """
    known = dict(shipped.rows) if shipped else {}
    for number, row in enumerate(rows):
        if any(row.name == earlier.name for earlier in rows[:number]):
            raise InvalidModel(number, "name", f"model {row.name!r} is written twice", "Remove one of the rows.")
        known[row.name] = row
    places = {row.name: number for number, row in enumerate(rows)}
    for row in known.values():
        _check_successor(row, known, places)
        _check_obeys(row, places.get(row.name))
    return Models(known, _all_aliases(known, places, aliases or {}))


def _check_successor(row: ModelFacts, known: Mapping[str, ModelFacts], places: Mapping[str, int]) -> None:
    successor = row.successor_with_image
    if successor is None:
        return
    place = places.get(row.name, places.get(successor, 0))
    if row.reference_cap:
        problem = f"model {row.name!r} takes {row.reference_cap} reference images and names a successor for images"
        raise InvalidModel(place, "reference_cap", problem, "Set reference_cap = 0, or remove successor_with_image.")
    if successor not in known or not known[successor].reference_cap:
        takers = ", ".join(each.name for each in known.values() if each.reference_cap)
        problem = f"{successor!r}, the successor of model {row.name!r}, is no model that takes reference images"
        raise InvalidModel(place, "successor_with_image", problem, f"Name one of {takers}.")


def _check_obeys(row: ModelFacts, place: int | None) -> None:
    for name, obeyed, values in (("sizes", "size", row.sizes), ("qualities", "quality", row.qualities)):
        if values and row.obeys is not None and obeyed not in row.obeys:
            problem = f"model {row.name!r} lists {name}, and does not obey {obeyed}"
            raise InvalidModel(place, name, problem, f"Remove {name}, or add {obeyed!r} to obeys.")


def _all_aliases(
    known: Mapping[str, ModelFacts], places: Mapping[str, int], further: Mapping[str, str]
) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for name, alias in [(row.name, alias) for row in known.values() for alias in row.aliases]:
        if alias in known or alias in aliases:
            taken = aliases.get(alias, alias)
            place = places.get(name, places.get(taken, 0))
            problem = f"the alias {alias!r} of model {name!r} is a name of model {taken!r}"
            raise InvalidModel(place, "aliases", problem, "Remove the alias, or choose another.")
        aliases[alias] = name
    for alias, name in further.items():
        if alias in known:
            raise InvalidModel(None, alias, f"{alias!r} is a model, and no alias", "Choose another alias.")
        if name not in known:
            problem = f"the alias {alias!r} leads to {name!r}, which is no model"
            raise InvalidModel(None, alias, problem, f"It may lead to {', '.join(known)}.")
        aliases[alias] = name
    return aliases
