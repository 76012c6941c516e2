"""The table of failures: what a vendor says, what Limner calls it, and the fault that provokes it.

`docs/failures.md` is made from this table, and a test provokes each row. An emulator may bring its own rows
(`Emulator.failure_cases`); those of the older ones are here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from limner.domain.routing.failure import Stage
from limner.providers.declarations import declarations
from limner_vendors._core.failure_cases import (
    AUTH,
    BAD_INPUT,
    BUSY,
    CANCELLED,
    GONE,
    NO_IMAGE,
    POLICY,
    QUOTA,
    TRANSIENT,
    UNBILLED,
    UNKNOWN,
    UNSUPPORTED,
    FailureCase,
    always,
    http_failures,
    job_failures,
    picture_failures,
    rate_limits,
)
from limner_vendors._core.faults import FaultKind
from limner_vendors.emulators import EMULATORS


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the table, with the names of its emulator and adapter. `account` has the provider's options."""

    title: str
    emulator: str
    adapter: str
    account: Mapping[str, Any] = field(default_factory=dict)
    is_billed: bool = True


_DIALECTS: Final[Mapping[str, Section]] = {
    "azure": Section("Azure OpenAI", "openai", "openai", {"dialect": "azure-deployments"}),
    "sglang": Section("SGLang-Diffusion", "sglang", "openai", {"dialect": "sglang"}, is_billed=False),
    "vllm": Section("vLLM-Omni", "vllm", "openai", {"dialect": "vllm-omni"}, is_billed=False),
}
"""Servers that the adapter `openai` serves too; they follow OpenAI."""


def _sections() -> Iterator[tuple[str, Section]]:
    for vendor in declarations().values():
        if vendor.name in EMULATORS:
            yield vendor.name, Section(vendor.title, vendor.name, vendor.name, is_billed=vendor.name not in UNBILLED)
        if vendor.name == "openai":
            yield from _DIALECTS.items()


SECTIONS: Final[Mapping[str, Section]] = dict(_sections())

# --- Black Forest Labs --------------------------------------------------------------------------------------------

_BFL: Final = (
    FailureCase("bfl", "HTTP 400", BAD_INPUT, always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("bfl", "HTTP 402: no credits", QUOTA, always(FaultKind.QUOTA), detail="HTTP 402"),
    FailureCase("bfl", "HTTP 404: no such model", GONE, always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase("bfl", "HTTP 422, with the field", BAD_INPUT, always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase("bfl", "HTTP 500", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    *rate_limits(
        "bfl",
        ("HTTP 429 with `Retry-After`", "header", 3),
        ("HTTP 429 with `retry_after` in the body", "body", 2.5),
        ("HTTP 429 that names no wait", "none", 5),
    ),
    *http_failures("bfl"),
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
        always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="Request Moderated",
    ),
    FailureCase(
        "bfl",
        "`Content Moderated`",
        POLICY,
        always(FaultKind.MODERATED_OUTPUT),
        charged=None,
        stage=Stage.OUTPUT,
        detail="Content Moderated: Moderation Reasons: Safety Filter",
    ),
    FailureCase("bfl", "`Error`", TRANSIENT, always(FaultKind.FAILED), detail="Error"),
    FailureCase("bfl", "`Failed`", TRANSIENT, always(FaultKind.FAILED, how="Failed"), detail="Failed"),
    *job_failures("bfl"),
)

# --- OpenAI and those who speak its way ---------------------------------------------------------------------------

_OPENAI: Final = (
    FailureCase(
        "openai",
        "400 `moderation_blocked`, stage `input`",
        POLICY,
        always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="moderation_blocked",
    ),
    FailureCase(
        "openai",
        "400 `moderation_blocked`, stage `output`",
        POLICY,
        always(FaultKind.MODERATED_OUTPUT),
        stage=Stage.OUTPUT,
        detail="moderation_blocked",
    ),
    FailureCase(
        "openai", "400 `moderation_blocked`, stage not given", POLICY, always(FaultKind.MODERATED, how="unknown")
    ),
    *(
        FailureCase("openai", f"400 `{code}`", POLICY, always(FaultKind.MODERATED, how=code), detail=code)
        for code in ("content_policy_violation", "image_content_policy_violation")
    ),
    FailureCase(
        "openai", "400 with `safety_violations` in its words alone", POLICY, always(FaultKind.MODERATED, how="words")
    ),
    *(
        FailureCase("openai", f"400 `{code}`", BAD_INPUT, always(FaultKind.STATUS, value=400, how=code), detail=code)
        for code in (
            *("invalid_value", "unknown_parameter", "missing_required_parameter", "invalid_image_file"),
            *("image_too_large", "unsupported_image_media_type", "array_above_max_length"),
        )
    ),
    FailureCase(
        "openai",
        "400 `invalid_value`: a transparent background, which most accounts may not ask `gpt-image-2` for",
        BAD_INPUT,
        upstream="gpt-image-2",
        options={"background": "transparent"},
        detail="Transparent background is not supported",
    ),
    FailureCase("openai", "401 `invalid_api_key`", AUTH, always(FaultKind.UNAUTHORIZED), detail="invalid_api_key"),
    FailureCase(
        "openai", "403: the organisation is not verified", AUTH, always(FaultKind.FORBIDDEN), detail="must be verified"
    ),
    FailureCase("openai", "404 `model_not_found`", GONE, always(FaultKind.MODEL_GONE), detail="model_not_found"),
    FailureCase(
        "openai",
        "404 for an id that was shut down, `gpt-image-1`",
        GONE,
        upstream="gpt-image-1",
        detail="model_not_found",
    ),
    *(
        FailureCase("openai", f"{status} `{code}`", QUOTA, always(FaultKind.QUOTA, how=code), detail=code)
        for status, code in (
            (429, "insufficient_quota"),
            (429, "credit_balance_exhausted"),
            (429, "organization_spend_limit_exceeded"),
            (429, "project_spend_limit_exceeded"),
            (429, "organization_usage_limit_exceeded"),
            (400, "billing_hard_limit_reached"),
        )
    ),
    *rate_limits(
        "openai",
        ("429 `rate_limit_exceeded` with `retry-after`", "header", 20),
        ("429 `rate_limit_exceeded` with `retry-after-ms`", "ms", 1.5),
        ("429 `rate_limit_exceeded`: “try again in 20s”", "text", 20),
        ("429 `rate_limit_exceeded` that names no wait", "none", 12),
    ),
    FailureCase("openai", "500 `server_error`", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="server_error"),
    *http_failures("openai"),
    FailureCase("openai", "200 with `data: []`", NO_IMAGE, always(FaultKind.EMPTY), charged=True, detail="HTTP 200"),
    FailureCase(
        "openai", "200 and not this protocol", UNSUPPORTED, always(FaultKind.GARBLED), charged=True, detail="HTTP 200"
    ),
    FailureCase(
        "openai",
        "200 with a page of HTML",
        UNSUPPORTED,
        always(FaultKind.GARBLED, how="page"),
        charged=True,
        detail="HTTP 200",
    ),
    FailureCase(
        "openai",
        "200 with a picture in a form that is not known",
        UNSUPPORTED,
        always(FaultKind.RELAY, how="other"),
        charged=True,
        detail="HTTP 200",
    ),
    FailureCase(
        "openai",
        "200 with an `error` inside, as relays send it",
        BUSY,
        always(FaultKind.RELAY, how="error"),
        wait_s=12,
        detail="No channel is available",
    ),
    FailureCase(
        "openai",
        "200 with a `code` of 503 inside, as relays send it",
        TRANSIENT,
        always(FaultKind.RELAY, how="envelope"),
        detail="All channels are busy",
    ),
    FailureCase(
        "openai",
        "a stream that ends in an `error` event",
        TRANSIENT,
        always(FaultKind.FAILED),
        charged=None,
        detail="image_generation_failed",
        options={"stream": True},
    ),
    FailureCase(
        "openai",
        "a stream that ends without its last event",
        UNKNOWN,
        always(FaultKind.EMPTY),
        charged=None,
        options={"stream": True},
    ),
    *picture_failures("openai"),
)

_AZURE: Final = (
    *(
        FailureCase("azure", f"400 `{code}`", POLICY, always(FaultKind.MODERATED, how=code), detail=code)
        for code in ("content_policy_violation", "contentFilter", "content_filter")
    ),
    FailureCase(
        "azure",
        "400 with the inner error `ResponsibleAIPolicyViolation`",
        POLICY,
        always(FaultKind.MODERATED, how="inner"),
        detail="ResponsibleAIPolicyViolation",
    ),
    FailureCase("azure", "401", AUTH, always(FaultKind.UNAUTHORIZED), detail="HTTP 401"),
    FailureCase("azure", "404: no such deployment", GONE, always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    *rate_limits("azure", ("429 with `retry-after`", "header", 20)),
)

_SGLANG: Final = (
    FailureCase("sglang", '400 `{"detail"}`', BAD_INPUT, always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("sglang", "400: its safety checker", BAD_INPUT, always(FaultKind.MODERATED), detail="safety checker"),
    FailureCase(
        "sglang", '503 `{"error"}`: a worker died', TRANSIENT, always(FaultKind.UNAVAILABLE), detail="A worker process"
    ),
    FailureCase("sglang", '500 `{"detail"}`', TRANSIENT, always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    FailureCase("sglang", "no connection can be made", TRANSIENT, detail="no answer", unreachable=True),
    FailureCase("sglang", "200 with `data: []`", NO_IMAGE, always(FaultKind.EMPTY), detail="HTTP 200"),
    *picture_failures("sglang"),
)

_VLLM: Final = (
    FailureCase(
        "vllm",
        "400: “Model mismatch”",
        GONE,
        upstream="black-forest-labs/FLUX.1-dev",
        detail="Model mismatch",
    ),
    FailureCase("vllm", "422", BAD_INPUT, always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase("vllm", "503", TRANSIENT, always(FaultKind.UNAVAILABLE), detail="HTTP 503"),
    FailureCase("vllm", "200 with `data: []`", NO_IMAGE, always(FaultKind.EMPTY), detail="HTTP 200"),
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
PICTURELESS: Final = (
    *("NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"),
    *("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "SOMETHING_NEW"),
)

_GEMINI: Final = (
    *(
        FailureCase(
            "gemini",
            f"no candidates, `blockReason` `{reason}`",
            POLICY,
            always(FaultKind.MODERATED, how=reason),
            stage=Stage.INPUT,
            detail=reason,
        )
        for reason in BLOCKED
    ),
    FailureCase(
        "gemini",
        "no candidates, a `blockReason` that is new",
        NO_IMAGE,
        always(FaultKind.MODERATED, how="SOMETHING_NEW"),
        detail="SOMETHING_NEW",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`",
            POLICY,
            always(FaultKind.MODERATED_OUTPUT, how=reason),
            stage=Stage.OUTPUT,
            detail=reason,
        )
        for reason in HELD_BACK
    ),
    FailureCase(
        "gemini",
        "`finishReason` `PUP_LIMITED_DISABLED`: the account is limited",
        AUTH,
        always(FaultKind.MODERATED_OUTPUT, how="PUP_LIMITED_DISABLED"),
        detail="PUP_LIMITED_DISABLED",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`" if reason != "SOMETHING_NEW" else "a `finishReason` that is new",
            NO_IMAGE,
            always(FaultKind.EMPTY, how=reason),
            detail=reason,
        )
        for reason in PICTURELESS
    ),
    FailureCase(
        "gemini",
        "`finishReason` `STOP`, and words alone",
        NO_IMAGE,
        always(FaultKind.TEXT_ONLY),
        charged=True,
        detail="STOP",
    ),
    *(
        FailureCase(
            "gemini",
            f"`finishReason` `{reason}`",
            BAD_INPUT,
            always(FaultKind.TEXT_ONLY, how=reason),
            charged=True,
            detail=reason,
        )
        for reason in ("MAX_TOKENS", "LANGUAGE", "CONTINUATION")
    ),
    FailureCase(
        "gemini",
        "400 `API_KEY_INVALID`",
        AUTH,
        always(FaultKind.UNAUTHORIZED, how="key"),
        detail="API_KEY_INVALID",
    ),
    FailureCase(
        "gemini", "400 `INVALID_ARGUMENT`", BAD_INPUT, always(FaultKind.STATUS, value=400), detail="INVALID_ARGUMENT"
    ),
    FailureCase(
        "gemini",
        "400 `FAILED_PRECONDITION` about billing",
        QUOTA,
        always(FaultKind.QUOTA, how="billing"),
        detail="FAILED_PRECONDITION",
    ),
    FailureCase(
        "gemini",
        "400 `FAILED_PRECONDITION` about the location",
        AUTH,
        always(FaultKind.FORBIDDEN, how="location"),
        detail="FAILED_PRECONDITION",
    ),
    FailureCase("gemini", "404 `NOT_FOUND`", GONE, always(FaultKind.MODEL_GONE), detail="NOT_FOUND"),
    FailureCase(
        "gemini",
        "404 for an id that was shut down, `gemini-3-pro-image-preview`",
        GONE,
        upstream="gemini-3-pro-image-preview",
        detail="NOT_FOUND",
    ),
    FailureCase("gemini", "429 with a quota `PerDay`", QUOTA, always(FaultKind.QUOTA), detail="RESOURCE_EXHAUSTED"),
    FailureCase("gemini", "429 with “limit: 0”", QUOTA, always(FaultKind.QUOTA, how="limit0"), detail="limit: 0"),
    *rate_limits(
        "gemini",
        ("429 with `RetryInfo`", "header", 14),
        ("429: “Please retry in 9s”", "text", 9),
        ("429 that names no wait", "none", 5),
    ),
    FailureCase("gemini", "500 `INTERNAL`", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="INTERNAL"),
    *http_failures("gemini"),
    FailureCase(
        "gemini", "200 and not this protocol", UNSUPPORTED, always(FaultKind.GARBLED), charged=True, detail="HTTP 200"
    ),
    FailureCase(
        "gemini",
        "200 with an `error` inside, as relays send it",
        BUSY,
        always(FaultKind.RELAY, how="error"),
        wait_s=5,
        detail="RESOURCE_EXHAUSTED",
    ),
    FailureCase(
        "gemini",
        "200 with a page of HTML",
        UNSUPPORTED,
        always(FaultKind.GARBLED, how="page"),
        charged=True,
        detail="HTTP 200",
    ),
    *picture_failures("gemini"),
)

# --- Midjourney ---------------------------------------------------------------------------------------------------

_MIDJOURNEY: Final = (
    FailureCase(
        "midjourney", "code 3: no account is usable", TRANSIENT, always(FaultKind.CODE, value=3), detail="code 3"
    ),
    FailureCase(
        "midjourney", "code 4: it did not pass its checks", BAD_INPUT, always(FaultKind.CODE, value=4), detail="code 4"
    ),
    FailureCase(
        "midjourney",
        "code 4 with “异常” or “exception”: an accident",
        TRANSIENT,
        always(FaultKind.CODE, value=4, how="exception"),
        detail="code 4",
    ),
    FailureCase("midjourney", "code 9: the system failed", TRANSIENT, always(FaultKind.CODE, value=9), detail="code 9"),
    FailureCase(
        "midjourney", "code 23: the queue is full", BUSY, always(FaultKind.RATE_LIMITED), wait_s=10, detail="code 23"
    ),
    FailureCase(
        "midjourney",
        "code 24: a banned word",
        POLICY,
        always(FaultKind.MODERATED, how="code"),
        stage=Stage.INPUT,
        detail="code 24",
    ),
    FailureCase(
        "midjourney", "a code that is new", UNKNOWN, always(FaultKind.CODE, value=77), charged=None, detail="HTTP 200"
    ),
    FailureCase(
        "midjourney", "HTTP 429", BUSY, always(FaultKind.RATE_LIMITED, how="http"), wait_s=10, detail="HTTP 429"
    ),
    FailureCase(
        "midjourney",
        "HTTP 500",
        TRANSIENT,
        always(FaultKind.SERVER_ERROR, how="http"),
        detail="HTTP 500",
    ),
    *http_failures("midjourney"),
    *(
        FailureCase(
            "midjourney",
            f"`FAILURE`, “[{title}]”",
            POLICY,
            always(FaultKind.MODERATED, how=title.replace(" ", "_")),
            stage=Stage.INPUT,
            detail="FAILURE",
        )
        for title in ("Banned prompt detected", "Image denied")
    ),
    FailureCase(
        "midjourney",
        "`FAILURE`, “Our AI moderator …” under a title that is new",
        POLICY,
        always(FaultKind.MODERATED, how="Something_new"),
        stage=Stage.INPUT,
        detail="FAILURE",
    ),
    FailureCase(
        "midjourney",
        "`FAILURE`, “[Request cancelled due to output filters]”",
        POLICY,
        always(FaultKind.MODERATED_OUTPUT),
        charged=None,
        stage=Stage.OUTPUT,
        detail="FAILURE",
    ),
    *(
        FailureCase(
            "midjourney",
            f"`FAILURE`, “[{title}]”",
            kind,
            always(FaultKind.FAILED, how=title.replace(" ", "_")),
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
        always(FaultKind.FAILED, how="任务超时"),
        charged=None,
        detail="FAILURE",
    ),
    FailureCase(
        "midjourney",
        "`FAILURE` for a reason that is new",
        BAD_INPUT,
        always(FaultKind.FAILED, how="Something_new"),
        detail="FAILURE",
    ),
    FailureCase("midjourney", "`CANCEL`", CANCELLED, always(FaultKind.CANCELLED), detail="CANCEL"),
    *job_failures("midjourney"),
)

# --- fal ----------------------------------------------------------------------------------------------------------

_FAL_INFRASTRUCTURE: Final = (
    *("request_timeout", "startup_timeout", "generation_timeout"),
    *("runner_scheduling_failure", "runner_connection_timeout", "runner_connection_refused"),
    *("runner_connection_error", "runner_disconnected", "runner_incomplete_response", "runner_server_error"),
    *("downstream_service_error", "downstream_service_unavailable", "internal_error", "internal_server_error"),
)

_FAL: Final = (
    FailureCase("fal", "HTTP 400", BAD_INPUT, always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("fal", "HTTP 403 `user_locked`: no balance", QUOTA, always(FaultKind.QUOTA), detail="user_locked"),
    FailureCase("fal", "HTTP 404: no such model", GONE, always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase("fal", "HTTP 422, with the field", BAD_INPUT, always(FaultKind.STATUS, value=422), detail="HTTP 422"),
    FailureCase(
        "fal",
        "HTTP 422 `content_policy_violation`, with the field",
        POLICY,
        always(FaultKind.STATUS, value=422, how="content_policy_violation"),
        stage=Stage.INPUT,
        detail="content_policy_violation",
    ),
    FailureCase(
        "fal",
        "HTTP 422 `content_policy_violation` in a bare list, with categories",
        POLICY,
        always(FaultKind.STATUS, value=422, how="bare_list"),
        stage=Stage.INPUT,
        detail="content_policy_violation",
    ),
    FailureCase(
        "fal",
        "HTTP 422 with `X-Fal-Retryable: true`",
        TRANSIENT,
        always(FaultKind.STATUS, value=422, how="retryable"),
        detail="HTTP 422",
    ),
    *rate_limits("fal", ("HTTP 429 with `Retry-After`", "header", 3), ("HTTP 429 that names no wait", "none", 5)),
    FailureCase("fal", "HTTP 500", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    FailureCase(
        "fal",
        "HTTP 500 with `X-Fal-Retryable: false`",
        TRANSIENT,
        always(FaultKind.SERVER_ERROR, how="lasting"),
        detail="internal_server_error",
        repeatable=False,
    ),
    *http_failures("fal"),
    FailureCase(
        "fal",
        "`COMPLETED` with `content_policy_violation`",
        POLICY,
        always(FaultKind.MODERATED),
        stage=Stage.INPUT,
        detail="content_policy_violation",
    ),
    FailureCase(
        "fal",
        "`has_nsfw_concepts`: a black picture",
        POLICY,
        always(FaultKind.MODERATED_OUTPUT),
        charged=True,
        stage=Stage.OUTPUT,
        detail="has_nsfw_concepts",
    ),
    *(
        FailureCase(
            "fal", f"`COMPLETED` with `{code}`", kind, always(FaultKind.FAILED, how=code), detail=f"COMPLETED {code}"
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
            always(FaultKind.FAILED, value=504, how=code),
            detail=f"HTTP 504 {code}",
        )
        for code in ("generation_timeout", "request_timeout")
    ),
    FailureCase(
        "fal", "`COMPLETED` with `client_cancelled`", CANCELLED, always(FaultKind.CANCELLED), detail="client_cancelled"
    ),
    *job_failures("fal"),
)

# --- Replicate ----------------------------------------------------------------------------------------------------

_REPLICATE: Final = (
    FailureCase("replicate", "HTTP 400", BAD_INPUT, always(FaultKind.STATUS, value=400), detail="HTTP 400"),
    FailureCase("replicate", "HTTP 402: no credit", QUOTA, always(FaultKind.QUOTA), detail="HTTP 402"),
    FailureCase("replicate", "HTTP 404: no such model", GONE, always(FaultKind.MODEL_GONE), detail="HTTP 404"),
    FailureCase(
        "replicate", "HTTP 422, with the field", BAD_INPUT, always(FaultKind.STATUS, value=422), detail="HTTP 422"
    ),
    *rate_limits(
        "replicate",
        ("HTTP 429 with `Retry-After`", "header", 3),
        ("HTTP 429: “available in 4 seconds”", "text", 4),
        ("HTTP 429 that names no wait", "none", 5),
    ),
    FailureCase("replicate", "HTTP 500", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="HTTP 500"),
    *http_failures("replicate"),
    FailureCase(
        "replicate", "`failed`, “flagged as sensitive … (E005)”", POLICY, always(FaultKind.MODERATED), detail="failed"
    ),
    FailureCase(
        "replicate",
        "`failed`, “NSFW content detected”",
        POLICY,
        always(FaultKind.FAILED, how="NSFW_content_detected"),
        detail="failed",
    ),
    FailureCase("replicate", "`failed` for another reason", TRANSIENT, always(FaultKind.FAILED), detail="failed"),
    FailureCase("replicate", "`canceled`", CANCELLED, always(FaultKind.CANCELLED), charged=True, detail="canceled"),
    FailureCase(
        "replicate",
        "`aborted`: given up before it started",
        TRANSIENT,
        always(FaultKind.CANCELLED, how="aborted"),
        detail="aborted",
    ),
    *job_failures("replicate"),
)


def _once(rows: Sequence[FailureCase]) -> Iterator[FailureCase]:
    """Drop a shared row if the vendor's own rows are provoked in the same way."""
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        provoked_by = (row.vendor, row.fault, row.unreachable, row.upstream, f"{row.options}{row.account}")
        if provoked_by not in seen:
            yield row
        seen.add(provoked_by)


def _of_emulators() -> Iterator[FailureCase]:
    for emulator in EMULATORS.values():
        yield from emulator.failure_cases


FAILURES: Final[tuple[FailureCase, ...]] = tuple(
    _once((*_BFL, *_OPENAI, *_AZURE, *_SGLANG, *_VLLM, *_GEMINI, *_MIDJOURNEY, *_FAL, *_REPLICATE, *_of_emulators()))
)
