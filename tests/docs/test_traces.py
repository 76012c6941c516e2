from pathlib import Path

from limner.application import spans

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "traces.md").read_text()
TABLE = PAGE.partition("## Spans")[2]


def names() -> set[str]:
    """All names of spans and attributes in the code."""
    values = [value for name, value in vars(spans).items() if name.isupper() or name.startswith("_GEN_AI")]
    return {*(value for value in values if isinstance(value, str)), *spans._OPERATION}


def test_every_span_and_attribute_is_in_the_table() -> None:
    found = names()

    assert len(found) > 25
    assert {name for name in found if f"`{name}`" not in TABLE and f"`{name} " not in TABLE} == set()
