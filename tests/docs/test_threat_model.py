import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
THREATS = [line.split(" | ") for line in PAGE.partition("## Threats")[2].splitlines() if line.startswith("| ")]


def test_every_threat_names_a_test_that_exists() -> None:
    rows = [row for row in THREATS if row[0] not in {"| threat", "|---|---|---|"}]
    named = {row[0]: re.findall(r"`(tests/[\w/.]+)`", row[-1]) for row in rows}

    assert len(rows) > 30
    assert [threat for threat, tests in named.items() if not tests] == []
    assert [test for tests in named.values() for test in tests if not (ROOT / test).exists()] == []


def test_security_md_leads_to_it() -> None:
    assert "docs/threat-model.md" in (ROOT / "SECURITY.md").read_text()
