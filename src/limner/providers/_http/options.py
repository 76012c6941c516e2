"""Rules for the options of a provider or a route, and messages about what breaks them."""

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

Rule = Callable[[Any], str | None]
"""A message about a value, to follow "option 'name': "; None for a valid one."""

Rules = Mapping[str, Rule]


def invalid_option(
    options: Mapping[str, Any], rules: Rules, *, allow_unknown: bool = False, what: str = "option"
) -> str | None:
    """A message about the first of `options` that is unknown or breaks its rule; None where all are valid.

    With `allow_unknown`, unknown ones go into the request as they are: they need only be JSON.
    """
    for name, value in options.items():
        rule = rules.get(name, json_value if allow_unknown else None)
        wrong = _unknown(name, rules, what) if rule is None else rule(value)
        if wrong:
            return f"{what} {name!r}: {wrong}" if rule else wrong
    return None


def require_valid(options: Mapping[str, Any], rules: Rules) -> None:
    """Raises ValueError with the message of `invalid_option`."""
    if wrong := invalid_option(options, rules):
        raise ValueError(wrong)


def _unknown(name: str, rules: Rules, what: str) -> str:
    known = [each for each, rule in rules.items() if rule not in _FORBIDDEN]
    near = get_close_matches(name, known, 1, cutoff=0.75)
    meant = f" Was {near[0]!r} meant?" if near else ""
    there = f"there are {', '.join(sorted(known))}" if known else "there are none"
    return f"{what} {name!r} is unknown; {there}.{meant}"


# --- rules ----------------------------------------------------------------------------------------------------------


def provider_only(_: Any) -> str:
    return "it belongs to the provider, not to a route"


def set_by_limner(_: Any) -> str:
    return "Limner sets it in each request itself"


_FORBIDDEN: Final = (provider_only, set_by_limner)


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else _is_no(value, "text")


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"{_shown(value)} is neither true nor false"


def non_negative(value: Any) -> str | None:
    """A number from 0."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return None if good else _is_no(value, "number from 0")


def whole_number(value: Any) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if good else _is_no(value, "whole number from 0")


def whole_number_in(least: int, most: int) -> Rule:
    def rule(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if good else _is_no(value, f"whole number from {least} to {most}")

    return rule


def number_in(least: float, most: float) -> Rule:
    def rule(value: Any) -> str | None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        return None if good else _is_no(value, f"number from {least:g} to {most:g}")

    return rule


def text_list(value: Any) -> str | None:
    """A list of non-empty strings. A single string is no list, though Python iterates over it."""
    good = isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value)
    return None if good else _is_no(value, "list of texts")


def number_table(value: Any) -> str | None:
    good = isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    return None if good and not any(map(non_negative, value.values())) else _is_no(value, "table of numbers")


def one_of(*known: str) -> Rule:
    def rule(value: Any) -> str | None:
        return None if isinstance(value, str) and value in known else f"{_shown(value)} is none of {', '.join(known)}"

    return rule


def starts_with(*known: str) -> Rule:
    def rule(value: Any) -> str | None:
        good = isinstance(value, str) and value.startswith(known)
        return None if good else f"{_shown(value)} begins with none of {', '.join(known)}"

    return rule


def table(rules: Rules, what: str) -> Rule:
    """A nested table, whose entries are called `what` in messages."""

    def rule(value: Any) -> str | None:
        return invalid_option(value, rules, what=what) if isinstance(value, Mapping) else _is_no(value, "table")

    return rule


def whole_numbers(*names: str) -> Rule:
    """A table of exactly these whole numbers."""
    entries = table(dict.fromkeys(names, whole_number), "number")

    def rule(value: Any) -> str | None:
        if wrong := entries(value):
            return wrong
        missing = next((name for name in names if name not in value), None)
        return f"{missing} is missing" if missing else None

    return rule


def json_value(value: Any) -> str | None:
    """Dates of TOML, for instance, are not valid JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return _is_no(value, "value that JSON knows")
    return None


def _is_no(value: Any, what: str) -> str:
    return f"{_shown(value)} is no {what}"


def _shown(value: Any) -> str:
    return f"{value!r:.80}" if isinstance(value, str) else f"{value!r}"[:80]


JOB_RULES: Final[Rules] = {"poll_s": non_negative, "not_found_grace_s": non_negative}
"""Options of an account at a vendor that works on jobs."""

KEYED_JOB_RULES: Final[Rules] = {**JOB_RULES, "polling_hosts": text_list}
"""The same, where the vendor names the address to poll at."""
