"""The page about crashes names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "crash-safety.md").read_text()
NAMED = re.findall(r"`((?:[\w/]+/)?test_\w+\.py)`", PAGE)


def test_every_named_test_exists() -> None:
    full = [name for name in NAMED if "/" in name]
    short = [name for name in NAMED if "/" not in name]
    known = {path.name for path in TESTS.rglob("test_*.py")}

    assert len(full) > 20
    assert [name for name in full if not (TESTS / name).exists()] == []
    assert [name for name in short if name not in known] == []
