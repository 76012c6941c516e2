"""Images that an answer delivers by a link instead of base64, as relays of synchronous APIs do.

The link becomes the job's handle, so that a paid image survives a crash between the answer and the download.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, Pending, Picture
from limner.providers._http.client import VendorHttp
from limner.providers._http.jobs.api import FinishedJob, fetch_finished

_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
_MARKDOWN_IMAGE: Final = re.compile(r"!\[[^\]]*\]\(\s*<?(https?://[^\s<>\"]+?)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)")


def image_link(value: Any) -> str | None:
    """`value` if it is an absolute http or https URL."""
    return value if isinstance(value, str) and _LINK.fullmatch(value) else None


def markdown_image_link(text: Any) -> str | None:
    """The URL of the first image in a markdown text: `![...](https://...)`."""
    found = _MARKDOWN_IMAGE.search(text) if isinstance(text, str) else None
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class LinkedImage:
    """An answer with a link in place of the image."""

    link: str
    served_by: Mapping[str, Any]
    cost_usd: float | None


def accept_link(image: LinkedImage, now_s: float) -> Accepted:
    """The answer as a job whose image is ready. `now_s` is the wall clock in seconds."""
    handle = {
        "link": image.link,
        "since": now_s,
        "served_by": dict(image.served_by),
        "cost_usd": image.cost_usd,
    }
    return Accepted(handle, wait_s=0.0)


async def fetch_linked(
    http: VendorHttp, vendor: str, handle: Mapping[str, Any], target: Path, *, now_s: float, timeout_s: float
) -> Delivered | Pending | Failure:
    """Download the image of a handle that `accept_link` made. `Pending` while a dead link may still come to life."""
    link = handle.get("link")
    if not isinstance(link, str):
        return Failure(FailureKind.UNKNOWN_OUTCOME, f"{vendor} cannot be asked about an earlier call")

    async def look() -> FinishedJob:
        return FinishedJob(link)

    age_s = now_s - float(handle["since"])
    found = await fetch_finished(http, vendor, look, target, age_s=age_s, timeout_s=timeout_s)
    if not isinstance(found, FinishedJob):
        return found
    return Delivered(Picture(target), handle["served_by"], handle["cost_usd"])
