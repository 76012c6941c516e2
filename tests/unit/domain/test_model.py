import pytest

from limner.domain.model import DEFAULT_MODEL, JPEG, PNG, WEBP, ModelFacts
from limner.domain.routing.abilities import Abilities, SizeLimits
from limner.models import shipped_models

MODELS = shipped_models()

# The nine rows of the API document: name, credits, most references.
DOCUMENT = {
    "flux.1_kontext_pro": (5, 4),
    "flux.1_dev": (5, 0),
    "gpt_4o": (5, 10),
    "gpt_image_1.5": (10, 10),
    "gpt_image_2": (10, 10),
    "midjourney": (10, 0),
    "gemini_2.5_flash_image_preview": (5, 10),
    "gemini_3_pro_image_preview": (10, 10),
    "gemini_3.1_flash_image_preview": (10, 10),
}


def test_the_models_of_the_document_come_first() -> None:
    nine = [MODELS[name] for name in list(MODELS)[: len(DOCUMENT)]]

    assert {facts.name: (facts.credits, facts.reference_cap) for facts in nine} == DOCUMENT


def test_every_row_knows_its_own_name() -> None:
    assert {name: facts.name for name, facts in MODELS.items()} == {name: name for name in MODELS}
    assert DEFAULT_MODEL in MODELS


def test_jpeg_and_png_are_taken_everywhere_and_webp_not_by_kontext() -> None:
    without_webp = {name for name, facts in MODELS.items() if WEBP not in facts.accepts}

    assert all({JPEG, PNG} <= facts.accepts for facts in MODELS.values())
    assert without_webp == {"flux.1_kontext_pro", "flux.1_dev"}


def test_a_text_only_model_hands_pictures_to_its_successor() -> None:
    dev = MODELS["flux.1_dev"]

    assert MODELS.effective(dev, pictures=1) is MODELS["flux.1_kontext_pro"]
    assert MODELS.effective(dev, pictures=0) is dev


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"flux.1_dev"}))
def test_every_other_model_keeps_what_it_is_given(name: str) -> None:
    assert MODELS.effective(MODELS[name], pictures=3) is MODELS[name]


def test_a_successor_takes_pictures_itself() -> None:
    successors = [facts.successor_with_image for facts in MODELS.values() if facts.successor_with_image]

    assert successors
    assert set(successors) <= set(MODELS.with_images())


def test_who_has_a_picture_is_pointed_to_models_that_take_one() -> None:
    assert set(MODELS.with_images()) & DOCUMENT.keys() == {name for name, (_, cap) in DOCUMENT.items() if cap}


def test_nobody_can_change_a_row() -> None:
    with pytest.raises(TypeError):
        MODELS["mine"] = MODELS[DEFAULT_MODEL]  # type: ignore[index]


ABLE = Abilities(
    seed=True,
    size_classes=frozenset({"1K", "2K", "4K"}),
    exact_size=SizeLimits(step=16),
    qualities=frozenset({"low", "high"}),
    transparent=True,
    mask=True,
)


def test_a_model_without_limits_leaves_all_to_its_routes() -> None:
    assert ModelFacts("mine", "Mine", 5, 0).limit(ABLE) == ABLE


def test_a_model_may_be_kept_from_sizes_that_cost_too_much() -> None:
    limited = ModelFacts("mine", "Mine", 5, 0, sizes=("1K", "2K")).limit(ABLE)

    assert limited.size_classes == {"1K", "2K"}
    assert limited.exact_size is not None
    assert limited.exact_size.nearest(4096, 4096) == (2048, 2048)
    assert limited.seed


def test_a_model_may_be_kept_from_fields() -> None:
    limited = ModelFacts("mine", "Mine", 5, 0, obeys=frozenset({"seed", "size"})).limit(ABLE)

    assert limited == Abilities(seed=True, size_classes=ABLE.size_classes, exact_size=ABLE.exact_size)
