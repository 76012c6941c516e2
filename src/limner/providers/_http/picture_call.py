"""Vendors that answer a request with its picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from limner.domain.routing.failure import Failure
from limner.ports.provider import GenerationRequest
from limner.providers._http.client import VendorHttp
from limner.providers._http.errors import BadResponse, NoResponse
from limner.providers._http.reading.events import OnEvent
from limner.providers._http.request_body import Part
from limner.providers._http.response import VendorResponse, bad_response_failure, no_response_failure


async def call_for_picture(
    http: VendorHttp,
    vendor: str,
    path: str,
    request: GenerationRequest,
    *,
    json: Mapping[str, Any] | None = None,
    form: Sequence[Part] | None = None,
    on_event: OnEvent | None = None,
    charged: bool = True,
) -> VendorResponse | Failure:
    """Send a request that costs money. Returns the response whatever its status.

    Times out before the request's deadline, so that the failure can say that the request was sent. `charged` says
    whether a response that cannot be used is paid.
    """
    timeout_s = 0.95 * request.deadline_s
    try:
        return await http.call(
            "POST", path, json=json, form=form, workdir=request.workdir, on_event=on_event, timeout_s=timeout_s
        )
    except NoResponse as error:
        return no_response_failure(vendor, error)
    except BadResponse as error:
        return bad_response_failure(vendor, error, charged=charged)
