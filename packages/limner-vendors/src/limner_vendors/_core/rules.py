"""A vendor's request schema as a table of rules, and the problems that they find in a body.

A rule returns None for a valid value, else a `Complaint`. The vendors put the complaints into their own error bodies.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Complaint:
    """`type` is pydantic's name for it, which FastAPI servers send along."""

    message: str
    type: str


@dataclass(frozen=True, slots=True)
class Problem:
    field: str
    message: str
    type: str


Rule = Callable[[Any], Complaint | None]
Rules = Mapping[str, Rule]

MISSING: Final = "missing"
UNKNOWN: Final = "extra_forbidden"


def problems(body: Mapping[str, Any], rules: Rules, required: Collection[str] = ("prompt",)) -> list[Problem]:
    """All problems: missing fields, unknown fields, invalid values."""
    missing = [Problem(name, "Field required", MISSING) for name in required if name not in body]
    unknown = [Problem(name, "Extra inputs are not permitted", UNKNOWN) for name in body if name not in rules]
    complaints = {name: rules[name](value) for name, value in body.items() if name in rules}
    wrong = [Problem(name, said.message, said.type) for name, said in complaints.items() if said]
    return [*missing, *unknown, *wrong]


def text(most: int | None = None, least: int = 0) -> Rule:
    def rule(value: Any) -> Complaint | None:
        if not isinstance(value, str):
            return Complaint("Input should be a valid string", "string_type")
        if len(value) < least:
            return Complaint(f"String should have at least {least} character", "string_too_short")
        if most is not None and len(value) > most:
            return Complaint(f"String should have at most {most} characters", "string_too_long")
        return None

    return rule


def whole(low: int | None = None, high: int | None = None, step: int = 1) -> Rule:
    def rule(value: Any) -> Complaint | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return Complaint("Input should be a valid integer", "int_type")
        if value % step:
            return Complaint(f"Input should be a multiple of {step}", "multiple_of")
        return _bounds(value, low, high)

    return rule


def number(low: float, high: float) -> Rule:
    def rule(value: Any) -> Complaint | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Complaint("Input should be a valid number", "float_type")
        return _bounds(value, low, high)

    return rule


def one_of(*allowed: Any) -> Rule:
    said = ", ".join(repr(each) for each in allowed)

    def rule(value: Any) -> Complaint | None:
        return None if value in allowed else Complaint(f"Input should be {said}", "literal_error")

    return rule


def flag(value: Any) -> Complaint | None:
    return None if isinstance(value, bool) else Complaint("Input should be a valid boolean", "bool_type")


def mapping(value: Any) -> Complaint | None:
    return None if isinstance(value, dict) else Complaint("Input should be a valid dictionary", "dict_type")


def some(rule: Rule, least: int, most: int) -> Rule:
    """A list of `least` to `most` items."""

    def each(value: Any) -> Complaint | None:
        if not isinstance(value, list):
            return Complaint("Input should be a valid list", "list_type")
        if not least <= len(value) <= most:
            return Complaint(f"List should have {least} to {most} items, not {len(value)}", "too_long")
        return next((said for said in map(rule, value) if said), None)

    return each


def maybe(rule: Rule) -> Rule:
    """The same, or null."""
    return lambda value: None if value is None else rule(value)


def either(first: Rule, second: Rule) -> Rule:
    return lambda value: None if first(value) is None else second(value)


def address(value: Any) -> Complaint | None:
    """An address for webhooks: https, except on this machine."""
    if not isinstance(value, str) or not 1 <= len(value) <= 2083:
        return Complaint("Input should be a valid URL of at most 2083 characters", "url_type")
    if not re.match(r"https://|http://(127\.|localhost[:/]|\[::1\])", value):
        return Complaint("URL scheme should be 'https'", "url_scheme")
    return None


def ratio(narrowest: float, widest: float) -> Rule:
    """`W:H` in whole numbers."""

    def rule(value: Any) -> Complaint | None:
        match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", value) if isinstance(value, str) else None
        if match is None or "0" in match.groups():
            return Complaint("Aspect ratio should look like '16:9'", "value_error")
        if not narrowest <= int(match[1]) / int(match[2]) <= widest:
            return Complaint("Aspect ratio should be between 21:9 and 9:21", "value_error")
        return None

    return rule


def _bounds(value: float, low: float | None, high: float | None) -> Complaint | None:
    if low is not None and value < low:
        return Complaint(f"Input should be greater than or equal to {low}", "greater_than_equal")
    if high is not None and value > high:
        return Complaint(f"Input should be less than or equal to {high}", "less_than_equal")
    return None
