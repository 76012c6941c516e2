"""The wait that a vendor asks for, in every form that vendors use."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from limner.providers._http.response import VendorResponse

# "try again in 1m30s", "retry in 14.5s", "try again in 250ms", "available in 5 seconds"
_IN_TEXT: Final = re.compile(
    r"\b(?:try again|retry|available) (?:in|after) "
    r"(?:(\d+) ?h(?:ours?)?(?![a-z]) ?)?(?:(\d+) ?m(?:in(?:utes?)?)?(?![a-z]) ?)?"
    r"(?:(\d+(?:\.\d+)?) ?(ms|milliseconds?|s|sec|seconds?)\b)?",
    re.IGNORECASE,
)
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)s")


def retry_after_s(response: VendorResponse) -> float | None:
    """Seconds to wait before the next try: from the headers, else the fields of the body, else its text, else None."""
    return next((max(0.0, seconds) for seconds in _candidates(response) if seconds is not None), None)


def _candidates(response: VendorResponse) -> Iterator[float | None]:
    yield _scaled(_number(response.headers.get("retry-after-ms")), 0.001)
    yield _header(response)
    yield from _fields(response.body)
    yield _words(response.text)


def _header(response: VendorResponse) -> float | None:
    """`Retry-After`: seconds, or an HTTP date as seen from the vendor's own clock."""
    value = response.headers.get("retry-after")
    then = _date(value)
    if then is None:
        return _number(value)
    return (then - (_date(response.headers.get("date")) or datetime.now(UTC))).total_seconds()


def _date(value: str | None) -> datetime | None:
    try:
        then = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return then if then.tzinfo else then.replace(tzinfo=UTC)


def _fields(body: Any) -> Iterator[float | None]:
    """`retry_after` beside or inside `error`; Google's RetryInfo among the details of its error."""
    for place in (body, _get(body, "error")):
        yield _number(_get(place, "retry_after"))
    details = _get(_get(body, "error"), "details")
    for detail in details if isinstance(details, list) else ():
        found = _DURATION.fullmatch(str(_get(detail, "retryDelay")))
        yield _number(found[1]) if found else None


def _words(text: str) -> float | None:
    found = _IN_TEXT.search(text)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, rest, unit = found.groups()
    factor = 0.001 if str(unit).lower().startswith("m") else 1.0
    return 3600 * float(hours or 0) + 60 * float(minutes or 0) + factor * float(rest or 0)


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _scaled(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor
