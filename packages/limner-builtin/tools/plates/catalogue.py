"""All plates by name, each with its place and hour."""

from collections.abc import Callable

from lands import hall, harbour, jungle, library, savanna
from places import (
    Air,
    alien,
    beach,
    cave,
    city,
    desert,
    forest,
    kitchen,
    lava,
    meadow,
    mountains,
    podium,
    room,
    sea,
    sky,
    snow,
    space,
    stage,
    underwater,
    winter,
)  # fmt: skip
from studios import podium_blocks, podium_discs
from world import World

OUTSIDE = (meadow, forest, mountains, beach, sea, desert, city, snow, winter)
WITHIN = (podium, room, kitchen, stage, underwater, space, sky, cave, lava, alien)
BY_DAY = (podium_discs, podium_blocks, savanna, harbour, library, jungle, hall)
"""Those outdoors of these are graded by the engine for another hour."""

PLATES: dict[str, tuple[Callable[[World], Air], str]] = {
    **{place.__name__.replace("_", "-"): (place, "day") for place in (*OUTSIDE, *WITHIN, *BY_DAY)},
    **{f"{place.__name__}-{hour}": (place, hour) for hour in ("sunset", "night") for place in OUTSIDE},
}
