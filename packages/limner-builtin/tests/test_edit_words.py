"""Which words ask for a change of the caller's picture, in eight languages and more."""

import pytest

from limner_builtin.reading.edit_request import Change, edits_asked, tones_asked
from limner_builtin.sprites.materials import Material, Paint

RED, BLUE, WHITE = Paint(hue=0.0), Paint(hue=218.0), Paint(neutral="white")


@pytest.mark.parametrize(
    ("prompt", "change"),
    [
        ("remove the background", Change.CUT_OUT),
        ("Hintergrund entfernen, bitte", Change.CUT_OUT),
        ("fond transparent", Change.CUT_OUT),
        ("去掉背景", Change.CUT_OUT),
        ("背景を消して", Change.CUT_OUT),
        ("make it black and white", Change.GREY),
        ("en blanco y negro", Change.GREY),
        ("変えて、白黒", Change.GREY),
        ("blur the background", Change.BLUR_BACKGROUND),
        ("make it bigger", Change.BIGGER),
        ("Mach es größer", Change.BIGGER),
        ("把它放大", Change.BIGGER),
        ("mirror it", Change.MIRROR),
        ("上下翻转", Change.FLIP),
    ],
)
def test_a_change_is_understood(prompt: str, change: Change) -> None:
    assert edits_asked(prompt, 1).changes == (change,)


@pytest.mark.parametrize(
    ("prompt", "background"),
    [
        ("red background", RED),
        ("change the background to a deep red", RED),
        ("roter Hintergrund", RED),
        ("把背景换成红色", RED),
        ("背景を赤にして", RED),
        ("a plain white background", WHITE),
        ("a cat with a red hat on a plain background", WHITE),
        ("a woman in a red dress, on a blue background", BLUE),
    ],
)
def test_a_background_takes_the_colour_that_stands_with_it(prompt: str, background: Paint) -> None:
    asked = edits_asked(prompt, 1)

    assert (asked.background, asked.recolour) == (background, None)


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [
        ("make it blue", BLUE),
        ("in blue", BLUE),
        ("turn the mug blue", BLUE),
        ("把它变成蓝色", BLUE),
        ("turn it gold", Paint(material=Material.GOLD)),
    ],
)
def test_the_subject_takes_a_colour(prompt: str, colour: Paint) -> None:
    assert edits_asked(prompt, 1).recolour == colour


@pytest.mark.parametrize(
    ("prompt", "style", "colours"),
    [
        ("image[1] in the style of image[2]", 1, None),
        ("用image[2]的风格", 1, None),
        ("image[2]のスタイルで", 1, None),
        ("Use the style of image[1] with colors from image[2]", 0, 1),
        ("im Stil von image[2]", 1, None),
        ("in the style of image[3]", None, None),
    ],
)
def test_style_and_colours_are_taken_from_a_picture(prompt: str, style: int | None, colours: int | None) -> None:
    asked = edits_asked(prompt, 2)

    assert (asked.style_from, asked.colours_from) == (style, colours)


@pytest.mark.parametrize("prompt", ["", "a red fox", "wearing a crown", "put it on the beach", "a cat next to it"])
def test_a_prompt_without_a_change_is_left_as_it_is(prompt: str) -> None:
    asked = edits_asked(prompt, 1)

    assert not asked
    assert asked.rest == prompt


def test_without_a_picture_only_the_tones_are_a_change() -> None:
    assert tones_asked("a darker dog, black and white").changes == (Change.GREY,)
    assert "darker" in tones_asked("a darker dog, black and white").rest
