import json
from collections.abc import AsyncIterator, Mapping
from math import gcd
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fakes import content_of
from limner.domain.routing.failure import RETRIES, Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, VendorAccount
from limner.providers._http import LinkedImage, Part, VendorResponse
from limner.providers.openai import OpenAiProvider
from limner.providers.openai.answer import decode
from limner.providers.openai.dialects import DIALECTS
from limner.providers.openai.models import facts_of
from limner.providers.openai.options import defaults_at
from limner.providers.openai.prices import cost_of
from limner.providers.openai.request import OpenAiCall, RoutedRequest, encode
from unit.providers.fake_vendor import (
    HANG_UP,
    FakeVendor,
    Reply,
    fake_vendor,
    image_file,
    order,
    references,
    unreachable_url,
)

KEY = "sk-limner-secret-key"
PICTURE = {"$file": "/nowhere/answer-1"}
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 4160,
    "total_tokens": 4210,
}
RATES = ("text_in", "image_in", "image_out")


def asked(upstream: str = "gpt-image-2", dialect: str = "openai", **facts: Any) -> RoutedRequest:
    options = facts.pop("options", {})
    return RoutedRequest(order(upstream=upstream, **facts), DIALECTS[dialect], options)


def encoded(upstream: str = "gpt-image-2", dialect: str = "openai", **facts: Any) -> OpenAiCall:
    call = encode(asked(upstream, dialect, **facts))
    assert isinstance(call, OpenAiCall)
    return call


def sent(call: OpenAiCall) -> dict[str, Any]:
    """The fields, whichever way they go."""
    return dict(call.json) if call.json else {part.name: part.value for part in call.form or ()}


def answer(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> VendorResponse:
    return VendorResponse(status, headers or {}, body, json.dumps(body))


def failed(answered: VendorResponse, dialect: str = "openai") -> Failure:
    outcome = decode(answered, asked(dialect=dialect))
    assert isinstance(outcome, Failure)
    return outcome


# --- encode -----------------------------------------------------------------------------------------------------------


def test_words_alone_go_as_json() -> None:
    call = encoded("gpt-image-2", aspect_ratio="16:9")

    assert call == OpenAiCall(
        "images/generations", json={"model": "gpt-image-2", "prompt": "a red fox", "size": "1280x720"}
    )


def test_pictures_go_as_parts_in_their_order() -> None:
    pictures = references(3)

    call = encoded("gpt-image-2", references=pictures)

    assert call.path == "images/edits"
    assert call.json is None
    assert call.form == (
        Part("model", "gpt-image-2"),
        Part("prompt", "a red fox"),
        Part("image[]", pictures[0].path, "image-1.png", "image/png"),
        Part("image[]", pictures[1].path, "image-2.png", "image/png"),
        Part("image[]", pictures[2].path, "image-3.png", "image/png"),
    )


def test_a_single_picture_goes_under_its_plain_name() -> None:
    call = encoded("gpt-image-2", references=references(1))

    assert [part.name for part in call.form or ()] == ["model", "prompt", "image"]


@pytest.mark.parametrize(
    ("upstream", "fidelity"),
    [
        ("gpt-image-1.5", "high"),
        ("gpt-image-1", "high"),
        ("gpt-image-1-mini", "low"),
        ("gpt-image-2", None),
        ("gpt-image-2-2026-04-21", None),
        ("gpt-image-2.6-sunburst", None),
        ("gpt-image-9", None),
    ],
)
def test_fidelity_is_asked_for_only_where_it_may_be(upstream: str, fidelity: str | None) -> None:
    assert sent(encoded(upstream, references=references(2))).get("input_fidelity") == fidelity
    assert "input_fidelity" not in sent(encoded(upstream))


@pytest.mark.parametrize(
    ("upstream", "wanted", "size"),
    [
        ("gpt-image-1.5", "16:9", "1536x1024"),
        ("gpt-image-1.5", "4:3", "1536x1024"),
        ("gpt-image-1.5", "5:4", "1536x1024"),
        ("gpt-image-1.5", "6:5", "1024x1024"),
        ("gpt-image-1.5", "1:1", "1024x1024"),
        ("gpt-image-1.5", "9:21", "1024x1536"),
        ("gpt-image-2", "1:1", "1024x1024"),
        ("gpt-image-2", "21:9", "1568x672"),
        ("gpt-image-2", "3:4", "864x1152"),
        ("gpt-image-2.5-flare", "10:1", "1776x592"),
        ("gpt-image-3", "1:9", "592x1776"),
        ("gpt-image-2", None, None),
        ("gpt-image-1.5", None, None),
    ],
)
def test_the_size_follows_the_shape_asked_for(upstream: str, wanted: str | None, size: str | None) -> None:
    assert sent(encoded(upstream, aspect_ratio=wanted)).get("size") == size
    assert sent(encoded(upstream, aspect_ratio=wanted, references=references(1))).get("size") == size


@given(width=st.integers(1, 64), height=st.integers(1, 64))
def test_any_shape_becomes_a_size_within_the_rules(width: int, height: int) -> None:
    size = sent(encoded("gpt-image-2", aspect_ratio=f"{width}:{height}"))["size"]

    w, h = (int(side) for side in size.split("x"))
    assert gcd(w, h) % 16 == 0
    assert max(w, h) <= min(3 * min(w, h), 3840)
    assert 655_360 <= w * h <= 8_294_400


def test_a_routes_own_options_are_sent_and_strange_ones_are_not() -> None:
    options = {"quality": "low", "moderation": "low", "size": "2048x2048", "response_format": "url", "style": "vivid"}

    assert sent(encoded(options=options, aspect_ratio="1:1")) == {
        "model": "gpt-image-2",
        "prompt": "a red fox",
        "size": "2048x2048",
        "quality": "low",
        "moderation": "low",
    }


def test_moderation_is_no_field_of_edits() -> None:
    options = {"moderation": "low", "complexity": "high"}

    assert sent(encoded(options=options))["moderation"] == "low"
    edited = sent(encoded(options=options, references=references(1)))
    assert edited["complexity"] == "high"
    assert "moderation" not in edited


@pytest.mark.parametrize(
    ("host", "caller", "usual"),
    [
        ("api.openai.com", "3f", {"stream": True, "safety_identifier": "3f"}),
        ("api.openai.com", "", {"stream": True}),
        ("ours.openai.azure.com", "3f", {"stream": True}),
        ("api.openai.com.relay.example", "3f", {}),
        ("127.0.0.1", "3f", {}),
    ],
)
def test_only_the_vendors_themselves_are_sent_what_a_relay_may_not_know(
    host: str, caller: str, usual: dict[str, Any]
) -> None:
    assert defaults_at(host, order(upstream="gpt-image-2", caller=caller)) == usual


def test_what_the_policy_found_is_told() -> None:
    details = {"moderation_stage": "input", "categories": ["sexual", "violence"]}
    body = refusal("moderation_blocked", moderation_details=details)

    assert failed(answer(body, 400)).reason.startswith("OpenAI's content policy forbids this (sexual, violence): ")


def test_a_stream_is_asked_for_without_drafts() -> None:
    assert sent(encoded(options={"stream": True}))["stream"] is True
    assert sent(encoded(options={"stream": True}))["partial_images"] == 0

    form = sent(encoded(options={"stream": True, "output_compression": 80}, references=references(1)))
    assert (form["stream"], form["partial_images"], form["output_compression"]) == ("true", "0", "80")


def test_facts_can_be_reported_for_a_name_that_says_nothing() -> None:
    options = {"family": "gpt-image-1.5", "facts": {"sizes": ["512x512"], "rates": {**dict.fromkeys(RATES, 1.0)}}}

    facts = facts_of("our-deployment", options)

    assert (facts.sizes, facts.input_fidelity) == (("512x512",), "high")
    assert cost_of({"usage": USAGE}, facts, {}) == pytest.approx(4210e-6)


def test_seventeen_pictures_are_not_sent() -> None:
    refusal = encode(asked("gpt-image-2", references=references(17)))

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.BAD_INPUT
    assert "16" in refusal.reason


def test_azures_deployments_stand_in_the_path() -> None:
    options = {"api_version": "2026-01-01"}

    assert encoded("my image/2", "azure-deployments").path == (
        "openai/deployments/my%20image%2F2/images/generations?api-version=2025-04-01-preview"
    )
    assert encoded("d", "azure-deployments", references=references(1), options=options).path == (
        "openai/deployments/d/images/edits?api-version=2026-01-01"
    )
    assert encoded("d", "azure").path == "images/generations"


@pytest.mark.parametrize("dialect", ["sglang", "vllm-omni"])
def test_ones_own_engine_is_reported_what_it_knows(dialect: str) -> None:
    options = {"num_inference_steps": 20, "quality": "high", "moderation": "low", "stream": True}

    assert sent(encoded("black-forest-labs/FLUX.1-dev", dialect, options=options, aspect_ratio="3:2")) == {
        "model": "black-forest-labs/FLUX.1-dev",
        "prompt": "a red fox",
        "size": "1248x832",
        "seed": 7,
        "response_format": "b64_json",
        "num_inference_steps": 20,
    }
    assert sent(encoded("m", dialect))["size"] == "1024x1024"
    edit = sent(encoded("gpt-image-1.5", dialect, references=references(1)))
    assert not {"size", "input_fidelity"} & edit.keys()
    assert edit["response_format"] == "b64_json"


def test_an_engine_that_takes_a_list_for_a_batch_gets_one_picture() -> None:
    refusal = encode(asked("m", "vllm-omni", references=references(2)))

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.BAD_INPUT


# --- decode -----------------------------------------------------------------------------------------------------------


def test_the_picture_comes_with_what_served_it_and_what_it_cost() -> None:
    body = {"data": [{"b64_json": PICTURE}], "usage": USAGE, "size": "1024x1024", "quality": "high"}

    outcome = decode(answer(body | {"output_format": "webp"}, headers={"X-Request-Id": "req_1"}), asked())

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/answer-1")
    assert outcome.served_by == {
        "provider": "openai",
        "model": "gpt-image-2",
        "generative": True,
        "size": "1024x1024",
        "quality": "high",
        "request_id": "req_1",
    }
    assert outcome.cost_usd == pytest.approx((10 * 5 + 40 * 8 + 4160 * 30) / 1e6)


@pytest.mark.parametrize(
    ("upstream", "body", "usd"),
    [
        ("gpt-image-1.5", {"usage": USAGE}, (10 * 5 + 40 * 8 + 4160 * 32) / 1e6),
        ("gpt-image-2.6-flare", {"usage": {"input_tokens": 50, "output_tokens": 100}}, (50 * 5 + 100 * 30) / 1e6),
        ("gpt-image-2", {"quality": "medium", "size": "1024x1024"}, 0.053),
        ("gpt-image-2", {"quality": "high", "size": "1536x1024"}, 0.165),
        ("gpt-image-2", {"quality": "high", "size": "3840x2160"}, 0.401),
        ("gpt-image-2", {"quality": "low", "size": "2048x1024"}, None),
        ("gpt-image-1.5", {"quality": "high", "size": "1536x1024"}, 0.133 * 1.5),
        ("gpt-image-2.5-flare", {"quality": "medium"}, 0.01317),
        ("gpt-image-2.6-sunburst", {"quality": "max", "size": "1024x1024"}, 0.21072),
        ("gpt-image-2.5-flare", {"quality": "auto", "usage": {"input_tokens": None}}, None),
        ("gpt-image-1-mini", {"usage": USAGE}, (10 * 2 + 40 * 2.5 + 4160 * 8) / 1e6),
        ("gpt-image-9", {"usage": USAGE}, None),
    ],
)
def test_tokens_are_priced_before_pictures(upstream: str, body: dict[str, Any], usd: float | None) -> None:
    assert cost_of(body, facts_of(upstream, {}), {}) == (None if usd is None else pytest.approx(usd))


def test_the_quality_asked_for_prices_an_answer_that_tells_none() -> None:
    assert cost_of({}, facts_of("gpt-image-2", {}), {"quality": "high"}) == 0.211


@pytest.mark.parametrize("kind", ["image_generation.completed", "image_edit.completed"])
def test_the_final_event_of_a_stream_has_the_picture(kind: str) -> None:
    draft = {"type": kind.replace("completed", "partial_image"), "b64_json": {"$file": "/nowhere/draft"}}
    end = {"type": kind, "b64_json": PICTURE, "usage": USAGE}

    outcome = decode(answer([draft, "strange", end]), asked())

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/answer-1")
    assert outcome.cost_usd is not None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "moderation_blocked", "type": "image_generation_user_error"}, FailureKind.CONTENT_POLICY),
        ({"code": "invalid_value", "type": "invalid_request_error", "message": "no"}, FailureKind.BAD_INPUT),
        ({"code": "server_error", "type": "server_error"}, FailureKind.TRANSIENT),
    ],
)
def test_a_stream_may_end_in_an_error(error: dict[str, Any], kind: FailureKind) -> None:
    assert failed(answer([{"type": "error", "error": error}])).kind is kind


def test_a_stream_without_a_final_event_has_an_unknown_outcome() -> None:
    draft = {"type": "image_generation.partial_image", "b64_json": PICTURE}

    assert failed(answer([draft])).kind is FailureKind.UNKNOWN_OUTCOME
    assert failed(answer([])).kind is FailureKind.UNKNOWN_OUTCOME


def test_no_picture_is_no_image() -> None:
    assert failed(answer({"data": [], "usage": {}})).kind is FailureKind.NO_IMAGE


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        {},
        {"data": None},
        {"data": [{}]},
        {"data": [{"b64_json": None}]},
        {"data": [{"b64_json": "", "url": ""}]},
        {"data": [{"url": "not a link"}]},
        {"data": [{"image_id": "img_1"}]},
        {"choices": [{"message": {"content": "https://cdn.example/secret"}}]},
    ],
)
def test_a_picture_in_an_unknown_form_is_paid_and_not_bought_again(body: Any) -> None:
    failure = failed(answer(body))

    assert (failure.kind, failure.charged) == (FailureKind.UNSUPPORTED_OUTPUT, True)
    assert RETRIES[failure.kind] == 0
    assert "cdn.example" not in f"{failure.reason}{failure.detail}"
    assert not failed(answer(body), "sglang").charged


def test_text_in_place_of_base64_is_a_paid_bad_output() -> None:
    failure = failed(answer({"data": [{"b64_json": "c2hvcnQ="}]}))

    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"b64_json": "", "url": "https://cdn.example/1.png?sig=a"}]},
        {"data": [{"b64_json": None, "url": "https://cdn.example/1.png?sig=a"}]},
        {"data": [{"b64_json": "https://cdn.example/1.png?sig=a"}]},
        {"images": [{"url": "https://cdn.example/1.png?sig=a"}]},
        {"choices": [{"message": {"content": 'Done: ![a "fox"](https://cdn.example/1.png?sig=a "title")'}}]},
        {"data": [{"url": "https://cdn.example/1.png?sig=a"}], "error": None},
    ],
)
def test_a_link_in_place_of_the_picture_is_taken(body: Any) -> None:
    outcome = decode(answer(body), asked())

    assert isinstance(outcome, LinkedImage)
    assert outcome.link == "https://cdn.example/1.png?sig=a"
    assert outcome.served_by["model"] == "gpt-image-2"


def test_a_picture_in_the_text_of_a_chat_is_taken() -> None:
    outcome = decode(answer({"choices": [{"message": {"content": PICTURE}}]}), asked())

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/answer-1")


def test_a_data_url_in_the_field_url_is_taken() -> None:
    outcome = decode(answer({"data": [{"b64_json": "", "url": PICTURE}]}), asked())

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/answer-1")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "worker died"}, FailureKind.TRANSIENT),
        ({"detail": "worker died"}, FailureKind.TRANSIENT),
        ({"success": False, "message": "worker died"}, FailureKind.TRANSIENT),
        ({"code": 503, "message": "worker died", "data": None}, FailureKind.TRANSIENT),
        ({"error": {"message": "worker died", "type": "new_api_error", "code": 401}}, FailureKind.AUTH),
        ({"error": {"message": "worker died", "type": "authentication_error"}}, FailureKind.AUTH),
        ({"error": {"message": "worker died", "type": "rate_limit_error"}}, FailureKind.RATE_LIMITED),
        ({"error": {"message": "worker died", "code": "insufficient_quota"}}, FailureKind.QUOTA_EXHAUSTED),
        ({"error": {"message": "worker died", "type": "invalid_request_error"}}, FailureKind.BAD_INPUT),
        ({"error": {"message": "worker died", "status": 524}}, FailureKind.UNKNOWN_OUTCOME),
    ],
)
def test_an_error_inside_a_200_has_its_kind_and_its_words(body: Any, kind: FailureKind) -> None:
    failure = failed(answer(body))

    assert (failure.kind, failure.charged) == (kind, False)
    assert "worker died" in failure.reason


@pytest.mark.parametrize("usage", [{"output_tokens": 7}, {"completion_tokens": 7}])
@pytest.mark.parametrize("body", [{"data": []}, {"error": {"code": "moderation_blocked"}}])
def test_an_answer_that_reports_output_tokens_was_paid_for(body: dict[str, Any], usage: dict[str, Any]) -> None:
    assert failed(answer({**body, "usage": usage})).charged
    assert not failed(answer({**body, "usage": {}})).charged
    assert not failed(answer({**body, "usage": usage}), "sglang").charged


def refusal(code: str | None = None, kind: str = "invalid_request_error", message: str = "no", **more: Any) -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (400, refusal("moderation_blocked", "image_generation_user_error"), FailureKind.CONTENT_POLICY, None),
        (
            400,
            refusal("moderation_blocked", moderation_details={"moderation_stage": "input", "categories": ["x"]}),
            FailureKind.CONTENT_POLICY,
            Stage.INPUT,
        ),
        (
            400,
            refusal("moderation_blocked", moderation_details={"moderation_stage": "output"}),
            FailureKind.CONTENT_POLICY,
            Stage.OUTPUT,
        ),
        (
            400,
            refusal("moderation_blocked", moderation_details={"moderation_stage": "unknown"}),
            FailureKind.CONTENT_POLICY,
            None,
        ),
        (400, refusal(message="rejected. safety_violations=[sexual]."), FailureKind.CONTENT_POLICY, None),
        (400, refusal("content_policy_violation"), FailureKind.CONTENT_POLICY, None),
        (400, refusal("image_content_policy_violation"), FailureKind.CONTENT_POLICY, None),
        (400, refusal("contentFilter"), FailureKind.CONTENT_POLICY, None),
        (400, refusal(None, inner_error={"code": "ResponsibleAIPolicyViolation"}), FailureKind.CONTENT_POLICY, None),
        (400, refusal(None, innererror={"code": "ResponsibleAIPolicyViolation"}), FailureKind.CONTENT_POLICY, None),
        (400, refusal("invalid_value"), FailureKind.BAD_INPUT, None),
        (400, refusal("unknown_parameter"), FailureKind.BAD_INPUT, None),
        (400, refusal("invalid_image_file"), FailureKind.BAD_INPUT, None),
        (400, refusal("image_too_large"), FailureKind.BAD_INPUT, None),
        (413, None, FailureKind.BAD_INPUT, None),
        (400, refusal("billing_hard_limit_reached"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("billing_hard_limit_reached"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("insufficient_quota"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal(None, "insufficient_quota"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("credit_balance_exhausted"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("organization_spend_limit_exceeded"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("project_spend_limit_exceeded"), FailureKind.QUOTA_EXHAUSTED, None),
        (429, refusal("organization_usage_limit_exceeded"), FailureKind.QUOTA_EXHAUSTED, None),
        (401, refusal("invalid_api_key"), FailureKind.AUTH, None),
        (403, refusal(message="Your organization must be verified to use the model."), FailureKind.AUTH, None),
        (404, refusal("model_not_found"), FailureKind.MODEL_UNAVAILABLE, None),
        (400, refusal("model_not_found"), FailureKind.MODEL_UNAVAILABLE, None),
        (404, refusal("DeploymentNotFound"), FailureKind.MODEL_UNAVAILABLE, None),
        (404, None, FailureKind.MODEL_UNAVAILABLE, None),
        (400, {"detail": "Model mismatch: asked 'a', serves 'b'."}, FailureKind.MODEL_UNAVAILABLE, None),
        (429, refusal("rate_limit_exceeded", "input-images"), FailureKind.RATE_LIMITED, None),
        (429, None, FailureKind.RATE_LIMITED, None),
        (408, None, FailureKind.TRANSIENT, None),
        (409, None, FailureKind.TRANSIENT, None),
        (500, refusal("server_error", "server_error"), FailureKind.TRANSIENT, None),
        (502, None, FailureKind.UNKNOWN_OUTCOME, None),
        (503, refusal("server_is_overloaded", "server_error"), FailureKind.TRANSIENT, None),
        (503, {"error": "a worker died"}, FailureKind.TRANSIENT, None),
        (504, None, FailureKind.UNKNOWN_OUTCOME, None),
        (422, {"detail": [{"loc": ["body", "size"], "msg": "bad size", "type": "x"}]}, FailureKind.BAD_INPUT, None),
        (400, {"detail": "url needs storage"}, FailureKind.BAD_INPUT, None),
        (302, None, FailureKind.MODEL_UNAVAILABLE, None),
        (400, {"error": {"code": 7, "message": ["odd"]}}, FailureKind.BAD_INPUT, None),
        (400, ["odd"], FailureKind.BAD_INPUT, None),
    ],
)
def test_every_refusal_has_its_kind(status: int, body: Any, kind: FailureKind, stage: Stage | None) -> None:
    failure = failed(answer(body, status, {"x-request-id": "req_9"}))

    assert (failure.kind, failure.stage, failure.charged) == (kind, stage, False)
    assert failure.detail is not None
    assert failure.detail.startswith(f"HTTP {status} (req_9)")


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"retry-after": "30"}, "Please try again in 12s.", 30.0),
        ({"retry-after-ms": "1500"}, "no", 1.5),
        ({}, "Limit 5, Used 5, Requested 1. Please try again in 12.5s.", 12.5),
        ({}, "Please try again in 250ms.", 0.25),
        ({}, "no", 12.0),
    ],
)
def test_a_limit_says_how_long_to_wait(headers: dict[str, str], message: str, wait_s: float) -> None:
    failure = failed(answer(refusal("rate_limit_exceeded", "requests", message), 429, headers))

    assert failure.retry_after_s == wait_s


def test_what_was_said_is_passed_on_without_the_key() -> None:
    failure = failed(answer(refusal("invalid_api_key", message=f"Incorrect API key provided: {KEY}."), 401))

    assert KEY not in f"{failure.reason}{failure.detail}"
    assert "Incorrect API key" in failure.reason


FIELDS = st.sampled_from(
    ["data", "b64_json", "url", "error", "code", "type", "message", "usage", "detail", "inner_error"]
)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda i: st.lists(i) | st.dictionaries(FIELDS, i)))
def test_no_answer_whatsoever_raises(body: Any) -> None:
    for status in (200, 400, 429, 500):
        assert isinstance(decode(answer(body, status), asked()), Failure)


# --- submit -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as opened:
        yield opened


def ordered(tmp_path: Path, **facts: Any) -> GenerationRequest:
    return order(tmp_path, "gpt-image-2", **facts)


async def submitted(base: str, placed: GenerationRequest, **options: Any) -> Any:
    provider = OpenAiProvider(VendorAccount(base, KEY, options))
    try:
        return await provider.submit(placed, lambda _: None)
    finally:
        await provider.close()


async def test_the_key_and_the_account_go_in_headers(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/v1/images/generations", Reply({"data": []}))

    await submitted(f"{server.url}/v1", ordered(tmp_path), organization="org-1", project="proj-1")

    headers = server.received[0].headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("org-1", "proj-1")


async def test_the_routes_options_go_before_the_accounts(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/images/generations", Reply({"data": []}))

    await submitted(server.url, ordered(tmp_path, options={"quality": "low"}), quality="high", background="opaque")

    assert server.received[0].body["quality"] == "low"
    assert server.received[0].body["background"] == "opaque"


async def test_a_cut_call_has_an_unknown_outcome(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/images/generations", HANG_UP)

    failure = await submitted(server.url, ordered(tmp_path))

    assert failure.kind is FailureKind.UNKNOWN_OUTCOME


async def test_nobody_there_is_a_passing_trouble(tmp_path: Path) -> None:
    failure = await submitted(unreachable_url(), ordered(tmp_path))

    assert failure.kind is FailureKind.TRANSIENT


async def test_a_damaged_picture_was_paid_for(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/images/generations", Reply({"data": [{"b64_json": "A" * 5001}]}))

    failure = await submitted(server.url, ordered(tmp_path))

    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)


async def test_too_many_pictures_are_not_even_sent(server: FakeVendor, tmp_path: Path) -> None:
    picture = image_file(tmp_path / "a.png", (8, 8))

    failure = await submitted(server.url, ordered(tmp_path, references=(picture,) * 17))

    assert failure.kind is FailureKind.BAD_INPUT
    assert server.received == []


async def test_a_link_is_the_handle_of_a_paid_job_and_is_fetched_by_a_poll(server: FakeVendor, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "a.png")
    image = (tmp_path / "a.png").read_bytes()
    server.reply("/images/generations", Reply({"data": [{"b64_json": "", "url": f"{server.url}/1.png"}]}))
    server.reply("/1.png", Reply(b"<Error/>", 404), Reply(b"<Error/>", 404), Reply(image))
    provider = OpenAiProvider(VendorAccount(server.url, KEY), now=lambda: 1000.0)

    accepted = await provider.submit(ordered(tmp_path), lambda _: None)
    assert isinstance(accepted, Accepted)
    pending = await provider.poll(json.loads(json.dumps(accepted.handle)), ordered(tmp_path))
    delivered = await provider.poll(json.loads(json.dumps(accepted.handle)), ordered(tmp_path))
    await provider.close()

    assert isinstance(pending, Pending)
    assert isinstance(delivered, Delivered)
    assert content_of(delivered) == image
    assert "Authorization" not in server.received[-1].headers
    assert [each.method for each in server.received] == ["POST", "GET", "GET", "GET"]


async def test_a_link_that_stays_dead_is_a_paid_bad_output(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/1.png", Reply(b"<Error/>", 404))
    handle = {"link": f"{server.url}/1.png", "since": 0.0, "served_by": {}, "cost_usd": None}

    for dialect, charged in (("openai", True), ("sglang", False)):
        provider = OpenAiProvider(VendorAccount(server.url, KEY, {"dialect": dialect}), now=lambda: 1000.0)
        failure = await provider.poll(handle, ordered(tmp_path))
        await provider.close()

        assert isinstance(failure, Failure)
        assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, charged)


async def test_there_is_nothing_to_ask_after(tmp_path: Path) -> None:
    provider = OpenAiProvider(VendorAccount("https://api.openai.com/v1", KEY))

    failure = await provider.poll({}, ordered(tmp_path))

    assert isinstance(failure, Failure)
    assert not provider.resumable
    assert not provider.free


def test_a_dialect_nobody_speaks_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="'klingon' is none of openai"):
        OpenAiProvider(VendorAccount("https://x.example", KEY, {"dialect": "klingon"}))


async def test_an_answer_that_is_too_large_is_paid_and_not_bought_again(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/images/generations", Reply({"choices": [{"message": {"content": "![a](" + "é" * (1 << 20)}}]}))

    failure = await submitted(server.url, ordered(tmp_path))

    assert (failure.kind, failure.charged) == (FailureKind.UNSUPPORTED_OUTPUT, True)
