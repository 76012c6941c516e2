"""Every duty on the page of the EU's AI Act names tests that exist; they run with all others."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/eu-ai-act.md").read_text()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.partition("## Duties")[2].splitlines() if line.startswith("| ")]


def test_every_row_names_tests_that_exist() -> None:
    rows = [row for row in ROWS if row[-1] != "tests"]
    found = {row[-1]: re.fullmatch(r"`(tests/[\w/.]+)`: (`test_\w+`(?:, `test_\w+`)*)", row[-1]) for row in rows}

    assert len(rows) >= 12
    assert [cell for cell, named in found.items() if named is None] == []
    for named in filter(None, found.values()):
        text = (ROOT / named[1]).read_text()
        assert [each for each in re.findall(r"test_\w+", named[2]) if f"def {each}(" not in text] == []


def test_the_page_names_the_switch_and_is_found_from_the_marks_page() -> None:
    assert "LIMNER_REQUIRE_MARKING=true" in PAGE
    assert "eu-ai-act.md" in (ROOT / "docs/marks.md").read_text()
