"""The glossary names modules that exist and use its terms."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^\| ([\w -]+) \| .+ \| `([\w/.-]+\.py)` \|$", PAGE, re.MULTILINE)


def module(path: str) -> Path:
    return ROOT / path if path.startswith("packages/") else ROOT / "src" / "limner" / path


def test_the_glossary_has_20_to_40_terms_in_order() -> None:
    names = [term for term, _ in TERMS]

    assert 20 <= len(names) <= 40
    assert len(names) == PAGE.count("\n| ") - 1, "a row has another form"
    assert names == sorted(names, key=str.lower)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("term", "path"), TERMS)
def test_the_module_of_a_term_uses_it(term: str, path: str) -> None:
    text = module(path).read_text().lower().replace("_", " ")

    assert term.lower() in text
