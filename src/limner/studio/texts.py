"""The Studio's sentences in the reader's language. English is the source; a translation is one file in `texts/`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from starlette.requests import HTTPConnection

FOLDER = Path(__file__).parent / "texts"
COOKIE = "language"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """Called with an English sentence and its values, returns it in `language`; English where none is known."""

    language: str = ENGLISH
    known: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, sentence: str, **values: object) -> str:
        said = self.known.get(sentence, sentence)
        return said.format(**values) if values else said

    def plural(self, one: str, many: str, n: int, **values: object) -> str:
        """The sentence for one, or for `n`; `{n}` is the number."""
        return self(one if n == 1 else many, n=f"{n:,}", **values)


@cache
def languages() -> Mapping[str, Texts]:
    """Every language by its tag, English first."""
    found = {ENGLISH: Texts()}
    for path in sorted(FOLDER.glob("*.toml")):
        found[path.stem] = Texts(path.stem, tomllib.loads(path.read_text(encoding="utf-8"))["texts"])
    return found


def texts_for(connection: HTTPConnection) -> Texts:
    """The language of the cookie, else the first of Accept-Language that there is."""
    known = languages()
    asked = [connection.cookies.get(COOKIE, ""), *_accepted(connection.headers.get("accept-language", ""))]
    for tag in asked:
        if found := known.get(tag) or _nearest(tag, known):
            return found
    return known[ENGLISH]


def _accepted(header: str) -> list[str]:
    return [each.partition(";")[0].strip() for each in header.split(",")[:20]]


def _nearest(tag: str, known: Mapping[str, Texts]) -> Texts | None:
    """`zh-CN` and `zh` mean the Chinese that there is; `zh-TW` too, for want of another."""
    language = tag.partition("-")[0].lower()
    return next((texts for name, texts in known.items() if language and name.partition("-")[0] == language), None)
