"""Asking a vendor something that costs nothing: whether it answers, and whether it takes our key."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from limner.ports.provider import Checked
from limner.providers._http.answer import Answer, BadAnswer, NoAnswer
from limner.providers._http.client import VendorHttp
from limner.providers._http.job import said
from limner.providers._http.words import redacted

CHECK_S: Final = 15.0

_NAMED: Final = 3
"""So many models are named; of more the number is told."""

Tell = Callable[[Answer], Checked | None]
"""What an answer says; None where its status says it all."""


async def inquire(http: VendorHttp, vendor: str, path: str, tell: Tell) -> Checked:
    """GET `path`, with the key. Whatever comes of it is an answer."""
    try:
        answer = await http.call("GET", path, timeout_s=CHECK_S)
    except NoAnswer as trouble:
        return Checked(well=False, says=f"no answer: {trouble.reason}")
    except BadAnswer as trouble:
        return Checked(well=False, says=f"the answer {trouble.reason}")
    return tell(answer) or _judged(answer, vendor, keyed=http.has_key)


def refused_key(answer: Answer, *, keyed: bool = True) -> Checked:
    words = said(answer.body).words or redacted(answer.text if answer.body is None else "")
    what = "the key is refused" if keyed else "a key is asked for, and none is set"
    return Checked(well=False, says=f"{what}: {words}" if words else what)


def among(listed: Collection[str], wanted: Sequence[str]) -> Checked:
    """What a list of models says of those that our routes order."""
    there = (", ".join(listed) or "no models") if len(listed) <= _NAMED else f"{len(listed)} models"
    missing = [each for each in wanted if each not in listed]
    if missing:
        return Checked(well=False, says=f"{there}, and {_are(missing)} not among them")
    return Checked(well=True, says=f"{there}, and {_are(wanted)} among them" if wanted else there)


def _are(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _judged(answer: Answer, vendor: str, *, keyed: bool) -> Checked:
    if answer.status in {401, 403}:
        return refused_key(answer, keyed=keyed)
    if answer.ok or 300 <= answer.status < 400 or answer.status in {404, 405}:
        says = f"HTTP {answer.status}, and not what {vendor} says: does the base URL lead there?"
        return Checked(well=False, says=says)
    return Checked(well=False, says=f"HTTP {answer.status}: {_words(answer)}")


def _words(answer: Answer) -> str:
    return said(answer.body).words or redacted(answer.text) or "no more is said"


def listed(body: Any, within: str, name: str) -> dict[str, dict[str, Any]] | None:
    """The things in a list of things by their names; None where there is no such list."""
    things = body.get(within) if isinstance(body, dict) else None
    if not isinstance(things, list):
        return None
    return {each[name]: each for each in things if isinstance(each, dict) and isinstance(each.get(name), str)}
