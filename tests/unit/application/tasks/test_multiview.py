"""Several pictures as one result."""

from limner.application.generation.journal import KeptImage
from limner.application.tasks.multiview import combine_results
from limner.domain.tasks.spec import TaskSpec
from stores import PICTURE

FLUX = {"provider": "bfl", "model": "flux", "generative": True, "seed": 7}
ENGINE = {"provider": "builtin", "model": "sketch", "generative": False}
EDIT = TaskSpec(unchanged_views=dict.fromkeys(("back", "right"), PICTURE))


def served(**by: dict[str, object]) -> dict[str, object]:
    return dict(combine_results({view: KeptImage(PICTURE, who) for view, who in by.items()}, EDIT).served_by)


def test_one_provider_of_all_images_is_named_once() -> None:
    assert served(front=FLUX, left=FLUX) == {**FLUX, "pictures": 2}


def test_several_providers_are_named_for_each_image() -> None:
    served_by = served(front=FLUX, left=ENGINE)

    assert served_by["views"] == {"front": {"provider": "bfl", "model": "flux", "generative": True}, "left": ENGINE}
    assert served_by["pictures"] == 2
