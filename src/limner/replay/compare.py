"""Compare two JSON answers: the same fields must be present with values of the same type; values may differ."""

from collections.abc import Iterator, Mapping
from typing import Any

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "string"),
    (dict, "object"),
    (list, "list"),
)


def differences(expected: Any, got: Any, path: str = "") -> Iterator[str]:
    """A sentence for each recorded field that is missing or has another type now.

    Additional fields are ignored, as clients ignore them. Only the first element of a list is compared. A recorded
    null matches every value.
    """
    if expected is None:
        return
    if kind(expected) != kind(got):
        yield f"{path or 'the answer'}: {kind(expected)} expected, got {kind(got)}"
    elif isinstance(expected, dict):
        for name, value in expected.items():
            where = f"{path}.{name}" if path else name
            if name not in got:
                yield f"{where}: missing"
            else:
                yield from differences(value, got[name], where)
    elif isinstance(expected, list) and expected:
        if not got:
            yield f"{path}: a list with elements expected, got an empty one"
        else:
            yield from differences(expected[0], got[0], f"{path}[0]")


def kind(value: Any) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), "null")


def renamed(expected: Any, got: Any) -> Iterator[tuple[str, str]]:
    """Pairs of differing identifiers at the same place in both answers: ids, tokens and addresses, recorded and new."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for name, value in expected.items():
            yield from renamed(value, got.get(name))
    elif isinstance(expected, list) and isinstance(got, list):
        for one, other in zip(expected, got, strict=False):
            yield from renamed(one, other)
    elif isinstance(expected, str) and isinstance(got, str) and expected != got and _is_name(expected):
        yield expected, got


def _is_name(text: str) -> bool:
    """Whether the text looks like an identifier that a later call may repeat: long and without spaces."""
    return len(text) >= 8 and " " not in text
