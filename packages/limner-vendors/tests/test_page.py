from pathlib import Path

from limner_vendors import NAMES, FaultKind

PAGE = (Path(__file__).parents[3] / "docs" / "vendors.md").read_text()


def test_every_kind_of_fault_is_explained() -> None:
    assert [kind for kind in FaultKind if f"`{kind}`" not in PAGE] == []


def test_every_emulator_is_named() -> None:
    assert [name for name in NAMES if f"`{name}`" not in PAGE] == []
