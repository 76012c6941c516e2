"""What an upstream can do, of a known family or written on its route: the options `family` and `facts`.

They let a route lead to an upstream that this version of Limner does not know.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from limner.providers._http.options import Rule, Rules, table, text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    F = TypeVar("F", bound=DataclassInstance)
else:
    F = TypeVar("F")

FACT_OPTIONS: Final = ("family", "facts")
"""Options of a route that say what an upstream can do; they are no part of a request."""


def texts_by(names: Iterable[str], what: str) -> Rule:
    """The rule for a table of texts under some of these names."""
    return table(dict.fromkeys(names, text), what)


def plain(written: Mapping[str, Any]) -> dict[str, Any]:
    """Facts in the plain types of TOML and JSON, as values of fields: lists become tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in written.items()}


def facts_from(
    upstream: str,
    options: Mapping[str, Any],
    family_of: Callable[[str], F | None],
    generic: F,
    fields_of: Callable[[Mapping[str, Any]], dict[str, Any]] = plain,
) -> F | None:
    """The facts of the upstream's family, with those that the route writes in their place.

    An upstream of no known family has the `generic` facts if its route writes any, and None if it writes none.
    `fields_of` makes fields of what is written.
    """
    known = family_of(str(options.get("family", upstream)))
    written = options.get("facts")
    if known is None and written is None:
        return None
    return replace(known or generic, **fields_of(written or {}))


def fact_rules(family_of: Callable[[str], object], families: Iterable[str], facts: Rules) -> Rules:
    """The rules of both options. `families` are the names that are told to whoever gives another."""
    known = ", ".join(families)

    def family(value: Any) -> str | None:
        return None if isinstance(value, str) and family_of(value) else f"{value!r} is none of {known}"

    return {"family": family, "facts": table(facts, "fact")}
