"""Facts with tables and lists in them, as lines for people."""

from collections.abc import Iterator, Mapping


def lines_of(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """A name and a text for each fact there is; a part of a table is `table.part`, a row of a list `list.1`."""
    for name, value in facts.items():
        yield from _lines(name, value)


def _lines(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case Mapping():
            for part, each in value.items():
                yield from _lines(f"{name}.{part}", each)
        case list() | tuple() if any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, 1):
                yield from _lines(f"{name}.{number}", each)
        case [_, *_]:
            yield name, ", ".join(map(_text, value))
        case list() | tuple():
            return
        case _:
            yield name, _text(value)


def _text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
