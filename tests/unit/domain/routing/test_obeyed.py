"""What a route makes of a task's optional fields, and what is said of the rest."""

from typing import Any

import pytest

from limner.domain.routing.abilities import Abilities, SizeLimits
from limner.domain.routing.obeyed import obeyed, unable
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec

CLASSES = Abilities(aspect_ratio=True, size_classes=frozenset({"1K", "2K"}))
PIXELS = Abilities(aspect_ratio=True, exact_size=SizeLimits(step=16, least=256, most=2048))
NOTHING = Abilities()


def by(able: Abilities, **fields: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What is sent of these fields, and what is said of those that are not."""
    route = Route("vendor/model", "vendor", "model", 60, UnknownOutcome.RESEND_ONCE, abilities=able)
    outcome = obeyed(TaskSpec("a fox", **fields), route)
    sent = {name: getattr(outcome.spec, name) for name in (*fields, "aspect_ratio")}
    return sent, {each.field: each.reason for each in outcome.ignored}


@pytest.mark.parametrize("able", [NOTHING, CLASSES, PIXELS])
def test_a_spec_without_options_is_sent_as_it_is(able: Abilities) -> None:
    assert by(able) == ({"aspect_ratio": None}, {})


@pytest.mark.parametrize(
    ("able", "fields", "sent", "reasons"),
    [
        (CLASSES, {"size": "2K"}, {"size": "2K"}, {}),
        (CLASSES, {"size": "4K"}, {"size": "2K"}, {"size": "model at vendor makes 1K and 2K; 2K was asked for"}),
        (NOTHING, {"size": "1K"}, {"size": None}, {"size": "model at vendor makes one size only"}),
        (PIXELS, {"size": "1024x512"}, {"size": "1024x512"}, {}),
        (
            PIXELS,
            {"size": "1000x500"},
            {"size": "992x496"},
            {"size": "model at vendor makes no 1000x500; 992x496 was asked for"},
        ),
        (
            CLASSES,
            {"size": "1920x1080"},
            {"size": "1K", "aspect_ratio": "16:9"},
            {"size": "model at vendor takes no size in pixels; 1K in this shape was asked for"},
        ),
        (
            NOTHING,
            {"size": "1920x1080"},
            {"size": None, "aspect_ratio": "16:9"},
            {"size": "model at vendor takes no size in pixels; its shape was asked for"},
        ),
        (
            Abilities(qualities=frozenset({"low", "medium"})),
            {"quality": "max"},
            {"quality": "medium"},
            {"quality": "model at vendor takes low and medium; medium was asked for"},
        ),
        (
            Abilities(qualities=frozenset({"high"})),
            {"quality": "low"},
            {"quality": "high"},
            {"quality": "model at vendor takes high only; high was asked for"},
        ),
        (NOTHING, {"quality": "low"}, {"quality": None}, {"quality": "model at vendor has one quality only"}),
        (NOTHING, {"background": "opaque"}, {"background": None}, {}),
        (Abilities(transparent=True), {"background": "opaque"}, {"background": "opaque"}, {}),
        (
            Abilities(formats=frozenset({"png"})),
            {"output_format": "webp"},
            {"output_format": None},
            {"output_format": "model at vendor makes png only"},
        ),
        (
            Abilities(formats=frozenset({"jpeg"}), compression=True),
            {"output_format": "jpeg", "output_compression": 40},
            {"output_format": "jpeg", "output_compression": 40},
            {},
        ),
        (
            Abilities(formats=frozenset({"png"}), compression=True),
            {"output_format": "jpeg", "output_compression": 40},
            {"output_format": None, "output_compression": None},
            {
                "output_format": "model at vendor makes png only",
                "output_compression": "model at vendor takes no compression for this format",
            },
        ),
        (NOTHING, {"seed": 0}, {"seed": None}, {"seed": "model at vendor takes no seed"}),
        (Abilities(seed=True), {"seed": 0}, {"seed": 0}, {}),
        (
            NOTHING,
            {"aspect_ratio": "1:2"},
            {"aspect_ratio": "1:2"},
            {"aspect_ratio": "model at vendor takes no aspect ratio"},
        ),
    ],
)
def test_what_is_not_obeyed_is_left_out_or_becomes_the_nearest(
    able: Abilities, fields: dict[str, Any], sent: dict[str, Any], reasons: dict[str, str]
) -> None:
    assert by(able, **fields) == ({"aspect_ratio": None} | sent, reasons)


def test_only_a_mask_and_a_transparent_background_need_a_route_that_can() -> None:
    meant = TaskSpec(size="4K", quality="max", output_format="webp", seed=1, background="opaque")

    assert unable(meant, NOTHING) is None
    assert unable(TaskSpec(mask=True), NOTHING) == "mask"
    assert unable(TaskSpec(background="transparent"), NOTHING) == "background"
    assert unable(TaskSpec(mask=True, background="transparent"), Abilities(mask=True, transparent=True)) is None
