"""What a prompt means to this engine: things, how they stand to each other, and where."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from limner_builtin.reading.vocabulary import KIND, Asset
from limner_builtin.sprites.materials import Paint

MOST_COPIES = 8
OUTDOORS = frozenset(
    {"meadow", "forest", "jungle", "savanna", "mountains", "beach", "harbour", "sea", "desert", "city", "sky"}
)
"""The places that an hour and the weather change."""


class Relation(StrEnum):
    BESIDE = "beside"
    ON = "on"
    FRONT = "front"
    BEHIND = "behind"
    ABOVE = "above"
    UNDER = "under"
    WEAR = "wear"
    HOLD = "hold"
    RIDE = "ride"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class Thing:
    """A requested thing and its place relative to the previous one.

    `asked` is how many of it the prompt wants. `reference` counts the caller's pictures from 0.
    """

    phrase: str
    asset: Asset | None
    score: float = 1.0
    asked: int = 1
    paint: Paint = field(default_factory=Paint)
    scale: float = 1.0
    relation: Relation = Relation.BESIDE
    reference: int | None = None

    @property
    def count(self) -> int:
        return min(self.asked, MOST_COPIES)

    @property
    def changes(self) -> tuple[str, ...]:
        """What is drawn of it otherwise than asked."""
        kind = f"{self.phrase} is drawn as {self.asset.name}" if self.asset and self.score <= KIND else ""
        many = f"{self.count} of {self.asked} {self.phrase} are drawn" if self.asked > self.count else ""
        return tuple(filter(None, (kind, many)))


@dataclass(frozen=True, slots=True)
class Setting:
    place: str | None = None
    time: str = "day"
    weather: str = "clear"
    hue: float | None = None
    called: str | None = None
    """What the prompt calls the place, where it is shown as another one that resembles it."""

    @property
    def changes(self) -> tuple[str, ...]:
        return () if self.called is None else (f"{self.called} is shown as {self.place}",)

    @property
    def shown(self) -> str:
        """The place to draw: open land where only a time or a weather was said."""
        if self.place is not None:
            return self.place
        return "meadow" if self.time != "day" or self.weather != "clear" else "studio"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is drawn. `unmatched` lists the words that nothing is drawn for."""

    things: tuple[Thing, ...]
    setting: Setting
    style: str | None
    unmatched: tuple[str, ...]

    @property
    def is_scene(self) -> bool:
        """Whether more is to be drawn than the caller's first picture: a thing, a place, a second picture."""
        drawn = any(thing.reference is None for thing in self.things)
        weather = self.setting.weather != "clear"
        return drawn or weather or self.setting.place is not None or self._pictures > 1

    def before_paper(self) -> "Reading":
        """The same before a plain background, which takes the place of an hour or a weather, and not of a place."""
        if self.setting.place is not None and self.setting.place != "studio":
            return replace(self, unmatched=(*self.unmatched, "background"))
        return replace(self, setting=Setting("studio"))

    @property
    def _pictures(self) -> int:
        return len({thing.reference for thing in self.things if thing.reference is not None})

    @property
    def changes(self) -> tuple[str, ...]:
        """What is drawn otherwise than asked, a clause each."""
        return (*(change for thing in self.things for change in thing.changes), *self.setting.changes)
