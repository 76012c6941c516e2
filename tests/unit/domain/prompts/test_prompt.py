import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.prompts.dialect import (
    DIALECTS,
    FLUX,
    GEMINI,
    GPT_IMAGE,
    KONTEXT,
    MIDJOURNEY,
    NUMBERED,
    PLAIN,
    STITCHED,
    PromptDialect,
)
from limner.domain.prompts.prompt import (
    PromptRules,
    check_picture_numbers,
    clean_prompt,
    compose,
    template_pictures_that_fit,
)
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE, Template, TemplatePicture
from limner.domain.refusal import Code, Refusal

every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)

POSE = TemplatePicture("pose.png", "a mannequin; take only its pose", "image/png")
LIGHT = TemplatePicture("light.png", "an example of the light", "image/png")
BARE = Template("clay", "Clay", "Makes clay.", "Turn it into clay. Keep the shape.")
PICTURED = replace(BARE, slug="pose", aspect_ratio="3:4", pictures=(POSE,))
TWICE_PICTURED = replace(PICTURED, pictures=(POSE, LIGHT))


class TestCleaning:
    @pytest.mark.parametrize("text", ["a fox", "  a fox\n", "\u3000a fox\u00a0"])
    def test_blanks_around_a_prompt_go(self, text: str) -> None:
        assert clean_prompt(text) == "a fox"

    def test_blanks_and_line_breaks_inside_stay(self) -> None:
        assert clean_prompt("a  fox\r\n\tat night") == "a  fox\r\n\tat night"

    @pytest.mark.parametrize("text", ["", "   ", "\n\t"])
    def test_an_empty_prompt_is_refused(self, text: str) -> None:
        with pytest.raises(Refusal) as refused:
            clean_prompt(text)

        assert (refused.value.code, refused.value.field) == (Code.INVALID, "prompt")
        assert "1 to 1024" in refused.value.suggestion

    @pytest.mark.parametrize("letter", ["a", "猫", "𠮷", "ก"])
    def test_length_is_counted_in_code_points_after_trimming(self, letter: str) -> None:
        assert clean_prompt(f" {letter * 1024} ") == letter * 1024

        with pytest.raises(Refusal) as refused:
            clean_prompt(letter * 1025)

        assert refused.value.code is Code.INVALID
        assert refused.value.reason == "prompt is 1025 characters long, 1024 are allowed"
        assert refused.value.suggestion == "Shorten it by 1 characters."

    def test_a_door_may_set_another_limit_and_field(self) -> None:
        assert clean_prompt("a" * 1800, rules=PromptRules(1800)) == "a" * 1800

        with pytest.raises(Refusal) as refused:
            clean_prompt("a" * 256, rules=PromptRules(255), field="negative_prompt")

        assert refused.value.field == "negative_prompt"
        assert refused.value.reason == "negative_prompt is 256 characters long, 255 are allowed"

    def test_an_unfit_character_is_named_with_its_place(self) -> None:
        with pytest.raises(Refusal) as refused:
            clean_prompt("  fox 🦊")

        assert refused.value.code is Code.PROMPT_CHARACTERS
        assert refused.value.reason == "prompt holds U+1F98A at position 7: it is an emoji"

    @pytest.mark.parametrize("text", ["a\x00b", "a fox\x1c", "a\ud800", "a\ue000", "a\ufffe"])
    def test_what_is_no_text_is_refused_even_at_the_rim(self, text: str) -> None:
        with pytest.raises(Refusal) as refused:
            clean_prompt(text)

        assert refused.value.code is Code.PROMPT_CHARACTERS


class TestPictureNumbers:
    @pytest.mark.parametrize(
        "prompt",
        [
            "use the style of image[1] with colours from image[2]",
            "Image[1] IMAGE [2] image [ 1 ]",
            "使用image[1]的风格",
            "image[٢] و image[01]",
            "myimage[9] and image_image[9]",
            "image[] image[a] image 9 image(9)",
        ],
    )
    def test_numbers_of_given_pictures_are_fine(self, prompt: str) -> None:
        check_picture_numbers(prompt, 2)

        assert clean_prompt(prompt) == prompt

    @pytest.mark.parametrize(
        "number",
        ["image[0]", "image[3]", "IMAGE [ 3 ]", "image[00]", "image[100]", "image[1001]", "image[99999999999]"],
    )
    @pytest.mark.parametrize("around", ["{}", "image[1] and {}", "使用{}的风格"])
    def test_a_number_beyond_the_given_is_refused(self, around: str, number: str) -> None:
        with pytest.raises(Refusal) as refused:
            check_picture_numbers(around.format(number), 2)

        assert (refused.value.code, refused.value.field) == (Code.INVALID, "prompt")
        assert (
            refused.value.reason
            == f"prompt names {number}, but pictures are counted from 1 and 2 came with the request"
        )
        assert refused.value.suggestion == "Write image[1] to image[2], in the order they were sent."

    @pytest.mark.parametrize(("given", "hint"), [(0, "Send the picture"), (1, "Write image[1] for")])
    def test_the_remedy_fits_what_was_given(self, given: int, hint: str) -> None:
        with pytest.raises(Refusal) as refused:
            check_picture_numbers("as in image[2]", given)

        assert refused.value.suggestion.startswith(hint)


class TestTranslation:
    @pytest.mark.parametrize(
        ("dialect", "expected"),
        [
            (KONTEXT, "the fox of image 1 in the style of image 2"),
            (STITCHED, "the fox of picture 1 from the left in the style of picture 2 from the left"),
            (GEMINI, "the fox of Image 1 in the style of Image 2"),
            (PLAIN, "the fox of image 1 in the style of image 2"),
            (
                GPT_IMAGE,
                "Image 1, Image 2: the pictures given, in this order.\n\nthe fox of Image 1 in the style of Image 2",
            ),
            (
                NUMBERED,
                "Image 1, image 2: the pictures given, in this order.\nthe fox of image 1 in the style of image 2",
            ),
        ],
    )
    def test_each_dialect_has_its_own_name_for_a_picture(self, dialect: PromptDialect, expected: str) -> None:
        composed = compose("the fox of image[1] in the style of IMAGE [ 02 ]", dialect, own_pictures=2, cap=4)

        assert composed.text == expected

    @pytest.mark.parametrize(
        ("dialect", "expected"),
        [
            (KONTEXT, "the input image at night"),
            (STITCHED, "the input image at night"),
            (GPT_IMAGE, "Image 1 at night"),
            (GEMINI, "Image 1 at night"),
            (PLAIN, "image 1 at night"),
        ],
    )
    def test_a_single_picture_needs_no_number(self, dialect: PromptDialect, expected: str) -> None:
        assert compose("image[1] at night", dialect, own_pictures=1, cap=4).text == expected

    @pytest.mark.parametrize(
        ("prompt", "expected"),
        [
            ("使用image[1]的风格，颜色取自image[2]", "使用Image 1的风格，颜色取自Image 2"),
            ("image[1]の構図でimage[2]の色を使う", "Image 1の構図でImage 2の色を使う"),
            ("使用image［1］的风格，颜色取自image【2】", "使用Image 1的风格，颜色取自Image 2"),
            ("使用ｉｍａｇｅ［１］的风格", "使用Image 1的风格"),
            ("استخدم أسلوب image[1] مع ألوان image[2]", "استخدم أسلوب Image 1 مع ألوان Image 2"),
            ("image[1] की शैली और image[2] के रंग", "Image 1 की शैली और Image 2 के रंग"),
            (
                "Nimm den Stil von image[1], die Farben von image[2]",
                "Nimm den Stil von Image 1, die Farben von Image 2",
            ),
            ("image[1]image[2]", "Image 1 Image 2"),
            ("image[1]2 foxes", "Image 1 2 foxes"),
            ("{image[1]} {n} {0} %s \\1", "{Image 1} {n} {0} %s \\1"),
            ("myimage[1]", "myimage[1]"),
        ],
    )
    def test_it_works_in_every_script(self, prompt: str, expected: str) -> None:
        assert compose(prompt, GEMINI, own_pictures=2, cap=4).text == expected


class TestOrder:
    @pytest.mark.parametrize("t_pose", [False, True])
    @pytest.mark.parametrize("sketch", [False, True])
    @pytest.mark.parametrize("template", [None, BARE])
    @pytest.mark.parametrize("prompt", ["a fox", "一只狐狸", "ثعلب أحمر"])
    @every_dialect
    def test_template_then_t_pose_then_sketch_then_caller(
        self, *, dialect: PromptDialect, prompt: str, template: Template | None, sketch: bool, t_pose: bool
    ) -> None:
        composed = compose(prompt, dialect, template=template, t_pose=t_pose, sketch_to_render=sketch)

        expected = [
            *([template.text] if template else []),
            *([T_POSE.text] if t_pose else []),
            *([SKETCH_TO_RENDER.text] if sketch else []),
            prompt,
        ]
        assert composed.text == dialect.joint.join(expected)
        assert composed.notes == ()

    @every_dialect
    def test_a_template_may_stand_alone(self, dialect: PromptDialect) -> None:
        assert compose("", dialect, template=BARE).text == BARE.text

    @pytest.mark.parametrize(
        ("template", "t_pose", "ratio"),
        [(None, False, None), (BARE, False, None), (BARE, True, "1:1"), (PICTURED, True, "3:4"), (None, True, "1:1")],
    )
    def test_the_template_shapes_the_picture_before_the_switch(
        self, *, template: Template | None, t_pose: bool, ratio: str | None
    ) -> None:
        assert compose("a fox", GEMINI, template=template, t_pose=t_pose).aspect_ratio == ratio

    @every_dialect
    def test_the_callers_shape_goes_before_any_other(self, dialect: PromptDialect) -> None:
        composed = compose("a fox --ar 16:9", dialect, template=PICTURED, t_pose=True, aspect_ratio="21:9")

        assert composed.aspect_ratio == "21:9"


class TestTemplatePictures:
    @pytest.mark.parametrize(
        ("own", "offered", "cap", "room"),
        [(0, 2, 4, 2), (2, 2, 4, 2), (3, 2, 4, 1), (4, 2, 4, 0), (5, 2, 4, 0), (0, 2, 0, 0), (1, 0, 4, 0)],
    )
    def test_they_take_the_room_that_is_left(self, own: int, offered: int, cap: int, room: int) -> None:
        assert template_pictures_that_fit(own, offered, cap) == room

    def test_they_are_counted_behind_the_callers(self) -> None:
        composed = compose("as image[1]", GEMINI, template=TWICE_PICTURED, own_pictures=2, cap=10)

        assert composed.template_pictures == 2
        assert composed.text.startswith(
            "Image 3: a mannequin; take only its pose. Image 4: an example of the light.\n\n"
        )

    def test_a_legend_introduces_the_callers_picture_too(self) -> None:
        composed = compose("as image[1]", GPT_IMAGE, template=PICTURED, own_pictures=1, cap=10)

        assert composed.text == (
            "Image 1: the picture to work from. Image 2: a mannequin; take only its pose.\n\n"
            "Turn it into clay. Keep the shape.\n\nas Image 1"
        )

    def test_kontext_numbers_the_callers_picture_once_it_is_not_alone(self) -> None:
        composed = compose("as image[1]", KONTEXT, template=PICTURED, own_pictures=1, cap=4)

        assert composed.text == (
            "Image 2: a mannequin; take only its pose.\nTurn it into clay. Keep the shape.\nas image 1"
        )

    def test_one_that_travels_alone_is_the_input_image(self) -> None:
        composed = compose("a knight", KONTEXT, template=PICTURED, cap=4)

        assert composed.text.startswith("The input image: a mannequin; take only its pose.\n")

    def test_what_does_not_fit_is_left_out_and_reported(self) -> None:
        composed = compose("as image[4]", KONTEXT, template=TWICE_PICTURED, own_pictures=3, cap=4)

        assert composed.template_pictures == 1
        assert "example of the light" not in composed.text
        assert composed.notes == (
            "Left out 1 of template pose's pictures: it takes 4 in all, 3 came with the request.",
        )

    @pytest.mark.parametrize("dialect", [FLUX, MIDJOURNEY])
    def test_a_model_without_references_gets_the_words_alone(self, dialect: PromptDialect) -> None:
        composed = compose("a knight", dialect, template=PICTURED)

        assert composed.template_pictures == 0
        assert composed.text == f"{PICTURED.text}{dialect.joint}a knight"
        assert composed.notes == ("Left out 1 of template pose's pictures: this model takes none.",)

    def test_a_template_made_for_pictures_says_when_it_gets_none(self) -> None:
        composed = compose("a knight", GEMINI, template=replace(BARE, needs_image=True), cap=10)

        assert composed.notes == ("Template clay is made to work on a picture, and none was given.",)


class TestFlags:
    def test_midjourney_gets_no_flags_and_its_ratio_apart(self) -> None:
        composed = compose("a fox --v 7 --ar 16:9 --no trees", MIDJOURNEY, template=PICTURED, cap=0)

        assert composed.text == f"{PICTURED.text} a fox"
        assert composed.aspect_ratio == "16:9"
        assert composed.notes[0] == (
            "Left out of the prompt, for this model is given no flag but --ar: --v 7 --no trees."
        )

    def test_nothing_but_flags_is_refused(self) -> None:
        with pytest.raises(Refusal) as refused:
            compose("--v 7 --ar 16:9", MIDJOURNEY)

        assert (refused.value.code, refused.value.field) == (Code.INVALID, "prompt")

    @pytest.mark.parametrize("name", [name for name in DIALECTS if name != "midjourney"])
    def test_to_every_other_model_they_are_words(self, name: str) -> None:
        composed = compose("a fox --v 7 --ar 16:9", DIALECTS[name])

        assert (composed.text, composed.aspect_ratio) == ("a fox --v 7 --ar 16:9", None)


class TestLength:
    LONG = replace(BARE, text="Turn it into clay. " + " ".join(f"Sentence {n} says more." for n in range(30)))

    @pytest.mark.parametrize("dialect", [KONTEXT, FLUX])
    def test_our_last_sentences_give_way_to_the_callers_words(self, dialect: PromptDialect) -> None:
        prompt = "a fox " * 200

        composed = compose(prompt, dialect, template=self.LONG, t_pose=True, sketch_to_render=True)

        assert len(composed.text) <= 1800
        assert composed.text.startswith("Turn it into clay. Sentence 0 ")
        assert composed.text.endswith(prompt)
        assert re.fullmatch(r"Left out \d+ of our own sentences, to keep within 1800 characters\.", composed.notes[0])

    def test_first_sentences_stay_however_long_the_callers_words(self) -> None:
        prompt = "a" * 1800

        composed = compose(prompt, FLUX, template=self.LONG, t_pose=True)

        assert composed.text.startswith("Turn it into clay.\nPose the subject in a T-pose: ")
        assert composed.text.endswith(prompt)
        assert composed.notes[-1] == (
            f"The prompt is {len(composed.text)} characters long; this model may not read past 1800."
        )

    def test_a_model_that_reads_everything_gets_everything(self) -> None:
        composed = compose("a" * 1024, GEMINI, template=self.LONG, t_pose=True, sketch_to_render=True)

        assert self.LONG.text in composed.text
        assert composed.notes == ()


WORDS = st.text(alphabet="ab 猫قक é\n.,!-{}", max_size=40)
NUMBERS = st.integers(1, 4).flatmap(lambda n: st.sampled_from([f"image[{n}]", f"Image [ {n} ]", f"IMAGE[0{n}]"]))


@given(
    pieces=st.lists(st.tuples(WORDS, NUMBERS), max_size=6),
    end=WORDS,
    dialect=st.sampled_from([KONTEXT, NUMBERED, STITCHED, GPT_IMAGE, GEMINI, PLAIN]),
    template=st.sampled_from([None, BARE, PICTURED, TWICE_PICTURED]),
    t_pose=st.booleans(),
    sketch=st.booleans(),
)
def test_the_callers_words_come_last_and_untouched_but_for_numbers(
    *,
    pieces: list[tuple[str, str]],
    end: str,
    dialect: PromptDialect,
    template: Template | None,
    t_pose: bool,
    sketch: bool,
) -> None:
    prompt = "".join(f"{words} {number} " for words, number in pieces) + end + "."

    text = compose(
        prompt, dialect, template=template, t_pose=t_pose, sketch_to_render=sketch, own_pictures=4, cap=10
    ).text

    names = [dialect.name_of(int(re.sub(r"\D", "", number)), among=6) for _, number in pieces]
    assert text.endswith(
        "".join(f"{words} {name} " for (words, _), name in zip(pieces, names, strict=True)) + end + "."
    )
    assert not re.search(r"image\s*\[", text, re.IGNORECASE)


@given(
    length=st.integers(1, 1800),
    sentences=st.integers(1, 40),
    t_pose=st.booleans(),
    sketch=st.booleans(),
    dialect=st.sampled_from(list(DIALECTS.values())),
)
def test_a_prompt_is_as_short_as_the_model_wants_or_says_why_not(
    *, length: int, sentences: int, t_pose: bool, sketch: bool, dialect: PromptDialect
) -> None:
    template = replace(BARE, text=" ".join(["One sentence of the template."] * sentences))

    composed = compose("x" * length, dialect, template=template, t_pose=t_pose, sketch_to_render=sketch)

    most = dialect.max_characters or len(composed.text)
    assert composed.text.startswith("One sentence of the template.")
    assert composed.text.endswith("x" * length)
    assert len(composed.text) <= most or "may not read past" in composed.notes[-1]


@given(own=st.integers(0, 12), offered=st.integers(0, 2), cap=st.integers(0, 16))
def test_pictures_never_pass_the_cap_through_a_template(own: int, offered: int, cap: int) -> None:
    room = template_pictures_that_fit(own, offered, cap)

    assert 0 <= room <= offered
    assert room == 0 or own + room <= cap
