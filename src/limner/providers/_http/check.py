"""Asking a vendor something that costs nothing: whether it answers, and whether it takes our key."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from limner.ports.provider import UpstreamCheck
from limner.providers._http.client import VendorHttp
from limner.providers._http.error_response import error_message
from limner.providers._http.errors import BadResponse, NoResponse
from limner.providers._http.redaction import redacted
from limner.providers._http.response import VendorResponse

CHECK_S: Final = 15.0

_NAMED: Final = 3
"""So many models are named; of more the number is told."""

Tell = Callable[[VendorResponse], UpstreamCheck | None]
"""What an answer says; None where its status says it all."""


async def check_endpoint(http: VendorHttp, vendor: str, path: str, tell: Tell) -> UpstreamCheck:
    """GET `path`, with the key. Whatever comes of it is an answer."""
    try:
        answer = await http.call("GET", path, timeout_s=CHECK_S)
    except NoResponse as trouble:
        return UpstreamCheck(well=False, says=f"no answer: {trouble.reason}")
    except BadResponse as trouble:
        return UpstreamCheck(well=False, says=f"the answer {trouble.reason}")
    return tell(answer) or _judged(answer, vendor, keyed=http.has_key)


def key_refused(answer: VendorResponse, *, keyed: bool = True) -> UpstreamCheck:
    words = error_message(answer.body).words or redacted(answer.text if answer.body is None else "")
    what = "the key is refused" if keyed else "a key is asked for, and none is set"
    return UpstreamCheck(well=False, says=f"{what}: {words}" if words else what)


def check_models(names: Collection[str], wanted: Sequence[str]) -> UpstreamCheck:
    """What a list of models says of those that our routes order."""
    there = (", ".join(names) or "no models") if len(names) <= _NAMED else f"{len(names)} models"
    missing = [each for each in wanted if each not in names]
    if missing:
        return UpstreamCheck(well=False, says=f"{there}, and {_are(missing)} not among them")
    return UpstreamCheck(well=True, says=f"{there}, and {_are(wanted)} among them" if wanted else there)


def _are(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _judged(answer: VendorResponse, vendor: str, *, keyed: bool) -> UpstreamCheck:
    if answer.status in {401, 403}:
        return key_refused(answer, keyed=keyed)
    if answer.ok or 300 <= answer.status < 400 or answer.status in {404, 405}:
        says = f"HTTP {answer.status}, and not what {vendor} says: does the base URL lead there?"
        return UpstreamCheck(well=False, says=says)
    return UpstreamCheck(well=False, says=f"HTTP {answer.status}: {_words(answer)}")


def _words(answer: VendorResponse) -> str:
    return error_message(answer.body).words or redacted(answer.text) or "no more is said"


def models_by_name(body: Any, within: str, name: str) -> dict[str, dict[str, Any]] | None:
    """The things in a list of things by their names; None where there is no such list."""
    things = body.get(within) if isinstance(body, dict) else None
    if not isinstance(things, list):
        return None
    return {each[name]: each for each in things if isinstance(each, dict) and isinstance(each.get(name), str)}
