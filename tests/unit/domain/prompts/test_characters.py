import sys
import unicodedata

import pytest
from emoji import EMOJI_DATA, STATUS
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.prompts.characters import CharacterKind, ascii_equivalents, forbidden_character, is_blank, prepare

LEGITIMATE = [
    "a red fox in the snow, 35 mm, f/1.4",
    "line one\nline two\r\n\tindented",
    "使用image[1]的风格，画一只猫。《夜》「月」〜〽㊗",
    "写真のように描いて、桜と富士山・葛\U000e0100飾区",
    "한국의 가을 풍경, 수채화",
    "قطة تجلس على السجادة في ضوء القمر ٣",
    "می\u200cخواهم یک گربه ببینم",
    "क्\u200dष एक बिल्ली का चित्र, हिन्दी में",
    "ශ්\u200dරී ලංකාව",
    "แมวนั่งอยู่บนหลังคา\u200bตอนกลางคืน",
    "ภาพ",
    "חתול על הגג \u200fשל\u200e הבית \u2067טקסט\u2069",
    "Ein Fuchs im Schnee – „schön“, größer als 3 m²",
    "Voilà l’été : déjà vu… cœur",
    "Кот на крыше, ночь; Ґанок, їжак",
    "Tiếng Việt: con mèo đẹp; e\u0301 o\u0302\u0323",
    "γάτα, ἄνθρωπος",
    "ⵣ ꦗꦮ ᠮᠣᠩᠭᠣᠯ ᓄᓇᕗᑦ ᏣᎳᎩ አማርኛ ქართული հայերեն བོད་ཡིག ខ្មែរ မြန်မာ",
    "𐎀𐎁 𓀀𓃠 𒀀 𠮷野家 𝒜𝓑 𝄞",
    "Acme™ © 2026 ® № 5 ½ € £ ¥ ₹ ∞ ≠ ± × ÷ ° µ",
    "call *99# now, item #1 * 2",
    "0123456789",
    "→ ← ↔ ↕ ⇒ ‼ ⁉ ⌘ ⌨ ▪ ▶ ◀ ★ ☆ ☀ ☁ ☎ ☑ ☯ ☹ ☺ ♀ ♂ ♠ ♣ ♥ ♦ ♪ ♻ ✂ ✈ ✓ ✔ ✖ ✝ ❤ ➜ ⤴ ⬅",
    "☀\ufe0e and ♥\ufe0e asked for as text",
    "1\ufe0f is a digit",
    "A\u20e3",
    "🄰🀀🂡🞄 are symbols, not emoji",
    "\ufeffbyte order mark, soft\u00adhyphen, no-break\u00a0space\u2028next\u2029next",
    "\ufffd",
]

UNFIT = [
    ("\x00", CharacterKind.CONTROL),
    ("\x0b", CharacterKind.CONTROL),
    ("\x0c", CharacterKind.CONTROL),
    ("\x1b", CharacterKind.CONTROL),
    ("\x7f", CharacterKind.CONTROL),
    ("\x85", CharacterKind.CONTROL),
    ("\x9f", CharacterKind.CONTROL),
    ("\ue000", CharacterKind.PRIVATE),
    ("\uf8ff", CharacterKind.PRIVATE),
    ("\U000f0000", CharacterKind.PRIVATE),
    ("\U0010fffd", CharacterKind.PRIVATE),
    ("\ud800", CharacterKind.SURROGATE),
    ("\udfff", CharacterKind.SURROGATE),
    ("\ufdd0", CharacterKind.NONCHARACTER),
    ("\ufdef", CharacterKind.NONCHARACTER),
    ("\ufffe", CharacterKind.NONCHARACTER),
    ("\U0001ffff", CharacterKind.NONCHARACTER),
    ("\U0010ffff", CharacterKind.NONCHARACTER),
    ("\U000e0001", CharacterKind.TAG),
    ("\U000e0041", CharacterKind.TAG),
    ("😀", CharacterKind.EMOJI),
    ("⭐", CharacterKind.EMOJI),
    ("☀\ufe0f", CharacterKind.EMOJI),
    ("❤\ufe0f", CharacterKind.EMOJI),
    ("©\ufe0f", CharacterKind.EMOJI),
    ("‼\ufe0f", CharacterKind.EMOJI),
    ("〰\ufe0f", CharacterKind.EMOJI),
    ("㊗\ufe0f", CharacterKind.EMOJI),
    ("🖼", CharacterKind.EMOJI),
    ("1\ufe0f\u20e3", CharacterKind.EMOJI),
    ("#\u20e3", CharacterKind.EMOJI),
    ("🇩🇪", CharacterKind.EMOJI),
    ("🇩", CharacterKind.EMOJI),
    ("🏻", CharacterKind.EMOJI),
    ("👍🏽", CharacterKind.EMOJI),
    ("👩‍👩‍👧‍👦", CharacterKind.EMOJI),
    ("⛹\u200d♂", CharacterKind.EMOJI),
    ("⌚\ufe0e", CharacterKind.EMOJI),
    ("\U0001faff", CharacterKind.EMOJI),
]


@pytest.mark.parametrize("text", LEGITIMATE)
def test_writing_of_every_kind_is_accepted(text: str) -> None:
    assert forbidden_character(text) is None


@pytest.mark.parametrize(("unfit", "kind"), UNFIT)
@pytest.mark.parametrize("before", ["", "plain ", "猫"])
def test_an_unfit_character_is_found_where_it_stands(before: str, unfit: str, kind: CharacterKind) -> None:
    found = forbidden_character(f"{before}{unfit} after")

    assert found is not None
    assert (found.at, found.kind) == (len(before), kind)
    assert unfit.startswith(found.text)


def test_every_emoji_is_refused() -> None:
    whole = [emoji for emoji, facts in EMOJI_DATA.items() if facts["status"] == STATUS["fully_qualified"]]
    parts = [emoji for emoji, facts in EMOJI_DATA.items() if facts["status"] == STATUS["component"]]

    assert len(whole) > 3500
    assert [emoji for emoji in whole + parts if forbidden_character(f"a {emoji} b") is None] == []


def test_an_emoji_made_of_several_is_refused_whatever_it_lacks() -> None:
    several = [emoji for emoji in EMOJI_DATA if len(emoji) > 1]

    assert [emoji for emoji in several if forbidden_character(emoji) is None] == []


def test_of_a_single_sign_only_text_of_the_basic_plane_passes() -> None:
    passing = {emoji for emoji in EMOJI_DATA if len(emoji) == 1 and forbidden_character(emoji) is None}

    assert {"©", "®", "™", "☀", "♥", "❤", "↔", "‼", "✔"} <= passing
    assert all(ord(sign) < 0x10000 and EMOJI_DATA[sign]["status"] == STATUS["unqualified"] for sign in passing)


def test_every_letter_mark_number_and_punctuation_is_accepted() -> None:
    fit = [
        character for code in range(sys.maxunicode + 1) if unicodedata.category(character := chr(code))[0] in "LMNPZ"
    ]

    assert len(fit) > 100_000
    assert forbidden_character("x".join(fit)) is None


def test_all_of_control_private_use_surrogates_is_refused_but_line_breaks_and_tabs() -> None:
    unfit = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cc", "Co", "Cs"}]

    assert [character for character in unfit if forbidden_character(character) is None] == ["\t", "\n", "\r"]


def test_the_first_of_several_is_named() -> None:
    found = forbidden_character("猫😀 \x00")

    assert found is not None
    assert (found.at, found.code_points) == (1, "U+1F600")


def test_an_emoji_of_several_code_points_is_named_in_full() -> None:
    found = forbidden_character("press 1\ufe0f\u20e3")

    assert found is not None
    assert (found.at, found.code_points) == (6, "U+0031 U+FE0F U+20E3")


@given(st.text(), st.sampled_from([unfit for unfit, _ in UNFIT]), st.text())
def test_no_surrounding_hides_an_unfit_character(before: str, unfit: str, after: str) -> None:
    found = forbidden_character(before + unfit + after)

    assert found is not None
    assert found.at <= len(before)


def test_the_emoji_table_can_be_loaded_ahead() -> None:
    prepare()

    assert forbidden_character("🦊") is not None


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "\u3164", "\ufeff", "\u00ad", "\u2060\u200d", "\u2800", "\ufe0f", "\u3000\u115f"]
)
def test_a_text_without_a_visible_character_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "\u200ba", "猫", "क्ष", "می\u200cخواهم", "."])
def test_a_text_with_a_visible_character_is_not_blank(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("image［１］", "image[1]"),
        ("【2】", "[2]"),
        ("〔2〕〖3〗﹇4﹈", "[2][3][4]"),
        ("16∶9 −‐‑﹣", "16:9 ----"),
        ("１６：９", "16:9"),
        ("猫，狗。", "猫，狗。"),
    ],
)
def test_full_width_characters_have_ascii_twins(text: str, ascii_text: str) -> None:
    assert ascii_equivalents(text) == ascii_text
    assert len(ascii_equivalents(text)) == len(text)
