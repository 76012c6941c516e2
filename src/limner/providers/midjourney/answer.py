"""Reads a relay's answers: to an order, to a poll, to a cancellation, and about a job that it does not know."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Delivered, GenerationRequest, JobCancellation, Picture, UpstreamCheck
from limner.providers._http import (
    FinishedJob,
    JobState,
    MissingJob,
    RunningJob,
    VendorResponse,
    failure_from,
    missing_handle,
    redacted,
)
from limner.providers.midjourney.fail_reasons import CATCH_ALL, UNKNOWN_REASON, FailReason

VENDOR: Final = "Midjourney"


_QUEUE_FULL_S: Final = 10.0


def decode_submit(response: VendorResponse) -> str | Failure:
    """The id of the job that a relay accepted."""
    if not response.ok:
        return failure_from(VENDOR, response, rate_wait_s=_QUEUE_FULL_S, plain_refusals=True)
    match response.body:
        case {"code": 1 | 21 | 22, "result": str(job)} if job:
            return job
        case {"code": int(code)} if code in CODES:
            return _refused(code, response.body)
    return missing_handle(VENDOR, response)


CODES: Final[Mapping[int, FailureKind]] = {
    3: FailureKind.TRANSIENT,  # no account of the relay is usable just now
    4: FailureKind.BAD_INPUT,
    9: FailureKind.TRANSIENT,
    23: FailureKind.RATE_LIMITED,
    24: FailureKind.CONTENT_POLICY,
}


def _refused(code: int, body: Mapping[str, Any]) -> Failure:
    words = redacted(body.get("description"))
    kind = FailureKind.TRANSIENT if code == 4 and any(each in words.lower() for each in CATCH_ALL) else CODES[code]
    return Failure(
        kind,
        f"{VENDOR} refused the request" + (f": {words}" if words else ""),
        retry_after_s=_QUEUE_FULL_S if kind is FailureKind.RATE_LIMITED else None,
        detail=f"code {code}{_banned_word(body)}",
        stage=Stage.INPUT if kind is FailureKind.CONTENT_POLICY else None,
    )


def _banned_word(body: Mapping[str, Any]) -> str:
    match body.get("properties"):
        case {"bannedWord": str(word)}:
            return redacted(f": {word}")
    return ""


def job_with(state: str, body: Any) -> str | None:
    """The id of the job that was submitted under `state`, in a relay's list of jobs."""
    for job in body if isinstance(body, list) else ():
        match job:
            case {"id": str(found), "state": str(found_state)} if found_state == state:
                return found
    return None


def decode_task(
    response: VendorResponse, fail_reasons: Mapping[str, FailReason], *, share: tuple[int, int] = (0, 100)
) -> JobState:
    """The state of a job; its progress is scaled to `share`. An unknown status means that it is running."""
    if not response.ok or not isinstance(response.body, dict):
        return MissingJob(f"HTTP {response.status}, no such job")
    body = response.body
    match body.get("status"):
        case "SUCCESS":
            return _succeeded(body.get("imageUrl"))
        case "FAILURE":
            return _failed(str(body.get("failReason") or ""), fail_reasons) or RunningJob()
        case "CANCEL":
            return Failure(FailureKind.CANCELLED, f"the job was cancelled at {VENDOR}'s relay", detail="CANCEL")
        case "NOT_START" | "SUBMITTED":  # in the relay's queue, then in Discord's
            return RunningJob(scaled_percent(body.get("progress"), *share), queued=True)
    return RunningJob(scaled_percent(body.get("progress"), *share))


def decode_cancel(response: VendorResponse) -> JobCancellation:
    """Relays without this call answer 404, and those with it a code."""
    code = response.body.get("code") if isinstance(response.body, dict) else None
    return JobCancellation(accepted=code == 1, detail=f"HTTP {response.status}" if code is None else f"code {code}")


def _succeeded(link: Any) -> FinishedJob | Failure:
    if isinstance(link, str) and link:
        return FinishedJob(link)
    return Failure(FailureKind.NO_IMAGE, f"{VENDOR} finished without a picture", charged=True, detail="SUCCESS")


def _failed(reason: str, fail_reasons: Mapping[str, FailReason]) -> Failure | None:
    found = (fail_reason for words, fail_reason in fail_reasons.items() if words.casefold() in reason.casefold())
    fail_reason = next(found, UNKNOWN_REASON)
    if fail_reason.kind is None:
        return None
    words = redacted(reason)
    return Failure(
        fail_reason.kind,
        f"{VENDOR} did not draw the picture" + (f": {words}" if words else ""),
        retry_after_s=_QUEUE_FULL_S if fail_reason.kind is FailureKind.RATE_LIMITED else None,
        detail="FAILURE",
        stage=fail_reason.stage,
    )


def scaled_percent(progress: Any, start: int, end: int) -> int | None:
    """The figure in "45%", scaled; other texts are ignored."""
    found = re.fullmatch(r"(\d{1,3})%", progress) if isinstance(progress, str) else None
    return start + (end - start) * min(100, int(found[1])) // 100 if found else None


UNKNOWN_JOB: Final = "/mj/task/0/fetch"


def decode_unknown_job(response: VendorResponse, *, keyed: bool) -> UpstreamCheck | None:
    """A relay's answer about an unknown job: 204, an empty 200, or a code of its own."""
    if response.status in {401, 403} or response.status >= 500 or not (response.ok or isinstance(response.body, dict)):
        return None
    if response.text and response.body is None and response.text.strip() != "null":
        return None
    says = "the relay answers and accepts the key" if keyed else "the relay answers and asks for no key"
    return UpstreamCheck(well=True, says=says)


def first_link(body: Any) -> str | None:
    """The link to a grid's first picture, from relays that serve each of the four (`EnableFillOfficialCdn`)."""
    match body:
        case {"imageUrls": [{"url": str(link)}, _, *_]} if link:
            return link
    return None


def buttons_of(body: Any) -> list[dict[str, Any]]:
    buttons = body.get("buttons") if isinstance(body, dict) else None
    return [each for each in buttons if isinstance(each, dict)] if isinstance(buttons, list) else []


def delivered(path: Path, handle: Mapping[str, Any], request: GenerationRequest, picked_by: str) -> Delivered:
    served_by = {"provider": "midjourney", "model": request.upstream, "generative": True, "vendor_id": handle["id"]}
    return Delivered(Picture(path), served_by | {"picked_by": picked_by})
