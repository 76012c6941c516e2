"""What `limner tasks show` and `explain` print of tables and lists."""

from types import MappingProxyType

import pytest

from limner.cli.task.facts_as_text import lines_of


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (None, []),
        ((), []),
        ({}, []),
        ("", [("fact", "")]),
        (0, [("fact", "0")]),
        (False, [("fact", "no")]),
        (True, [("fact", "yes")]),
        (("seed", "n"), [("fact", "seed, n")]),
        (["one"], [("fact", "one")]),
        ({"a": 1, "b": {"c": None, "d": [2, 3]}}, [("fact.a", "1"), ("fact.b.d", "2, 3")]),
        (MappingProxyType({"a": True}), [("fact.a", "yes")]),
        (({"a": 1}, {"a": 2, "more": ()}), [("fact.1.a", "1"), ("fact.2.a", "2")]),
    ],
)
def test_a_fact_is_a_line_for_each_of_its_parts(value: object, lines: list[tuple[str, str]]) -> None:
    assert list(lines_of({"fact": value})) == lines
