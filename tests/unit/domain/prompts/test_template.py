import pytest

from limner.domain.prompts.template import (
    SKETCH_TO_RENDER,
    T_POSE,
    Switch,
    Template,
    TemplatePicture,
    named_template,
    normalise_slug,
)
from limner.domain.refusal import Code, Refusal

KNOWN = {"t_pose": "the T-pose", "3d_enhance": "more depth"}


@pytest.mark.parametrize("spelling", ["t_pose", "t-pose", " t-pose "])
def test_both_spellings_of_a_slug_name_one_template(spelling: str) -> None:
    assert normalise_slug(spelling) == "t_pose"
    assert named_template(spelling, KNOWN) == "the T-pose"


def test_an_unknown_template_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refusal) as refused:
        named_template("3d-enhanced", KNOWN)

    assert refused.value.code is Code.INVALID
    assert refused.value.field == "template"
    assert "'3d-enhanced'" in refused.value.reason
    assert refused.value.suggestion == "Did you mean '3d_enhance'? Known templates: 3d_enhance, t_pose."


def test_a_far_off_name_gets_no_guess() -> None:
    with pytest.raises(Refusal) as refused:
        named_template("watercolour", KNOWN)

    assert refused.value.suggestion == "Known templates: 3d_enhance, t_pose."


def test_a_template_brings_two_pictures_at_most() -> None:
    picture = TemplatePicture("a.png", "an example", "image/png")

    with pytest.raises(ValueError, match="has 3 pictures"):
        Template("many", "Many", "Too many.", "Draw.", pictures=(picture,) * 3)


@pytest.mark.parametrize("switch", [T_POSE, SKETCH_TO_RENDER], ids=lambda switch: switch.name)
def test_a_switch_is_short_and_says_what_to_show(switch: Switch) -> None:
    words = switch.text.lower().replace(",", " ").replace(".", " ").split()

    assert len(switch.text) <= 350
    assert "Keep" in switch.text
    assert not {"no", "not", "without", "never", "don't"} & set(words)


def test_the_t_pose_needs_a_square() -> None:
    assert (T_POSE.aspect_ratio, SKETCH_TO_RENDER.aspect_ratio) == ("1:1", None)
