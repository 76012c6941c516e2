import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.prompts.prompt_flags import take_flags

CASES = [
    ("a red fox", "a red fox", None, ()),
    ("a red fox --ar 16:9", "a red fox", "16:9", ()),
    ("a red fox --aspect 2:3", "a red fox", "2:3", ()),
    ("a red fox --AR 3:2", "a red fox", "3:2", ()),
    ("--ar 1:1 a red fox", "a red fox", "1:1", ()),
    ("a fox —ar 16:9", "a fox", "16:9", ()),
    ("一只猫--ar 16:9，夜晚", "一只猫，夜晚", "16:9", ()),
    ("a fox --v 7 --ar 16:9 --stylize 250", "a fox", "16:9", ("--v 7", "--stylize 250")),
    ("a fox --v 7--ar 4:3", "a fox", "4:3", ("--v 7",)),
    ("a fox --v 7 on a roof", "a fox on a roof", None, ("--v 7",)),
    ("a fox --tile on a roof", "a fox on a roof", None, ("--tile",)),
    ("a fox --style raw, at night", "a fox, at night", None, ("--style raw",)),
    ("a fox --no trees, tall grass --v 6.1", "a fox", None, ("--no trees, tall grass", "--v 6.1")),
    ("a fox --no trees\nat night", "a fox\nat night", None, ("--no trees",)),
    (
        "a fox --sref https://a.example/1.png 12345 --sw 50",
        "a fox",
        None,
        ("--sref https://a.example/1.png 12345", "--sw 50"),
    ),
    ("a fox --newflag 12 b", "a fox b", None, ("--newflag 12",)),
    ("a fox --ar 16x9", "a fox", None, ("--ar 16x9",)),
    ("a fox --ar 0:9", "a fox", None, ("--ar 0:9",)),
    ("a fox --ar", "a fox", None, ("--ar",)),
    ("a fox --ar 1:1 --ar 3:4", "a fox", "3:4", ()),
    ("a fox --ar 1:1 --ar wide", "a fox wide", "1:1", ("--ar",)),
    ("---v 7 a fox", "a fox", None, ("---v 7",)),
    ("old--and tired", "old--and tired", None, ()),
    ("a quiet place—no wind, no sound", "a quiet place—no wind, no sound", None, ()),
    ("—No sé —dijo el zorro", "—No sé —dijo el zorro", None, ()),
    ("a well-known fox - red - asleep -- or not", "a well-known fox - red - asleep -- or not", None, ()),
    ("--v 7", "", None, ("--v 7",)),
    ("一只猫 --ar 16：9", "一只猫", "16:9", ()),
    ("一只猫 －－ａｒ\u3000１６：９", "一只猫", "16:9", ()),
    ("一只猫——ar 16：9", "一只猫", "16:9", ()),
    ("一只猫 --ar 16∶9", "一只猫", "16:9", ()),
    ("一只猫 ﹣﹣ar 16﹕9", "一只猫", "16:9", ()),
    ("a fox –ar 16:9", "a fox", "16:9", ()),
    ("a fox ⸺ar 16:9", "a fox", "16:9", ()),
    ("a fox −−ar 16:9", "a fox", "16:9", ()),
    ("a fox ‐‐v 7", "a fox", None, ("--v 7",)),
    ("the years 1914 –v 7 rain", "the years 1914 rain", None, ("–v 7",)),
    ("a quiet place – no wind –no sound", "a quiet place – no wind –no sound", None, ()),
    ("一只猫 --ar 16：9，4k", "一只猫，4k", "16:9", ()),
]


@pytest.mark.parametrize(("prompt", "text", "ratio", "dropped"), CASES)
def test_flags_are_reported_from_words(prompt: str, text: str, ratio: str | None, dropped: tuple[str, ...]) -> None:
    taken = take_flags(prompt)

    assert (taken.text, taken.aspect_ratio, taken.dropped) == (text, ratio, dropped)


@given(st.text(alphabet="ab -—v7:1\n猫no"))
def test_what_is_left_of_a_prompt_is_part_of_it(prompt: str) -> None:
    left = iter(prompt)

    assert all(character in left for character in take_flags(prompt).text)


@given(st.text(alphabet="ab -v7r:1\n猫no"))
def test_no_flag_is_left_behind(prompt: str) -> None:
    text = take_flags(prompt).text

    assert take_flags(text).dropped == ()
    assert take_flags(text).text == text
