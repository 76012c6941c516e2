"""Free requests that show whether a vendor answers, and whether it accepts our key."""

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
"""Up to so many models are named; of more only the number."""

Decode = Callable[[VendorResponse], UpstreamCheck | None]
"""The result that a response stands for; None where its status decides."""


async def check_endpoint(http: VendorHttp, vendor: str, path: str, decode: Decode) -> UpstreamCheck:
    """GET `path` with the key. Every failure is an `UpstreamCheck`, none is raised."""
    try:
        response = await http.call("GET", path, timeout_s=CHECK_S)
    except NoResponse as error:
        return UpstreamCheck(well=False, says=f"no answer: {error.reason}")
    except BadResponse as error:
        return UpstreamCheck(well=False, says=f"the answer {error.reason}")
    return decode(response) or _by_status(response, vendor, keyed=http.has_key)


def key_refused(response: VendorResponse, *, keyed: bool = True) -> UpstreamCheck:
    words = error_message(response.body).words or redacted(response.text if response.body is None else "")
    what = "the key is refused" if keyed else "a key is asked for, and none is set"
    return UpstreamCheck(well=False, says=f"{what}: {words}" if words else what)


def check_models(names: Collection[str], wanted: Sequence[str]) -> UpstreamCheck:
    """Whether the vendor lists the models that our routes request."""
    there = (", ".join(names) or "no models") if len(names) <= _NAMED else f"{len(names)} models"
    missing = [each for each in wanted if each not in names]
    if missing:
        return UpstreamCheck(well=False, says=f"{there}, and {_are(missing)} not among them")
    return UpstreamCheck(well=True, says=f"{there}, and {_are(wanted)} among them" if wanted else there)


def _are(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _by_status(response: VendorResponse, vendor: str, *, keyed: bool) -> UpstreamCheck:
    if response.status in {401, 403}:
        return key_refused(response, keyed=keyed)
    if response.ok or 300 <= response.status < 400 or response.status in {404, 405}:
        says = f"HTTP {response.status}, which is not {vendor}'s API: is the base URL right?"
        return UpstreamCheck(well=False, says=says)
    return UpstreamCheck(well=False, says=f"HTTP {response.status}: {_words(response)}")


def _words(response: VendorResponse) -> str:
    return error_message(response.body).words or redacted(response.text) or "no message"


def models_by_name(body: Any, within: str, name: str) -> dict[str, dict[str, Any]] | None:
    """The items of the list `within` by their `name` fields; None where there is no such list."""
    items = body.get(within) if isinstance(body, dict) else None
    if not isinstance(items, list):
        return None
    return {each[name]: each for each in items if isinstance(each, dict) and isinstance(each.get(name), str)}
