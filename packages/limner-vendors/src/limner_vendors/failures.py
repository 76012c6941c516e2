"""Every failure of a vendor that Limner tells apart: what the vendor says, what Limner calls it, how to rehearse it.

The page `docs/failures.md` is made from this table, and a test provokes each row of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from limner.domain.routing.failure import FailureKind, Stage
from limner_vendors._core.faults import Fault, FaultKind

POLICY, BAD_INPUT, AUTH = FailureKind.CONTENT_POLICY, FailureKind.BAD_INPUT, FailureKind.AUTH
QUOTA, GONE, BUSY = FailureKind.QUOTA_EXHAUSTED, FailureKind.MODEL_UNAVAILABLE, FailureKind.RATE_LIMITED
TRANSIENT, NO_IMAGE, BAD_OUTPUT = FailureKind.TRANSIENT, FailureKind.NO_IMAGE, FailureKind.BAD_OUTPUT
UNSUPPORTED = FailureKind.UNSUPPORTED_OUTPUT
UNKNOWN, CANCELLED = FailureKind.UNKNOWN_OUTCOME, FailureKind.CANCELLED


@dataclass(frozen=True, slots=True)
class FailureCase:
    """One failure of one vendor.

    `fault` provokes it at the emulator, where the order alone does not; `nobody` listens at the vendor's address.
    `charged` says whether the vendor takes money for it, None: that is not told, or not known. `stage` is of a content
    policy, `wait_s` the wait that is obeyed before the next try, `detail` a part of what `explain` shows. `upstream`,
    `deadline_s` and `options` are the order's, where they are no ordinary ones, `account` are options of the provider.
    """

    vendor: str
    says: str
    kind: FailureKind
    fault: Fault | None = None
    charged: bool | None = False
    stage: Stage | None = None
    wait_s: float | None = None
    detail: str = ""
    nobody: bool = False
    upstream: str | None = None
    deadline_s: float = 20.0
    options: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """A vendor as the table calls it.

    `emulator` plays it, `account` are the options by which an account speaks its way. One that `is_billed` takes money.
    """

    title: str
    emulator: str
    account: Mapping[str, Any] = field(default_factory=dict)
    is_billed: bool = True


SECTIONS: Final[Mapping[str, Section]] = {
    "bfl": Section("Black Forest Labs", "bfl"),
    "openai": Section("OpenAI", "openai"),
    "azure": Section("Azure OpenAI", "openai", {"dialect": "azure-deployments"}),
    "sglang": Section("SGLang-Diffusion", "sglang", {"dialect": "sglang"}, is_billed=False),
    "vllm": Section("vLLM-Omni", "vllm", {"dialect": "vllm-omni"}, is_billed=False),
    "gemini": Section("Gemini", "gemini"),
    "midjourney": Section("Midjourney, through a relay", "midjourney"),
    "fal": Section("fal", "fal"),
    "replicate": Section("Replicate", "replicate"),
}


def _always(kind: FaultKind, **facts: Any) -> Fault:
    return Fault(kind, times=None, **facts)


def _gateway(status: int, how: str) -> Fault:
    return _always(FaultKind.BAD_GATEWAY, value=status, how=how)


# --- what all do alike --------------------------------------------------------------------------------------------


def _at_the_door(vendor: str) -> Iterator[FailureCase]:
    """Errors of HTTP and of the connection, in answer to an order."""
    plain: tuple[tuple[str, FailureKind, Fault, str], ...] = (
        ("HTTP 401", AUTH, _always(FaultKind.UNAUTHORIZED), "HTTP 401"),
        ("HTTP 403", AUTH, _always(FaultKind.FORBIDDEN), "HTTP 403"),
        ("HTTP 408", TRANSIENT, _always(FaultKind.STATUS, value=408), "HTTP 408"),
        ("HTTP 409", TRANSIENT, _always(FaultKind.STATUS, value=409), "HTTP 409"),
        ("HTTP 413", BAD_INPUT, _always(FaultKind.STATUS, value=413), "HTTP 413"),
        ("HTTP 503", TRANSIENT, _always(FaultKind.UNAVAILABLE), "HTTP 503"),
        ("HTTP 521 of a gateway: no connection to the vendor", TRANSIENT, _gateway(521, ""), "HTTP 521"),
    )
    for says, kind, fault, detail in plain:
        yield FailureCase(vendor, says, kind, fault, detail=detail)
    for status in (401, 403):
        says = f"HTTP {status} with a firewall's page"
        yield FailureCase(vendor, says, TRANSIENT, _gateway(status, ""), detail=f"HTTP {status}")
    done = "" if vendor == "midjourney" else "done"  # a relay lists the job that was ordered, and it is found there
    for status in (502, 504, 520, 522, 524, 527):
        says = f"HTTP {status} with a gateway's page"
        yield FailureCase(vendor, says, UNKNOWN, _gateway(status, done), charged=None, detail=f"HTTP {status}")
    if vendor == "midjourney":
        timeout = _always(FaultKind.TIMEOUT)
        yield FailureCase(vendor, "HTTP 504 in plain words", UNKNOWN, timeout, charged=None, detail="HTTP 504")
    else:
        timeout = _always(FaultKind.TIMEOUT)
        yield FailureCase(vendor, "HTTP 504 with an error of its own", TRANSIENT, timeout, detail="HTTP 504")
    yield FailureCase(vendor, "no connection comes about", TRANSIENT, detail="no answer", nobody=True)
    cut: tuple[tuple[str, Fault], ...] = (
        ("the connection is cut before an answer", _always(FaultKind.RESET)),
        ("the work is done, and the connection cut before the answer", _always(FaultKind.LOST_ANSWER)),
        ("the connection is cut after the headers", _always(FaultKind.CUT_HEADERS)),
        ("the connection is cut in the middle of the body", _always(FaultKind.CUT_BODY)),
    )
    for says, fault in cut if vendor != "midjourney" else cut[:1]:  # as above
        yield FailureCase(vendor, says, UNKNOWN, fault, charged=None, detail="no answer")
    slow = _always(FaultKind.SLOW, value=1000)
    yield FailureCase(
        vendor, "no answer within the route's `deadline_s`", UNKNOWN, slow, None, detail="no answer", deadline_s=0.4
    )


def _of_a_job(vendor: str) -> Iterator[FailureCase]:
    """What may become of a job that was taken on, and of its picture."""
    garbled = _always(FaultKind.GARBLED)
    if vendor != "midjourney":  # whose relays list the job that is missed
        yield FailureCase(vendor, "200 without a handle to ask by", UNKNOWN, garbled, None, detail="HTTP 20")
    missing = _always(FaultKind.NOT_FOUND, value=1000)
    says = "the job is not found, for longer than the option `not_found_grace_s`"
    yield FailureCase(vendor, says, UNKNOWN, missing, None, account={"not_found_grace_s": 10})
    dead = _always(FaultKind.EXPIRED_LINK, value=1000)
    yield FailureCase(
        vendor, "the link to the picture is dead, asked for again for ten minutes", BAD_OUTPUT, dead, charged=True
    )
    wrong = _always(FaultKind.GARBLED, on="delivery")
    yield FailureCase(vendor, "the link leads to something that is no picture", BAD_OUTPUT, wrong, charged=True)
    yield from _pictures(vendor)
    yield FailureCase(vendor, "success without a picture", NO_IMAGE, _always(FaultKind.EMPTY), charged=True)


def _pictures(vendor: str) -> Iterator[FailureCase]:
    """A picture came, and is none."""
    charged = SECTIONS[vendor].is_billed
    broken = _always(FaultKind.UNDECODABLE, how="truncated")
    yield FailureCase(vendor, "a picture that is cut off", BAD_OUTPUT, broken, charged)
    yield FailureCase(vendor, "a picture that opens nowhere", BAD_OUTPUT, _always(FaultKind.UNDECODABLE), charged)
    page = _always(FaultKind.UNDECODABLE, how="html")
    yield FailureCase(vendor, "a page of HTML for a picture", BAD_OUTPUT, page, charged)
    gif = _always(FaultKind.UNDECODABLE, how="gif")
    yield FailureCase(vendor, "a GIF for a picture", BAD_OUTPUT, gif, charged)
    yield FailureCase(vendor, "a picture of a single colour", BAD_OUTPUT, _always(FaultKind.BLANK), charged)


def _busy(vendor: str, *ways: tuple[str, str, float]) -> Iterator[FailureCase]:
    """HTTP 429: in words, by the emulator's `how`, and the wait that is obeyed."""
    for says, how, wait_s in ways:
        value = None if how == "none" else wait_s
        fault = _always(FaultKind.RATE_LIMITED, value=value, how=how)
        yield FailureCase(vendor, says, BUSY, fault, wait_s=wait_s, detail="HTTP 429")


# --- Black Forest Labs --------------------------------------------------------------------------------------------

_BFL: Final = (
    FailureCase("bfl", "HTTP 400", BAD_INPUT, _always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("bfl", "HTTP 402: no credits", QUOTA, _always(FaultKind.QUOTA), detail="HTTP 402"),
    FailureCase("bfl", "HTTP 404: no such model", GONE, _always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase("bfl", "HTTP 422, with the field", BAD_INPUT, _always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase("bfl", "HTTP 500", TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    *_busy(
        "bfl",
        ("HTTP 429 with `Retry-After`", "header", 3),
        ("HTTP 429 with `retry_after` in the body", "body", 2.5),
        ("HTTP 429 that names no wait", "none", 5),
    ),
    *_at_the_door("bfl"),
    FailureCase(
        "bfl",
        "a `polling_url` at a host that `BFL_POLLING_HOSTS` does not list",
        AUTH,
        charged=True,
        account={"polling_hosts": ()},
    ),
    FailureCase(
        "bfl",
        "`Request Moderated`",
        POLICY,
        _always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="Request Moderated",
    ),
    FailureCase(
        "bfl",
        "`Content Moderated`",
        POLICY,
        _always(FaultKind.MODERATED_OUTPUT),
        charged=None,
        stage=Stage.OUTPUT,
        detail="Content Moderated: Moderation Reasons: Safety Filter",
    ),
    FailureCase("bfl", "`Error`", TRANSIENT, _always(FaultKind.FAILED), detail="Error"),
    FailureCase("bfl", "`Failed`", TRANSIENT, _always(FaultKind.FAILED, how="Failed"), detail="Failed"),
    *_of_a_job("bfl"),
)

# --- OpenAI and those who speak its way ---------------------------------------------------------------------------

_OPENAI: Final = (
    FailureCase(
        "openai",
        "400 `moderation_blocked`, stage `input`",
        POLICY,
        _always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="moderation_blocked",
    ),
    FailureCase(
        "openai",
        "400 `moderation_blocked`, stage `output`",
        POLICY,
        _always(FaultKind.MODERATED_OUTPUT),
        stage=Stage.OUTPUT,
        detail="moderation_blocked",
    ),
    FailureCase(
        "openai", "400 `moderation_blocked`, stage not told", POLICY, _always(FaultKind.MODERATED, how="unknown")
    ),
    *(
        FailureCase("openai", f"400 `{code}`", POLICY, _always(FaultKind.MODERATED, how=code), detail=code)
        for code in ("content_policy_violation", "image_content_policy_violation")
    ),
    FailureCase(
        "openai", "400 with `safety_violations` in its words alone", POLICY, _always(FaultKind.MODERATED, how="words")
    ),
    *(
        FailureCase("openai", f"400 `{code}`", BAD_INPUT, _always(FaultKind.STATUS, value=400, how=code), detail=code)
        for code in (
            *("invalid_value", "unknown_parameter", "missing_required_parameter", "invalid_image_file"),
            *("image_too_large", "unsupported_image_media_type", "array_above_max_length"),
        )
    ),
    FailureCase("openai", "401 `invalid_api_key`", AUTH, _always(FaultKind.UNAUTHORIZED), detail="invalid_api_key"),
    FailureCase(
        "openai", "403: the organisation is not verified", AUTH, _always(FaultKind.FORBIDDEN), detail="must be verified"
    ),
    FailureCase("openai", "404 `model_not_found`", GONE, _always(FaultKind.MODEL_GONE), detail="model_not_found"),
    FailureCase(
        "openai",
        "404 for an id that was shut down, `gpt-image-1`",
        GONE,
        upstream="gpt-image-1",
        detail="model_not_found",
    ),
    *(
        FailureCase("openai", f"{status} `{code}`", QUOTA, _always(FaultKind.QUOTA, how=code), detail=code)
        for status, code in (
            (429, "insufficient_quota"),
            (429, "credit_balance_exhausted"),
            (429, "organization_spend_limit_exceeded"),
            (429, "project_spend_limit_exceeded"),
            (429, "organization_usage_limit_exceeded"),
            (400, "billing_hard_limit_reached"),
        )
    ),
    *_busy(
        "openai",
        ("429 `rate_limit_exceeded` with `retry-after`", "header", 20),
        ("429 `rate_limit_exceeded` with `retry-after-ms`", "ms", 1.5),
        ("429 `rate_limit_exceeded`: “try again in 20s”", "text", 20),
        ("429 `rate_limit_exceeded` that names no wait", "none", 12),
    ),
    FailureCase("openai", "500 `server_error`", TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="server_error"),
    *_at_the_door("openai"),
    FailureCase("openai", "200 with `data: []`", NO_IMAGE, _always(FaultKind.EMPTY), charged=True, detail="HTTP 200"),
    FailureCase(
        "openai", "200 and not this protocol", UNSUPPORTED, _always(FaultKind.GARBLED), charged=True, detail="HTTP 200"
    ),
    FailureCase(
        "openai",
        "200 with a page of HTML",
        UNSUPPORTED,
        _always(FaultKind.GARBLED, how="page"),
        charged=True,
        detail="HTTP 200",
    ),
    FailureCase(
        "openai",
        "200 with a picture in a form that is not known",
        UNSUPPORTED,
        _always(FaultKind.RELAY, how="other"),
        charged=True,
        detail="HTTP 200",
    ),
    FailureCase(
        "openai",
        "200 with an `error` inside, as relays send it",
        BUSY,
        _always(FaultKind.RELAY, how="error"),
        wait_s=12,
        detail="No channel is available",
    ),
    FailureCase(
        "openai",
        "200 with a `code` of 503 inside, as relays send it",
        TRANSIENT,
        _always(FaultKind.RELAY, how="envelope"),
        detail="All channels are busy",
    ),
    FailureCase(
        "openai",
        "a stream that ends in an `error` event",
        TRANSIENT,
        _always(FaultKind.FAILED),
        charged=None,
        detail="image_generation_failed",
        options={"stream": True},
    ),
    FailureCase(
        "openai",
        "a stream that ends without its last event",
        UNKNOWN,
        _always(FaultKind.EMPTY),
        charged=None,
        options={"stream": True},
    ),
    *_pictures("openai"),
)

_AZURE: Final = (
    *(
        FailureCase("azure", f"400 `{code}`", POLICY, _always(FaultKind.MODERATED, how=code), detail=code)
        for code in ("content_policy_violation", "contentFilter", "content_filter")
    ),
    FailureCase(
        "azure",
        "400 with the inner error `ResponsibleAIPolicyViolation`",
        POLICY,
        _always(FaultKind.MODERATED, how="inner"),
        detail="ResponsibleAIPolicyViolation",
    ),
    FailureCase("azure", "401", AUTH, _always(FaultKind.UNAUTHORIZED), detail="HTTP 401"),
    FailureCase("azure", "404: no such deployment", GONE, _always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    *_busy("azure", ("429 with `retry-after`", "header", 20)),
)

_SGLANG: Final = (
    FailureCase("sglang", '400 `{"detail"}`', BAD_INPUT, _always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("sglang", "400: its safety checker", BAD_INPUT, _always(FaultKind.MODERATED), detail="safety checker"),
    FailureCase(
        "sglang", '503 `{"error"}`: a worker died', TRANSIENT, _always(FaultKind.UNAVAILABLE), detail="A worker process"
    ),
    FailureCase("sglang", '500 `{"detail"}`', TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    FailureCase("sglang", "no connection comes about", TRANSIENT, detail="no answer", nobody=True),
    FailureCase("sglang", "200 with `data: []`", NO_IMAGE, _always(FaultKind.EMPTY), detail="HTTP 200"),
    *_pictures("sglang"),
)

_VLLM: Final = (
    FailureCase(
        "vllm",
        "400: “Model mismatch”",
        GONE,
        upstream="black-forest-labs/FLUX.1-dev",
        detail="Model mismatch",
    ),
    FailureCase("vllm", "422", BAD_INPUT, _always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase("vllm", "503", TRANSIENT, _always(FaultKind.UNAVAILABLE), detail="HTTP 503"),
    FailureCase("vllm", "200 with `data: []`", NO_IMAGE, _always(FaultKind.EMPTY), detail="HTTP 200"),
)

# --- Gemini -------------------------------------------------------------------------------------------------------

BLOCKED: Final = (
    *("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"),
    *("IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"),
)
HELD_BACK: Final = (
    *("SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION"),
    *("IMAGE_RECITATION", "BLOCKLIST", "SPII", "MODEL_ARMOR", "ESCALATION"),
)
PICTURELESS: Final = ("NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "SOMETHING_NEW")

_GEMINI: Final = (
    *(
        FailureCase(
            "gemini",
            f"no candidates, `blockReason` `{reason}`",
            POLICY,
            _always(FaultKind.MODERATED, how=reason),
            stage=Stage.INPUT,
            detail=reason,
        )
        for reason in BLOCKED
    ),
    FailureCase(
        "gemini",
        "no candidates, a `blockReason` that is new",
        NO_IMAGE,
        _always(FaultKind.MODERATED, how="SOMETHING_NEW"),
        detail="SOMETHING_NEW",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`",
            POLICY,
            _always(FaultKind.MODERATED_OUTPUT, how=reason),
            stage=Stage.OUTPUT,
            detail=reason,
        )
        for reason in HELD_BACK
    ),
    FailureCase(
        "gemini",
        "`finishReason` `PUP_LIMITED_DISABLED`: the account is limited",
        AUTH,
        _always(FaultKind.MODERATED_OUTPUT, how="PUP_LIMITED_DISABLED"),
        detail="PUP_LIMITED_DISABLED",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`" if reason != "SOMETHING_NEW" else "a `finishReason` that is new",
            NO_IMAGE,
            _always(FaultKind.EMPTY, how=reason),
            detail=reason,
        )
        for reason in PICTURELESS
    ),
    FailureCase(
        "gemini",
        "`finishReason` `STOP`, and words alone",
        NO_IMAGE,
        _always(FaultKind.TEXT_ONLY),
        charged=True,
        detail="STOP",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`",
            BAD_INPUT,
            _always(FaultKind.TEXT_ONLY, how=reason),
            charged=True,
            detail=reason,
        )
        for reason in ("MAX_TOKENS", "LANGUAGE")
    ),
    FailureCase(
        "gemini",
        "400 `API_KEY_INVALID`",
        AUTH,
        _always(FaultKind.UNAUTHORIZED, how="key"),
        detail="API_KEY_INVALID",
    ),
    FailureCase(
        "gemini", "400 `INVALID_ARGUMENT`", BAD_INPUT, _always(FaultKind.STATUS, value=400), detail="INVALID_ARGUMENT"
    ),
    FailureCase(
        "gemini",
        "400 `FAILED_PRECONDITION` about billing",
        QUOTA,
        _always(FaultKind.QUOTA, how="billing"),
        detail="FAILED_PRECONDITION",
    ),
    FailureCase(
        "gemini",
        "400 `FAILED_PRECONDITION` about the location",
        AUTH,
        _always(FaultKind.FORBIDDEN, how="location"),
        detail="FAILED_PRECONDITION",
    ),
    FailureCase("gemini", "404 `NOT_FOUND`", GONE, _always(FaultKind.MODEL_GONE), detail="NOT_FOUND"),
    FailureCase(
        "gemini",
        "404 for an id that was shut down, `gemini-3-pro-image-preview`",
        GONE,
        upstream="gemini-3-pro-image-preview",
        detail="NOT_FOUND",
    ),
    FailureCase("gemini", "429 with a quota `PerDay`", QUOTA, _always(FaultKind.QUOTA), detail="RESOURCE_EXHAUSTED"),
    FailureCase("gemini", "429 with “limit: 0”", QUOTA, _always(FaultKind.QUOTA, how="limit0"), detail="limit: 0"),
    *_busy(
        "gemini",
        ("429 with `RetryInfo`", "header", 14),
        ("429: “Please retry in 9s”", "text", 9),
        ("429 that names no wait", "none", 5),
    ),
    FailureCase("gemini", "500 `INTERNAL`", TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="INTERNAL"),
    *_at_the_door("gemini"),
    FailureCase(
        "gemini", "200 and not this protocol", UNSUPPORTED, _always(FaultKind.GARBLED), charged=True, detail="HTTP 200"
    ),
    FailureCase(
        "gemini",
        "200 with an `error` inside, as relays send it",
        BUSY,
        _always(FaultKind.RELAY, how="error"),
        wait_s=5,
        detail="RESOURCE_EXHAUSTED",
    ),
    FailureCase(
        "gemini",
        "200 with a page of HTML",
        UNSUPPORTED,
        _always(FaultKind.GARBLED, how="page"),
        charged=True,
        detail="HTTP 200",
    ),
    *_pictures("gemini"),
)

# --- Midjourney ---------------------------------------------------------------------------------------------------

_MIDJOURNEY: Final = (
    FailureCase(
        "midjourney", "code 3: no account is usable", TRANSIENT, _always(FaultKind.CODE, value=3), detail="code 3"
    ),
    FailureCase(
        "midjourney", "code 4: it did not pass its checks", BAD_INPUT, _always(FaultKind.CODE, value=4), detail="code 4"
    ),
    FailureCase(
        "midjourney",
        "code 4 with “异常” or “exception”: an accident",
        TRANSIENT,
        _always(FaultKind.CODE, value=4, how="exception"),
        detail="code 4",
    ),
    FailureCase(
        "midjourney", "code 9: the system failed", TRANSIENT, _always(FaultKind.CODE, value=9), detail="code 9"
    ),
    FailureCase(
        "midjourney", "code 23: the queue is full", BUSY, _always(FaultKind.RATE_LIMITED), wait_s=10, detail="code 23"
    ),
    FailureCase(
        "midjourney",
        "code 24: a banned word",
        POLICY,
        _always(FaultKind.MODERATED, how="code"),
        stage=Stage.INPUT,
        detail="code 24",
    ),
    FailureCase(
        "midjourney", "a code that is new", UNKNOWN, _always(FaultKind.CODE, value=77), charged=None, detail="HTTP 200"
    ),
    FailureCase(
        "midjourney", "HTTP 429", BUSY, _always(FaultKind.RATE_LIMITED, how="http"), wait_s=10, detail="HTTP 429"
    ),
    FailureCase(
        "midjourney",
        "HTTP 500",
        TRANSIENT,
        _always(FaultKind.SERVER_ERROR, how="http"),
        detail="HTTP 500",
    ),
    *_at_the_door("midjourney"),
    *(
        FailureCase(
            "midjourney",
            f"`FAILURE`, “[{title}]”",
            POLICY,
            _always(FaultKind.MODERATED, how=title.replace(" ", "_")),
            stage=Stage.INPUT,
            detail="FAILURE",
        )
        for title in ("Banned prompt detected", "Image denied")
    ),
    FailureCase(
        "midjourney",
        "`FAILURE`, “Our AI moderator …” under a title that is new",
        POLICY,
        _always(FaultKind.MODERATED, how="Something_new"),
        stage=Stage.INPUT,
        detail="FAILURE",
    ),
    FailureCase(
        "midjourney",
        "`FAILURE`, “[Request cancelled due to output filters]”",
        POLICY,
        _always(FaultKind.MODERATED_OUTPUT),
        charged=None,
        stage=Stage.OUTPUT,
        detail="FAILURE",
    ),
    *(
        FailureCase(
            "midjourney",
            f"`FAILURE`, “[{title}]”",
            kind,
            _always(FaultKind.FAILED, how=title.replace(" ", "_")),
            wait_s=10 if kind is BUSY else None,
            detail="FAILURE",
        )
        for title, kind in (
            ("Invalid prompt", BAD_INPUT),
            ("Invalid parameter", BAD_INPUT),
            ("Invalid link", BAD_INPUT),
            ("Queue full", BUSY),
            ("Credits exhausted", QUOTA),
            ("Pending mod message", AUTH),
            ("Blocked", AUTH),
            ("Plan Cancelled", AUTH),
            ("Subscription required", AUTH),
            ("Subscription paused", AUTH),
            ("Internal error", TRANSIENT),
            ("Internal server error", TRANSIENT),
            ("Failed to process your command", TRANSIENT),
            ("系统异常", TRANSIENT),
        )
    ),
    FailureCase(
        "midjourney",
        "`FAILURE`, “任务超时”: the relay stopped waiting",
        UNKNOWN,
        _always(FaultKind.FAILED, how="任务超时"),
        charged=None,
        detail="FAILURE",
    ),
    FailureCase(
        "midjourney",
        "`FAILURE` for a reason that is new",
        BAD_INPUT,
        _always(FaultKind.FAILED, how="Something_new"),
        detail="FAILURE",
    ),
    FailureCase("midjourney", "`CANCEL`", CANCELLED, _always(FaultKind.CANCELLED), detail="CANCEL"),
    *_of_a_job("midjourney"),
)

# --- fal ----------------------------------------------------------------------------------------------------------

_FAL_INFRASTRUCTURE: Final = (
    *("request_timeout", "startup_timeout", "generation_timeout"),
    *("runner_scheduling_failure", "runner_connection_timeout", "runner_connection_refused"),
    *("runner_connection_error", "runner_disconnected", "runner_incomplete_response", "runner_server_error"),
    *("downstream_service_error", "downstream_service_unavailable", "internal_error", "internal_server_error"),
)

_FAL: Final = (
    FailureCase("fal", "HTTP 400", BAD_INPUT, _always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("fal", "HTTP 403 `user_locked`: no balance", QUOTA, _always(FaultKind.QUOTA), detail="user_locked"),
    FailureCase("fal", "HTTP 404: no such model", GONE, _always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase("fal", "HTTP 422, with the field", BAD_INPUT, _always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase(
        "fal",
        "HTTP 422 `content_policy_violation`, with the field",
        POLICY,
        _always(FaultKind.STATUS, value=422, how="content_policy_violation"),
        stage=Stage.INPUT,
        detail="content_policy_violation",
    ),
    *_busy("fal", ("HTTP 429 with `Retry-After`", "header", 3), ("HTTP 429 that names no wait", "none", 5)),
    FailureCase("fal", "HTTP 500", TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    *_at_the_door("fal"),
    FailureCase(
        "fal",
        "`COMPLETED` with `content_policy_violation`",
        POLICY,
        _always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="content_policy_violation",
    ),
    FailureCase(
        "fal",
        "`has_nsfw_concepts`: a black picture",
        POLICY,
        _always(FaultKind.MODERATED_OUTPUT),
        charged=True,
        stage=Stage.OUTPUT,
        detail="has_nsfw_concepts",
    ),
    *(
        FailureCase(
            "fal", f"`COMPLETED` with `{code}`", kind, _always(FaultKind.FAILED, how=code), detail=f"COMPLETED {code}"
        )
        for code, kind in (
            ("bad_request", BAD_INPUT),
            ("file_download_error", BAD_INPUT),
            ("image_load_error", BAD_INPUT),
            ("image_too_large", BAD_INPUT),
            ("image_too_small", BAD_INPUT),
            ("no_media_generated", NO_IMAGE),
            ("user_locked", QUOTA),
            *((code, TRANSIENT) for code in _FAL_INFRASTRUCTURE),
            ("client_disconnected", CANCELLED),
            ("something_new", TRANSIENT),
        )
    ),
    *(
        FailureCase(
            "fal",
            f"`COMPLETED`, and HTTP 504 with `{code}` for the result",
            TRANSIENT,
            _always(FaultKind.FAILED, value=504, how=code),
            detail=f"HTTP 504 {code}",
        )
        for code in ("generation_timeout", "request_timeout")
    ),
    FailureCase(
        "fal", "`COMPLETED` with `client_cancelled`", CANCELLED, _always(FaultKind.CANCELLED), detail="client_cancelled"
    ),
    *_of_a_job("fal"),
)

# --- Replicate ----------------------------------------------------------------------------------------------------

_REPLICATE: Final = (
    FailureCase("replicate", "HTTP 400", BAD_INPUT, _always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("replicate", "HTTP 402: no credit", QUOTA, _always(FaultKind.QUOTA), detail="HTTP 402"),
    FailureCase("replicate", "HTTP 404: no such model", GONE, _always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase(
        "replicate", "HTTP 422, with the field", BAD_INPUT, _always(FaultKind.STATUS, value=422), detail="HTTP 422"
    ),
    *_busy(
        "replicate",
        ("HTTP 429 with `Retry-After`", "header", 3),
        ("HTTP 429: “available in 4 seconds”", "text", 4),
        ("HTTP 429 that names no wait", "none", 5),
    ),
    FailureCase("replicate", "HTTP 500", TRANSIENT, _always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    *_at_the_door("replicate"),
    FailureCase(
        "replicate", "`failed`, “flagged as sensitive … (E005)”", POLICY, _always(FaultKind.MODERATED), detail="failed"
    ),
    FailureCase(
        "replicate",
        "`failed`, “NSFW content detected”",
        POLICY,
        _always(FaultKind.FAILED, how="NSFW_content_detected"),
        detail="failed",
    ),
    FailureCase("replicate", "`failed` for another reason", TRANSIENT, _always(FaultKind.FAILED), detail="failed"),
    FailureCase("replicate", "`canceled`", CANCELLED, _always(FaultKind.CANCELLED), charged=True, detail="canceled"),
    FailureCase(
        "replicate",
        "`aborted`: given up before it started",
        TRANSIENT,
        _always(FaultKind.CANCELLED, how="aborted"),
        detail="aborted",
    ),
    *_of_a_job("replicate"),
)


def _once(rows: Sequence[FailureCase]) -> Iterator[FailureCase]:
    """Without the rows of HTTP that the vendor's own say better."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        provoked_by = (row.vendor, row.fault, row.nobody, row.upstream, f"{row.options}{row.account}")
        if provoked_by not in seen:
            yield row
        seen.add(provoked_by)


FAILURES: Final[tuple[FailureCase, ...]] = tuple(
    _once((*_BFL, *_OPENAI, *_AZURE, *_SGLANG, *_VLLM, *_GEMINI, *_MIDJOURNEY, *_FAL, *_REPLICATE))
)
