"""Requests to a relay: a job, the job that picks one of its four pictures, and the headers with the key."""

from typing import Any

from limner.ports.provider import GenerationRequest, VendorAccount
from limner.providers._http import file_as_base64
from limner.providers.midjourney.answer import buttons_of
from limner.providers.midjourney.models import OWN_OPTIONS, MidjourneyFacts


def encode(request: GenerationRequest, facts: MidjourneyFacts) -> dict[str, Any]:
    """The request as JSON; reference pictures are read while it is sent."""
    shape = [f"--ar {request.aspect_ratio}"] if request.aspect_ratio else []
    flags = [*shape, f"--seed {request.seed}", str(request.options.get("flags", ""))]
    files = [file_as_base64(each.path, f"data:{each.media_type};base64,") for each in request.references]
    return {
        "prompt": " ".join((request.prompt, *flags)).strip(),
        "state": request.attempt_id,
        **({"base64Array": files} if files else {}),
        **facts.fixed,
        **{name: value for name, value in request.options.items() if name not in OWN_OPTIONS},
    }


def encode_pick(job: str, body: Any, state: str) -> tuple[str, dict[str, Any]]:
    """Path and body of the request for a grid's first picture: by its button, else by its number."""
    match next((button for button in buttons_of(body) if button.get("label") == "U1"), None):
        case {"customId": str(button)}:
            return "/mj/submit/action", {"taskId": job, "customId": button, "state": state}
    return "/mj/submit/change", {"taskId": job, "action": "UPSCALE", "index": 1, "state": state}


def pick_state(request: GenerationRequest) -> str:
    return f"{request.attempt_id}:U1"


def headers_of(account: VendorAccount) -> dict[str, str]:
    """A proxy looks for its secret, a hosted relay for a bearer; neither minds the other's."""
    headers = {"secret": {"mj-api-secret": account.key}, "bearer": {"Authorization": f"Bearer {account.key}"}}
    way = account.options.get("auth", "both")
    return headers["secret"] | headers["bearer"] if way == "both" else headers[way]
