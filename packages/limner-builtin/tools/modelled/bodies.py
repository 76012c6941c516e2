"""The bodies: who sits or stands how, in which colours, and where the head goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solid import Ball, Block, Drum, Limb, Part, Patch, Rgb

BROWN: Rgb = (0.45, 0.31, 0.27)
WHITE: Rgb = (0.93, 0.91, 0.97)
DARK: Rgb = (0.25, 0.2, 0.24)


@dataclass(frozen=True, slots=True)
class Coat:
    """Main colour, belly, front paws, hind feet and tail's tip; what is not told is as the main colour."""

    main: Rgb
    belly: Rgb | None = None
    paws: Rgb | None = None
    feet: Rgb | None = None
    tip: Rgb | None = None


@dataclass(frozen=True, slots=True)
class Body:
    parts: Sequence[Part]
    patches: Sequence[Patch] = ()
    head: tuple[float, float] = (0.0, 1.42)
    """Where the middle of the head is, and how wide it is."""
    wide: float = 1.22
    fade: float = 0.0
    """The share of the head, from below, that goes over into the body."""


def teddy(coat: Coat) -> Body:
    """Sits on its bottom, feet forward, as bears do."""
    main, paws, feet = coat.main, coat.paws or coat.main, coat.feet or coat.main
    parts: list[Part] = [
        Ball((0, 0.5, 0), (0.5, 0.55, 0.42), main),
        Ball((0, 0.32, 0.02), (0.56, 0.34, 0.44), main),
    ]
    for side in (-1, 1):
        parts += [
            Limb((side * 0.34, 0.82, 0.1), (side * 0.52, 0.44, 0.3), 0.15, 0.14, paws),
            Ball((side * 0.5, 0.38, 0.34), (0.15, 0.15, 0.14), paws),
            Limb((side * 0.34, 0.2, 0.2), (side * 0.48, 0.17, 0.52), 0.2, 0.17, feet),
            Ball((side * 0.5, 0.2, 0.58), (0.2, 0.21, 0.13), feet),
        ]
    patches = [Patch((0, 0.5), (0.31, 0.33), coat.belly)] if coat.belly else []
    return Body(parts, patches, (0, 1.36), 1.3)


def sitting(coat: Coat) -> Body:
    """Sits upright on its haunches, front legs straight, as dogs and cats do."""
    main, paws, feet = coat.main, coat.paws or coat.main, coat.feet or coat.main
    parts: list[Part] = [
        Ball((0, 0.62, -0.02), (0.36, 0.52, 0.34), main),
        Ball((0, 0.3, -0.1), (0.46, 0.32, 0.36), main),
    ]
    for side in (-1, 1):
        parts += [
            Ball((side * 0.4, 0.27, 0.02), (0.2, 0.27, 0.3), main),
            Ball((side * 0.44, 0.08, 0.3), (0.15, 0.09, 0.17), feet),
            Limb((side * 0.19, 0.72, 0.22), (side * 0.17, 0.3, 0.36), 0.14, 0.115, main),
            Limb((side * 0.17, 0.3, 0.36), (side * 0.17, 0.1, 0.38), 0.115, 0.115, paws),
            Ball((side * 0.175, 0.085, 0.44), (0.13, 0.09, 0.15), paws),
        ]
    patches = [Patch((0, 0.72), (0.2, 0.36), coat.belly)] if coat.belly else []
    return Body(parts, patches, (0, 1.36), 1.26)


def _tail(path: Sequence[tuple[float, float, float]], rgbs: Sequence[Rgb]) -> list[Part]:
    """Balls along a curve of (x, y, radius), the colours one after another."""
    many = len(path) * 5
    balls: list[Part] = []
    for k in range(many):
        place = k / (many - 1) * (len(path) - 1)
        low = min(int(place), len(path) - 2)
        share = place - low
        share = share * share * (3 - 2 * share)
        x, y, r = (a + (b - a) * share for a, b in zip(path[low], path[low + 1], strict=True))
        rgb = rgbs[min(int(k / many * len(rgbs)), len(rgbs) - 1)]
        balls.append(Ball((x, y, -0.2), (r, r, r), rgb))
    return balls


BUSHY = ((0.3, 0.16, 0.12), (0.62, 0.14, 0.18), (0.86, 0.34, 0.22), (0.86, 0.64, 0.19), (0.74, 0.86, 0.07))
THIN = ((0.3, 0.14, 0.07), (0.62, 0.1, 0.07), (0.84, 0.26, 0.065), (0.86, 0.5, 0.06), (0.76, 0.68, 0.06))


def bushy(coat: Coat) -> Body:
    seat = sitting(coat)
    tip = coat.tip or coat.main
    return Body(
        [*seat.parts, *_tail(BUSHY, (coat.main, coat.main, coat.main, coat.main, tip))],
        seat.patches,
        seat.head,
        seat.wide,
    )


def ringed(coat: Coat) -> Body:
    seat = sitting(coat)
    tip = coat.tip or DARK
    return Body(
        [*seat.parts, *_tail(BUSHY, (coat.main, tip, coat.main, tip, coat.main, tip, coat.main, tip))],
        seat.patches,
        seat.head,
        seat.wide,
    )


def thin_tailed(coat: Coat) -> Body:
    seat = sitting(coat)
    return Body([*seat.parts, *_tail(THIN, (coat.main,))], seat.patches, seat.head, seat.wide)


def tufted(coat: Coat) -> Body:
    seat = sitting(coat)
    tuft: Part = Ball((0.75, 0.74, -0.2), (0.13, 0.16, 0.12), coat.tip or DARK)
    return Body([*seat.parts, *_tail(THIN, (coat.main,)), tuft], seat.patches, (0, 1.36), 1.42)


def striped(coat: Coat) -> Body:
    seat = thin_tailed(coat)
    tip = coat.tip or DARK
    bands = [
        Patch((side * x, y), (0.15, 0.035), tip, lean=0.0)
        for side in (-1, 1)
        for x, y in ((0.46, 0.4), (0.5, 0.27), (0.36, 0.84), (0.34, 0.66))
    ]
    parts = [*seat.parts[:-25], *_tail(THIN, (coat.main, tip) * 4)]
    return Body(parts, [*seat.patches, *bands], seat.head, seat.wide)


def squatting(coat: Coat) -> Body:
    """A frog: broad, knees beside the body, toes spread."""
    main = coat.main
    parts: list[Part] = [Ball((0, 0.42, 0), (0.48, 0.44, 0.4), main)]
    for side in (-1, 1):
        parts += [
            Limb((side * 0.4, 0.18, 0), (side * 0.72, 0.5, 0.06), 0.19, 0.15, main),
            Limb((side * 0.72, 0.5, 0.06), (side * 0.58, 0.1, 0.2), 0.13, 0.09, main),
            Limb((side * 0.26, 0.58, 0.28), (side * 0.24, 0.12, 0.46), 0.12, 0.09, main),
        ]
        for toe in (-1, 0, 1):
            parts += [
                Limb((side * 0.24, 0.08, 0.46), (side * 0.24 + toe * 0.11, 0.05, 0.6), 0.055, 0.06, main),
                Limb((side * 0.6, 0.07, 0.22), (side * 0.7 + toe * 0.13, 0.05, 0.38), 0.06, 0.065, main),
            ]
    patches = [Patch((0, 0.42), (0.27, 0.32), coat.belly)] if coat.belly else []
    return Body(parts, patches, (0, 1.14), 1.3)


def four_legged(coat: Coat) -> Body:
    """Stands on four legs and faces us, as cattle and pigs do."""
    main, hoof = coat.main, coat.feet or DARK
    parts: list[Part] = [Ball((0, 0.72, -0.35), (0.5, 0.46, 0.7), main)]
    for side in (-1, 1):
        parts += [
            Limb((side * 0.27, 0.55, 0.12), (side * 0.27, 0.14, 0.16), 0.16, 0.13, main),
            Limb((side * 0.27, 0.13, 0.16), (side * 0.27, 0.07, 0.17), 0.135, 0.14, hoof),
            Limb((side * 0.36, 0.5, -0.7), (side * 0.38, 0.16, -0.7), 0.16, 0.13, main),
            Limb((side * 0.38, 0.15, -0.7), (side * 0.38, 0.08, -0.7), 0.13, 0.14, hoof),
        ]
    spots = ((-0.42, 0.72, 0.2), (0.46, 0.5, 0.16), (0.2, 0.36, 0.1))
    patches = [Patch((x, y), (r, r * 0.8), coat.tip) for x, y, r in spots] if coat.tip else []
    return Body(parts, patches, (0, 1.24), 1.1)


def _horse(coat: Coat, neck: tuple[float, float]) -> list[Part]:
    """Seen from the left side: trunk, four legs, and a tail to the right."""
    main, hoof, hair = coat.main, coat.feet or DARK, coat.tip or coat.main
    parts: list[Part] = [
        Ball((0.0, 0.86, 0), (0.56, 0.3, 0.28), main),
        Ball((-0.36, 0.9, 0), (0.3, 0.33, 0.27), main),
        Ball((0.38, 0.9, 0), (0.28, 0.3, 0.27), main),
        Limb((-0.42, 0.98, 0), (*neck, 0), 0.25, 0.18, main),
    ]
    for x, z in ((-0.46, 0.14), (-0.28, -0.16), (0.32, 0.14), (0.48, -0.16)):
        parts += [
            Limb((x, 0.72, z), (x - 0.01, 0.4, z), 0.14, 0.09, main),
            Limb((x - 0.01, 0.4, z), (x - 0.02, 0.14, z), 0.085, 0.075, main),
            Limb((x - 0.02, 0.12, z), (x - 0.03, 0.06, z), 0.085, 0.105, hoof),
        ]
    path = ((0.58, 1.0, 0.08), (0.78, 0.94, 0.12), (0.88, 0.66, 0.14), (0.84, 0.4, 0.05))
    return [*parts, *_tail(path, (hair,))]


def horse_like(coat: Coat) -> Body:
    return Body(_horse(coat, (-0.62, 1.3)), (), (-0.62, 1.46), 1.0, fade=0.16)


SKIN: Rgb = (1.0, 0.76, 0.22)
SHOES: Rgb = (0.3, 0.24, 0.28)


def standing(coat: Coat) -> Body:
    """Somebody in a shirt (main) and trousers (feet), or in a dress, where `tip` has its colour."""
    shirt, trousers, dress = coat.main, coat.feet or coat.main, coat.tip
    parts: list[Part] = [
        Ball((0, 0.86, 0), (0.27, 0.3, 0.2), shirt),
        Ball((0, 0.66, 0), (0.26, 0.2, 0.2), dress or trousers),
        Limb((0, 1.0, 0), (0, 1.16, 0), 0.1, 0.1, SKIN),
    ]
    if dress:
        parts.append(Drum((0, 0), 0.34, 0.8, 0.42, 0.2, dress, 0.06))
    for side in (-1, 1):
        leg = SKIN if dress else trousers
        parts += [
            Limb((side * 0.22, 0.98, 0), (side * 0.38, 0.76, 0.03), 0.1, 0.085, shirt),
            Limb((side * 0.38, 0.76, 0.03), (side * 0.44, 0.58, 0.1), 0.082, 0.07, coat.paws or shirt),
            Ball((side * 0.455, 0.52, 0.12), (0.085, 0.09, 0.085), SKIN),
            Limb(
                (side * 0.135, 0.62, 0),
                (side * 0.145, 0.16, 0.02),
                0.135 if not dress else 0.09,
                0.1 if not dress else 0.08,
                leg,
            ),
            Ball((side * 0.16, 0.07, 0.1), (0.12, 0.085, 0.18), SHOES),
        ]
    return Body(parts, (), (0, 1.5), 0.95)


def robot(coat: Coat) -> Body:
    """Stands on two feet, with a screen on its chest."""
    main, dark, light = coat.main, coat.feet or DARK, coat.belly or WHITE
    parts: list[Part] = [
        Block((0, 0.74, 0), (0.34, 0.34, 0.25), main, 0.12),
        Block((0, 0.78, 0.24), (0.2, 0.16, 0.03), light, 0.03),
        Drum((0, 0), 1.02, 1.2, 0.12, 0.12, dark, 0.03),
        Ball((-0.08, 0.82, 0.28), (0.045, 0.045, 0.03), (0.3, 0.75, 0.95)),
        Ball((0.08, 0.82, 0.28), (0.045, 0.045, 0.03), (0.95, 0.35, 0.6)),
    ]
    for side in (-1, 1):
        parts += [
            Ball((side * 0.4, 0.94, 0), (0.12, 0.12, 0.12), dark),
            Limb((side * 0.42, 0.92, 0), (side * 0.54, 0.62, 0.06), 0.075, 0.075, main),
            Ball((side * 0.56, 0.52, 0.08), (0.13, 0.13, 0.13), dark),
            Limb((side * 0.17, 0.42, 0), (side * 0.18, 0.16, 0), 0.1, 0.1, dark),
            Block((side * 0.2, 0.09, 0.06), (0.16, 0.09, 0.2), main, 0.07),
        ]
    return Body(parts, (), (0, 1.52), 1.0)


HEADS: dict[str, tuple[Callable[[Coat], Body], Coat]] = {
    "1f43b": (teddy, Coat(BROWN, (0.8, 0.68, 0.5), feet=(0.4, 0.27, 0.24))),
    "1f43b-200d-2744": (teddy, Coat(WHITE, (0.99, 0.98, 1.0))),
    "1f43c": (teddy, Coat(WHITE, None, DARK, DARK)),
    "1f428": (teddy, Coat((0.6, 0.59, 0.62), (0.88, 0.86, 0.9))),
    "1f439": (teddy, Coat((0.97, 0.66, 0.46), (1.0, 0.88, 0.78), feet=(0.98, 0.6, 0.55))),
    "1f435": (teddy, Coat((0.47, 0.33, 0.29), (0.85, 0.62, 0.56))),
    "1f42d": (thin_tailed, Coat((0.8, 0.78, 0.84), (0.93, 0.91, 0.95), tip=(0.95, 0.6, 0.65))),
    "1f98a": (bushy, Coat((1.0, 0.5, 0.14), (1.0, 0.85, 0.7), (0.3, 0.2, 0.22), (0.3, 0.2, 0.22), (1.0, 0.9, 0.82))),
    "1f43a": (bushy, Coat((0.58, 0.57, 0.6), (0.83, 0.81, 0.87), tip=(0.4, 0.39, 0.43))),
    "1f99d": (
        ringed,
        Coat((0.6, 0.58, 0.62), (0.84, 0.82, 0.88), (0.35, 0.31, 0.35), (0.35, 0.31, 0.35), (0.33, 0.29, 0.33)),
    ),
    "1f981": (tufted, Coat((1.0, 0.66, 0.22), (1.0, 0.8, 0.56), tip=(0.5, 0.32, 0.28))),
    "1f42f": (striped, Coat((1.0, 0.55, 0.16), (0.98, 0.92, 0.92), tip=(0.28, 0.2, 0.24))),
    "1f431": (thin_tailed, Coat((1.0, 0.72, 0.24), (1.0, 0.86, 0.55))),
    "1f436": (thin_tailed, Coat((0.88, 0.7, 0.54), (0.97, 0.9, 0.82), tip=BROWN)),
    "1f430": (sitting, Coat((0.86, 0.84, 0.9), (0.97, 0.95, 1.0))),
    "1f438": (squatting, Coat((0.2, 0.73, 0.5), (1.0, 0.84, 0.4))),
    "1f42e": (four_legged, Coat((0.9, 0.88, 0.93), tip=(0.36, 0.35, 0.38))),
    "1f437": (four_legged, Coat((1.0, 0.5, 0.66), feet=(0.75, 0.3, 0.42))),
    "1f434": (horse_like, Coat((0.5, 0.32, 0.29), feet=(0.3, 0.2, 0.22), tip=(0.34, 0.25, 0.29))),
    "1f984": (horse_like, Coat((0.86, 0.74, 0.98), feet=(0.62, 0.42, 0.85), tip=(0.95, 0.45, 0.85))),
    "1f468": (standing, Coat((0.25, 0.5, 0.86), feet=(0.27, 0.3, 0.42))),
    "1f469": (standing, Coat((0.16, 0.62, 0.62), feet=(0.34, 0.26, 0.46))),
    "1f466": (standing, Coat((0.9, 0.3, 0.26), paws=SKIN, feet=(0.24, 0.4, 0.66))),
    "1f467": (standing, Coat((0.96, 0.45, 0.66), paws=SKIN, tip=(0.96, 0.45, 0.66))),
    "1f474": (standing, Coat((0.4, 0.56, 0.36), feet=(0.47, 0.37, 0.3))),
    "1f475": (standing, Coat((0.6, 0.4, 0.74), tip=(0.6, 0.4, 0.74))),
    "1f9d4": (standing, Coat((0.78, 0.36, 0.24), feet=(0.3, 0.34, 0.46))),
    "1f471": (standing, Coat((0.95, 0.68, 0.24), feet=(0.25, 0.36, 0.56))),
    "1f916": (robot, Coat((0.8, 0.77, 0.9), (0.2, 0.22, 0.34), feet=(0.36, 0.32, 0.48))),
}
