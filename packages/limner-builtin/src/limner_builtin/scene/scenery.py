"""Scenery made of emoji: which stand in a place, and where."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limner_builtin.reading.meaning import Setting


@dataclass(frozen=True, slots=True)
class Prop:
    """One emoji: where its foot stands, from 0 at the skyline to 1 at the lower edge, and how tall it is.

    A negative foot is in the air: a share of the picture's height.
    """

    code: str
    x: float
    foot: float
    tall: float

    @property
    def grounded(self) -> bool:
        return self.foot >= 0


TREE, PINE, PALM, CACTUS, ROCK = "1f333", "1f332", "1f334", "1f335", "1faa8"
DAISY, TULIP, MUSHROOM, HERB = "1f33c", "1f337", "1f344", "1f33f"
CORAL, BUBBLES, FISH, SHELL = "1fab8", "1fae7", "1f420", "1f41a"
PLANT, FRAME, CLOUD, GEM = "1fab4", "1f5bc", "2601", "1f48e"


def scenery(setting: Setting, rng: np.random.Generator) -> list[Prop]:
    maker = PLACES.get(setting.shown)
    if setting.weather == "snow":
        maker = SNOWY_PLACES.get(setting.shown, maker)
    return maker(rng) if maker else []


def _forest(rng: np.random.Generator) -> list[Prop]:
    return _woods((PINE, TREE, PINE), rng)


def _snowy_forest(rng: np.random.Generator) -> list[Prop]:
    return _woods((PINE,), rng)


def _woods(kinds: tuple[str, ...], rng: np.random.Generator) -> list[Prop]:
    return [*_row(kinds, 13, 0.02, 0.2, rng), *_row(kinds, 9, 0.09, 0.3, rng), *_wings(kinds, 0.2, 0.52, rng)]


def _meadow(rng: np.random.Generator) -> list[Prop]:
    return [*_grove((TREE,), rng), *_scattered((DAISY, TULIP, HERB), 7, 0.06, rng)]


def _snowy_meadow(rng: np.random.Generator) -> list[Prop]:
    return _grove((PINE,), rng)


def _grove(trees: tuple[str, ...], rng: np.random.Generator) -> list[Prop]:
    return [*_row(trees, 5, 0.03, 0.12, rng), *_wings(trees, 0.12, 0.26, rng)[:1]]


def _mountains(rng: np.random.Generator) -> list[Prop]:
    return [
        *_row((PINE,), 8, 0.04, 0.12, rng),
        *_wings((PINE,), 0.16, 0.32, rng),
        *_scattered((ROCK,), 2, 0.08, rng),
    ]


def _beach(rng: np.random.Generator) -> list[Prop]:
    return [*_wings((PALM,), 0.3, 0.56, rng)[:1], *_scattered((SHELL,), 3, 0.055, rng)]


def _underwater(rng: np.random.Generator) -> list[Prop]:
    return [
        *_wings((CORAL,), 0.3, 0.26, rng), *_scattered((CORAL, SHELL), 4, 0.09, rng),
        *_floating((BUBBLES,), 4, 0.1, rng), *_floating((FISH,), 3, 0.06, rng),
    ]  # fmt: skip


def _desert(rng: np.random.Generator) -> list[Prop]:
    return [
        *_row((CACTUS,), 4, 0.05, 0.1, rng),
        *_wings((CACTUS,), 0.22, 0.3, rng)[:1],
        *_scattered((ROCK,), 3, 0.08, rng),
    ]


def _city(rng: np.random.Generator) -> list[Prop]:
    return _wings((TREE,), 0.14, 0.24, rng)


def _space(rng: np.random.Generator) -> list[Prop]:
    return _scattered((ROCK,), 5, 0.09, rng)


def _alien(rng: np.random.Generator) -> list[Prop]:
    return [*_scattered((ROCK,), 3, 0.08, rng), *_wings((GEM,), 0.25, 0.14, rng)]


def _cave(rng: np.random.Generator) -> list[Prop]:
    return [*_scattered((MUSHROOM, ROCK, GEM), 6, 0.09, rng), *_wings((ROCK,), 0.2, 0.26, rng)]


def _room(_: np.random.Generator) -> list[Prop]:
    return [Prop(PLANT, 0.86, 0.12, 0.34), Prop(FRAME, 0.76, -0.34, 0.17)]


def _sky(rng: np.random.Generator) -> list[Prop]:
    return [
        *_floating((CLOUD,), 4, 0.16, rng),
        *_row((CLOUD,), 5, 0.3, 0.2, rng),
        *_scattered((CLOUD,), 3, 0.24, rng),
    ]


def _row(codes: tuple[str, ...], many: int, foot: float, tall: float, rng: np.random.Generator) -> list[Prop]:
    return [
        Prop(
            codes[int(rng.integers(len(codes)))], (i + 0.5 + 0.7 * (rng.random() - 0.5)) / many,
            foot * (0.7 + 0.6 * rng.random()), tall * (0.75 + 0.5 * rng.random()),
        )
        for i in range(many)
    ]  # fmt: skip


def _wings(codes: tuple[str, ...], foot: float, tall: float, rng: np.random.Generator) -> list[Prop]:
    """Taller scenery at both sides, like the wings of a stage."""
    sides = (0.05, 0.96) if rng.random() < 0.5 else (0.95, 0.04)
    return [
        Prop(
            codes[int(rng.integers(len(codes)))],
            x,
            foot * (0.8 + 0.4 * rng.random()),
            tall * (0.85 + 0.3 * rng.random()),
        )
        for x in sides
    ]


def _scattered(codes: tuple[str, ...], many: int, tall: float, rng: np.random.Generator) -> list[Prop]:
    """Small things on the ground, left and right of the middle."""
    props = []
    for i in range(many):
        aside = 0.03 + 0.24 * rng.random()
        foot = 0.2 + 0.72 * rng.random()
        x = aside if i % 2 else 1 - aside
        props.append(Prop(codes[int(rng.integers(len(codes)))], x, foot, tall * (0.6 + 0.5 * foot)))
    return props


def _floating(codes: tuple[str, ...], many: int, tall: float, rng: np.random.Generator) -> list[Prop]:
    """In the air or the water."""
    return [
        Prop(
            codes[int(rng.integers(len(codes)))],
            (i + 0.2 + 0.6 * rng.random()) / many,
            -(0.16 + 0.34 * rng.random()),
            tall * (0.6 + 0.6 * rng.random()),
        )
        for i in range(many)
    ]


Maker = Callable[[np.random.Generator], list[Prop]]
PLACES: dict[str, Maker] = {
    "forest": _forest,
    "meadow": _meadow,
    "mountains": _mountains,
    "beach": _beach,
    "underwater": _underwater,
    "desert": _desert,
    "city": _city,
    "space": _space,
    "lava": _space,
    "alien": _alien,
    "cave": _cave,
    "room": _room,
    "sky": _sky,
}
SNOWY_PLACES: dict[str, Maker] = {"forest": _snowy_forest, "meadow": _snowy_meadow}
