"""Where the things stand. Pure arithmetic: bodies with a shape and a relation in, boxes on the picture out.

Groups are built in units of a person's height, x to the right and y up from the ground, and fitted into the frame as
one piece at the end, so nothing can be pushed out of it.
"""

from dataclasses import dataclass, field, replace

from limner_builtin.reading.meaning import Relation


@dataclass(frozen=True, slots=True)
class LayoutBody:
    """One requested thing: width over height, height in persons, and where its head is (shares of its box)."""

    aspect: float
    tall: float
    relation: Relation = Relation.BESIDE
    count: int = 1
    aloft: bool = False
    spanning: bool = False
    cut: bool = False
    head: tuple[float, float, float] = (0.5, 0.04, 0.6)
    glasses: bool = False
    seat: float = 0.0
    """How far below its top, as a share of its height, things stand on it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A box for body number `body`. `far` grows with the distance; what is nearer is drawn later."""

    body: int
    left: float
    bottom: float
    width: float
    height: float
    far: float = 0.0
    grounded: bool = True
    mirrored: bool = False
    order: int = 0

    def moved(self, right: float, up: float) -> "Spot":
        return replace(self, left=self.left + right, bottom=self.bottom + up)

    def scaled(self, factor: float) -> "Spot":
        return replace(
            self,
            left=self.left * factor,
            bottom=self.bottom * factor,
            width=self.width * factor,
            height=self.height * factor,
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A spot in pixels, from the upper left corner."""

    body: int
    left: int
    top: int
    width: int
    height: int
    far: float
    grounded: bool
    mirrored: bool

    @property
    def foot(self) -> int:
        return self.top + self.height


@dataclass(slots=True)
class Group:
    """What stands together: an anchor and what it wears, holds, rides or stands on."""

    spots: list[Spot]
    anchor: Spot
    far: float = 0.0
    cut: bool = False

    @property
    def left(self) -> float:
        return min(spot.left for spot in self.spots)

    @property
    def right(self) -> float:
        return max(spot.left + spot.width for spot in self.spots)

    @property
    def top(self) -> float:
        return max(spot.bottom + spot.height for spot in self.spots)

    def move(self, right: float, up: float = 0.0) -> None:
        self.spots = [spot.moved(right, up) for spot in self.spots]
        self.anchor = self.anchor.moved(right, up)


@dataclass(slots=True)
class _Plan:
    groups: list[Group] = field(default_factory=list)
    sky: list[int] = field(default_factory=list)


ATTACHED = frozenset(
    {Relation.ON, Relation.WEAR, Relation.HOLD, Relation.RIDE, Relation.INSIDE, Relation.UNDER, Relation.ABOVE}
)
BACK = 1.0
OVERLAP = 0.04
SUNK, SHOWN, TALL_VESSEL = 0.45, 0.22, 1.15
"""The share of a thing that its vessel hides, in a broad one and in a tall one, as of flowers in a vase."""
ASTRIDE, UPON = 0.5, 0.06
"""How far below the top of what carries it a rider is, and what only stands on it."""
BROAD = 1.3
"""The shape of hats whose brim is as wide as the head."""
SMALL = 0.72
"""Below this share of the tallest a thing counts as small."""
FORWARD, BEHIND = 0.3, 0.16
"""How much of its own width a thing shares with its neighbour."""
SKY_PLACES = ((0.77, 0.2), (0.2, 0.17), (0.5, 0.12), (0.88, 0.38), (0.1, 0.36), (0.64, 0.1), (0.35, 0.1), (0.93, 0.1))
MARGIN = 0.075
TALLEST, TALLEST_UNDER_SKY = 0.7, 0.62
"""Shares of the picture's height that what stands on the ground takes at most."""


def arranged(
    bodies: list[LayoutBody], width: int, height: int, horizon: float = 0.6, *, tallest: float = TALLEST
) -> list[Box]:
    """Boxes for every copy of every body, farthest first, all inside the frame, at most so tall a share of it."""
    plan = _planned(bodies)
    boxes = _grounded(
        plan.groups, width, height, horizon, tallest=tallest if not plan.sky else min(tallest, TALLEST_UNDER_SKY)
    )
    boxes += _aloft(plan.sky, bodies, width, height, alone=not plan.groups)
    return [box for _, box in sorted(boxes, key=lambda entry: (-entry[1].far, entry[0]))]


def _planned(bodies: list[LayoutBody]) -> _Plan:
    plan = _Plan()
    for index, body in enumerate(bodies):
        previous = plan.groups[-1] if plan.groups else None
        if (
            previous is not None
            and body.relation in ATTACHED
            and not (body.aloft and body.relation in (Relation.UNDER, Relation.BESIDE))
        ):
            _attach(previous, index, body, bodies)
        elif body.aloft:
            plan.sky.append(index)
        else:
            group = _copies(index, body)
            if previous is not None and body.relation is Relation.FRONT:
                group.far = previous.far + BACK
            elif previous is not None and previous.far and body.relation is Relation.BESIDE:
                group.far = previous.far
            if previous is not None and body.relation is Relation.BEHIND:
                previous.far = group.far + BACK
            plan.groups.append(group)
    return plan


def _copies(index: int, body: LayoutBody) -> Group:
    """Several of a kind stand in a loose wedge, every other one turned round."""
    wide = body.aspect * body.tall
    spots = []
    for copy, (x, far) in enumerate(_wedge(body.count)):
        shrink = 1 - 0.12 * far
        size = body.tall * shrink
        spots.append(
            Spot(
                index, x * wide * 0.86 - wide * shrink / 2, far * 0.2 * body.tall, wide * shrink, size, far * 0.3,
                mirrored=copy % 2 == 1, order=index,
            )
        )  # fmt: skip
    spots.sort(key=lambda spot: -spot.far)
    return Group(spots, spots[-1], cut=body.cut)


def _wedge(count: int) -> list[tuple[float, float]]:
    if count <= 2:
        return [(i - (count - 1) / 2, 0.0) for i in range(count)]
    front = (count + 1) // 2 if count > 3 else 1
    back = count - front
    spread, aside = 1.12 if count == 3 else 1.0, 0.5 * (front == back)
    return [((i - (front - 1) / 2), 0.0) for i in range(front)] + [
        ((i - (back - 1) / 2) * spread + aside, 1.0) for i in range(back)
    ]


def _attach(group: Group, index: int, body: LayoutBody, bodies: list[LayoutBody]) -> None:
    anchor = group.anchor
    tall, wide = body.tall, body.tall * body.aspect
    match body.relation:
        case Relation.WEAR:
            group.spots.append(_worn(anchor, index, body, bodies[anchor.body].head))
        case Relation.HOLD:
            tall = min(max(tall, anchor.height * 0.4), anchor.height * 0.6)
            wide = tall * body.aspect
            spot = Spot(
                index, anchor.left + anchor.width * 0.06 - wide * 0.62, anchor.bottom + anchor.height * 0.1, wide, tall
            )
            group.spots.append(replace(spot, far=anchor.far - 0.01, grounded=False, mirrored=True, order=index))
        case Relation.ON | Relation.RIDE:
            mount = body.relation is Relation.RIDE and not body.seat
            _stand(group, index, body, sink=body.seat or (ASTRIDE if mount else UPON), mount=mount)
        case Relation.INSIDE:
            _contain(group, index, body)
        case Relation.ABOVE:
            _stand(group, index, body, sink=-0.35)
            group.anchor = group.spots[-1]
        case _:
            _shelter(group, index, body)


def _worn(anchor: Spot, index: int, body: LayoutBody, head: tuple[float, float, float]) -> Spot:
    x, y, across = head
    x = 1 - x if anchor.mirrored else x
    wide = anchor.width * across * (0.8 if body.glasses else 1.0 if body.aspect > BROAD else 0.74)
    tall = wide / body.aspect
    top = anchor.bottom + anchor.height * (1 - y)
    bottom = top - anchor.width * across * 0.5 - tall / 2 if body.glasses else top - tall * 0.26
    spot = Spot(index, anchor.left + anchor.width * x - wide / 2, bottom, wide, tall, anchor.far - 0.01)
    return replace(spot, grounded=False, order=index)


def _stand(group: Group, index: int, body: LayoutBody, sink: float, *, mount: bool = False) -> None:
    """What was said first stands on what was said last, which is made broad enough to carry it.

    A mount is in front of its rider, whose legs are on its other side.
    """
    across = group.right - group.left
    wide = max(body.tall * body.aspect, across * 0.95)
    wide = min(wide, across * 2.1)
    tall = wide / body.aspect
    if tall > group.top * 1.6:
        tall = group.top * 1.6
        wide = tall * body.aspect
    if mount and group.top < tall * SMALL:
        sink, mount = UPON, False  # a mouse on an elephant would vanish behind it
    middle = (group.left + group.right) / 2
    group.move(0, tall * (1 - sink))
    group.spots = [replace(spot, grounded=False) for spot in group.spots]
    group.anchor = replace(group.anchor, grounded=False)
    base = Spot(index, middle - wide / 2, 0, wide, tall, group.anchor.far + (-0.02 if mount else 0.01), order=index)
    group.spots.insert(0, base)


def _contain(group: Group, index: int, body: LayoutBody) -> None:
    """In a vessel: it covers the lower part of what it holds, whatever its own shape."""
    tallest = group.top
    wide = (group.right - group.left) * 1.15
    tall = min(wide / body.aspect, max(tallest * 1.25, wide * 0.7))
    wide = tall * body.aspect
    middle = (group.left + group.right) / 2
    group.move(0, max(tall * 0.4, tall * 0.93 - tallest * (SUNK if tall < wide * TALL_VESSEL else SHOWN)))
    group.spots = [replace(spot, grounded=False) for spot in group.spots]
    group.spots.append(Spot(index, middle - wide / 2, 0, wide, tall, group.anchor.far - 0.02, order=index))


def _shelter(group: Group, index: int, body: LayoutBody) -> None:
    """Under a tree or an umbrella: it rises behind, tall enough to stand under."""
    tall = max(body.tall, group.top * 1.75)
    wide = tall * body.aspect
    middle = (group.left + group.right) / 2
    group.spots.insert(
        0, Spot(index, middle - wide * 0.5, group.top * 0.12, wide, tall, group.anchor.far + 0.5, order=index)
    )


def _grounded(groups: list[Group], width: int, height: int, horizon: float, *, tallest: float) -> list[tuple[int, Box]]:
    if not groups:
        return []
    depths = sorted({group.far for group in groups})
    rows = [[group for group in groups if group.far == far] for far in depths]
    _row(rows[0])
    for number, row in enumerate(rows[1:], 1):
        _back_row(row, [group for nearer in rows[:number] for group in nearer], depths[number])
    if any(group.cut for group in groups):
        _lift_others(groups)
    spots = [replace(spot, far=spot.far + group.far) for group in groups for spot in group.spots]
    left = min(spot.left for spot in spots)
    across = max(spot.left + spot.width for spot in spots) - left
    low = min(spot.bottom for spot in spots)
    up = max(spot.bottom + spot.height for spot in spots) - low
    cut = any(group.cut for group in groups)
    most_wide = width * (0.9 if len(spots) > 1 else 0.8)
    most_tall = height * (0.86 if cut else tallest)
    scale = min(most_wide / across, most_tall / up)
    ground = height if cut else _ground(up * scale, height, horizon)
    shift = (width - across * scale) / 2 - left * scale
    return [(spot.order, _box(spot.scaled(scale).moved(shift, -low * scale), ground)) for spot in spots]


def _ground(tall: float, height: int, horizon: float) -> float:
    """The line the nearest things stand on: the group about the middle, but never above the floor's first third."""
    centred = height * 0.53 + tall / 2
    lowest, highest = height * 0.875, height * (horizon + (1 - horizon) * 0.42)
    return min(lowest, max(centred, highest))


def _row(groups: list[Group]) -> None:
    """Side by side: of two, the clearly smaller one a step in front; of more, every other one a step behind."""
    tallest = max(group.top for group in groups)
    x = 0.0
    for number, group in enumerate(groups):
        small = len(groups) > 1 and group.top < SMALL * tallest
        behind = len(groups) > 2 and number % 2 == 1 and not small
        cover = (group.right - group.left) * (FORWARD if small else BEHIND if behind else 0)
        group.move(x - group.left - (cover if number else 0), tallest * (-0.07 if small else 0.16 if behind else 0))
        group.far += 0.2 * behind - 0.05 * small
        x = group.right - OVERLAP * min(1.0, group.top) - (cover if behind or not number else 0)


def _lift_others(groups: list[Group]) -> None:
    """Next to a subject that the lower edge cuts, the rest stands a little above that edge and behind it."""
    step = 0.06 * max(group.top for group in groups)
    for group in groups:
        lowest = min(spot.bottom for spot in group.spots)
        if group.cut:
            group.far -= BACK
        elif lowest < step:
            group.move(0, step - lowest)


def _back_row(groups: list[Group], nearer: list[Group], far: float) -> None:
    _row(groups)
    middle = (min(g.left for g in nearer) + max(g.right for g in nearer)) / 2
    own = (groups[0].left + groups[-1].right) / 2
    highest = max(group.top for group in nearer)
    for group in groups:
        # what stands behind must show above the heads in front of it
        grow = max(1.0, highest * 1.35 / group.top)
        group.spots = [spot.scaled(grow) for spot in group.spots]
        group.anchor = group.anchor.scaled(grow)
        group.move(middle - own * grow, 0.16 * highest * far)


def _box(spot: Spot, ground: float) -> Box:
    wide, tall = max(1, round(spot.width)), max(1, round(spot.height))
    return Box(
        spot.body,
        round(spot.left),
        round(ground - spot.bottom) - tall,
        wide,
        tall,
        spot.far,
        spot.grounded,
        spot.mirrored,
    )


FAR_SKY = 9.0


def _aloft(sky: list[int], bodies: list[LayoutBody], width: int, height: int, *, alone: bool) -> list[tuple[int, Box]]:
    copies = [index for index in sky for _ in range(bodies[index].count)]
    if not copies:
        return []
    if alone:
        return _floating(copies, bodies, width, height)
    boxes = []
    for place, index in enumerate(copies):
        body = bodies[index]
        x, y = SKY_PLACES[place % len(SKY_PLACES)]
        tall = min(width, height) * 0.2 * body.tall**0.8
        wide = tall * body.aspect
        if body.spanning:
            wide, x, y = width * 0.86, 0.5, 0.4
            tall = wide / body.aspect
        boxes.append((index, _in_frame(index, (x * width, y * height), (wide, tall), (width, height))))
    return boxes


def _floating(copies: list[int], bodies: list[LayoutBody], width: int, height: int) -> list[tuple[int, Box]]:
    """Nothing stands on the ground: the things hover in the middle of the picture, in rows of three."""
    rows = [copies[i : i + 3] for i in range(0, len(copies), 3)]
    cell = min(height * 0.62 / len(rows), width * 0.84 / max(len(row) for row in rows))
    boxes = []
    for j, row in enumerate(rows):
        y = height * 0.45 + (j - (len(rows) - 1) / 2) * cell
        for i, index in enumerate(row):
            aspect = bodies[index].aspect
            size = cell * (0.92 if len(copies) > 1 else 1.0)
            wide, tall = (size, size / aspect) if aspect > 1 else (size * aspect, size)
            x = width / 2 + (i - (len(row) - 1) / 2) * cell
            boxes.append((index, _in_frame(index, (x, y + (i % 2) * cell * 0.08), (wide, tall), (width, height))))
    return boxes


def _in_frame(index: int, centre: tuple[float, float], size: tuple[float, float], frame: tuple[int, int]) -> Box:
    (x, y), (wide, tall), (width, height) = centre, size, frame
    margin = MARGIN * min(width, height) * 0.6
    left = min(max(x - wide / 2, margin), max(margin, width - margin - wide))
    top = min(max(y - tall / 2, margin), max(margin, height - margin - tall))
    return Box(
        index,
        round(left),
        round(top),
        max(1, round(wide)),
        max(1, round(tall)),
        FAR_SKY,
        grounded=False,
        mirrored=False,
    )
