"""The words of prompts, and the terms of searches, in the scripts that people write."""

import pytest

from limner.domain.tasks.search import LONGEST_WORD, MOST_TERMS, SearchTerm, search_terms, words_of


def finds(search: str, prompt: str) -> bool:
    """Whether every term of the search is in the prompt, as the databases compare them."""
    words = words_of([prompt])
    return all(
        any(word.startswith(term.word) if term.prefix else word == term.word for word in words)
        for term in search_terms(search)
    )


@pytest.mark.parametrize(
    ("search", "prompt"),
    [
        ("fox", "A red FOX in the snow"),
        ("snow red", "a red fox in the snow"),
        ("lightho", "a lighthouse at dusk"),
        ("cafe", "Un café à Paris"),
        ("ПАРИЖ", "вид на париж"),
        ("елка", "Ёлка в снегу"),
        ("strasse", "eine Straße"),
        ("狐狸", "雪地里的红狐狸"),
        ("红狐狸", "雪地里的红狐狸"),
        ("狸", "雪地里的红狐狸"),
        ("ガラス", "ｶﾞﾗｽの塔"),
        ("그림", "한국어 그림을 그려"),
        ("हिन्दी", "हिन्दी भाषा"),
        ("ไทย", "ภาษาไทย"),
        ("16:9", "wide, 16:9"),
        ("image 1", "使用image[1]的风格"),
    ],
)
def test_a_prompt_is_found(search: str, prompt: str) -> None:
    assert search_terms(search)
    assert finds(search, prompt)


@pytest.mark.parametrize(
    ("search", "prompt"),
    [("ship", "a spaceship"), ("fox dog", "a red fox"), ("狐狗", "红狐狸"), ("हिन्दू", "हिन्दी भाषा")],
)
def test_a_prompt_is_not_found(search: str, prompt: str) -> None:
    assert not finds(search, prompt)


@pytest.mark.parametrize("text", ["", "  ", "!?—…", "'\"*()&|"])
def test_a_text_without_words_asks_for_nothing(text: str) -> None:
    assert words_of([text]) == ()
    assert search_terms(text) == ()


def test_each_word_is_told_once() -> None:
    assert words_of(["a cat, a cat", "A dog"]) == ("a", "cat", "dog")


def test_words_and_terms_are_bounded() -> None:
    assert {len(word) for word in words_of(["x" * 1000, "й" * 1000])} <= set(range(LONGEST_WORD + 1))
    assert len(search_terms(" ".join(map(str, range(100))))) == MOST_TERMS


def test_the_operators_of_databases_are_no_words() -> None:
    assert search_terms('"fox" OR @abc:*') == (
        SearchTerm("fox", prefix=True),
        SearchTerm("or", prefix=True),
        SearchTerm("abc", prefix=True),
    )
