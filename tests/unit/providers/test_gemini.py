import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fakes import content_of
from limner.domain.routing.failure import RETRIES, Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, VendorAccount
from limner.providers._http import LinkedImage, VendorResponse, file_as_base64
from limner.providers.gemini import GeminiProvider
from limner.providers.gemini.answer import decode
from limner.providers.gemini.models import facts_of
from limner.providers.gemini.prices import cost_of
from limner.providers.gemini.request import GeminiCall, encode
from unit.providers.fake_vendor import HANG_UP, FakeVendor, Reply, fake_vendor, order, references, unreachable_url

KEY = "AIzaSyPretendedSecretKey"
UPSTREAM = "gemini-3-pro-image"


def encoded(upstream: str = UPSTREAM, options: dict[str, Any] | None = None, **facts: Any) -> GeminiCall:
    call = encode(order(upstream=upstream, **facts), options or {})
    assert isinstance(call, GeminiCall)
    return call


def image_config(upstream: str, options: dict[str, Any] | None = None, **facts: Any) -> Any:
    return encoded(upstream, options, **facts).json["generationConfig"].get("imageConfig")


def answer(body: Any = None, status: int = 200) -> VendorResponse:
    return VendorResponse(status, {}, body, json.dumps(body))


def decoded(body: Any, status: int = 200) -> Any:
    return decode(answer(body, status), order(upstream=UPSTREAM), {})


def picture(name: str, **part: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": {"$file": f"/nowhere/{name}"}}, **part}


def candidate(*parts: Any, **facts: Any) -> dict[str, Any]:
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": list(parts)}, **facts}]}


# --- encode -----------------------------------------------------------------------------------------------------------


def test_each_picture_follows_its_label_and_the_prompt_comes_last() -> None:
    pictures = references(2)

    call = encoded("gemini-3.1-flash-image", references=pictures, aspect_ratio="16:9")

    assert call == GeminiCall(
        "v1beta/models/gemini-3.1-flash-image:generateContent",
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"text": "Image 1:"},
                        {"inlineData": {"mimeType": "image/png", "data": file_as_base64(pictures[0].path)}},
                        {"text": "Image 2:"},
                        {"inlineData": {"mimeType": "image/png", "data": file_as_base64(pictures[1].path)}},
                        {"text": "a red fox"},
                    ],
                }
            ],
            "generationConfig": {
                "responseModalities": ["IMAGE"],
                "candidateCount": 1,
                "seed": 7,
                "imageConfig": {"aspectRatio": "16:9"},
            },
        },
    )


@pytest.mark.parametrize(
    ("upstream", "wanted", "shape"),
    [
        ("gemini-2.5-flash-image", "8:1", "21:9"),
        ("gemini-3.1-flash-image", "8:1", "8:1"),
        ("gemini-3-pro-image", "2:1", "16:9"),
        ("gemini-nano-banana-9", "1:8", "9:16"),
    ],
)
def test_the_nearest_shape_that_a_model_has_is_asked_for(upstream: str, wanted: str, shape: str) -> None:
    assert image_config(upstream, aspect_ratio=wanted) == {"aspectRatio": shape}


@pytest.mark.parametrize(
    ("pictures", "own", "config"),
    [
        (2, 1, {"aspectRatio": "16:9"}),  # a template's picture, which travels last, must not decide the shape
        (3, 3, {"aspectRatio": "16:9"}),
        (1, 1, None),
        (1, 0, None),
        (2, 0, None),
    ],
)
def test_where_nobody_asks_the_first_of_several_pictures_decides_the_shape(
    pictures: int, own: int, config: dict[str, str] | None
) -> None:
    given = references(pictures, width=1600, height=900)

    assert image_config(UPSTREAM, references=given, own_references=own) == config


def test_a_thinking_level_is_sent_where_a_model_thinks() -> None:
    call = encoded("gemini-nano-banana-2.1", {"thinking_level": "high"})

    assert call.json["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "high"}


@pytest.mark.parametrize("upstream", ["gemini-2.5-flash-image", "gemini-3.1-flash-lite-image"])
def test_a_thinking_level_for_a_model_without_is_refused(upstream: str) -> None:
    refusal = encode(order(upstream=upstream), {"thinking_level": "high"})

    assert isinstance(refusal, Failure)
    assert refusal.reason == f"the route sets thinking_level for {upstream}, which takes none"


def test_nothing_is_said_about_shapes_where_nobody_asks() -> None:
    assert image_config(UPSTREAM) is None


@pytest.mark.parametrize(
    ("upstream", "size"),
    [("gemini-3-pro-image", "4K"), ("gemini-3.1-flash-image", "512"), ("gemini-3-pro-image", "1K")],
)
def test_a_size_is_sent_where_a_model_has_it(upstream: str, size: str) -> None:
    assert image_config(upstream, {"image_size": size}) == {"imageSize": size}


@pytest.mark.parametrize(
    ("upstream", "size"), [("gemini-2.5-flash-image", "1K"), ("gemini-3-pro-image", "512"), ("gemini-x", "2K")]
)
def test_a_size_that_a_model_lacks_is_not_dropped_in_silence(upstream: str, size: str) -> None:
    refusal = encode(order(upstream=upstream), {"image_size": size})

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.BAD_INPUT
    assert size in refusal.reason


@pytest.mark.parametrize(
    ("upstream", "most"), [("gemini-2.5-flash-image", 10), ("gemini-3-pro-image", 14), ("gemini-3.1-flash-image", 14)]
)
def test_more_pictures_than_a_model_reads_are_not_sent(upstream: str, most: int) -> None:
    assert isinstance(encode(order(upstream=upstream, references=references(most)), {}), GeminiCall)
    assert isinstance(encode(order(upstream=upstream, references=references(most + 1)), {}), Failure)


def test_options_reach_where_they_belong() -> None:
    settings = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "BLOCK_ONLY_HIGH"}]
    options = {"api_version": "v1", "safety_settings": settings, "family": "gemini-3.1-flash-image"}

    call = encoded("models/tuned one", {**options, "facts": {"sizes": ["8K"]}, "image_size": "8K"}, aspect_ratio="1:8")

    assert call.path == "v1/models/tuned%20one:generateContent"
    assert call.json["safetySettings"] == settings
    assert call.json["generationConfig"]["imageConfig"] == {"aspectRatio": "1:8", "imageSize": "8K"}


@given(st.integers(0, 2**64))
def test_the_seed_fits_their_field(seed: int) -> None:
    assert 0 <= encoded(seed=seed).json["generationConfig"]["seed"] < 2**31


# --- decode -----------------------------------------------------------------------------------------------------------


def test_the_last_picture_that_is_no_thought_counts() -> None:
    parts = (
        {"text": "hm", "thought": True},
        picture("draft", thought=True),
        picture("first"),
        {"text": "Here it is."},
        picture("last", thoughtSignature="x"),
        picture("afterthought", thought=True),
    )
    body = candidate(*parts, finishReason="STOP") | {"modelVersion": "gemini-3-pro-image-001", "responseId": "r-1"}

    outcome = decoded(body | {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1120}})

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/last")
    assert outcome.cost_usd == pytest.approx(0.1344 + 9 * 2e-6)
    assert outcome.served_by == {
        "provider": "gemini",
        "model": UPSTREAM,
        "generative": True,
        "model_version": "gemini-3-pro-image-001",
        "response_id": "r-1",
    }


def test_the_other_spelling_is_read_too() -> None:
    body = candidate(
        {"inline_data": {"mime_type": "image/jpeg", "data": {"$file": "/nowhere/a"}}}, finish_reason="STOP"
    )

    outcome = decoded(body | {"usage_metadata": {"candidates_token_count": 1000}, "model_version": "m"})

    assert outcome.picture.source == Path("/nowhere/a")
    assert outcome.cost_usd == pytest.approx(0.12)
    assert outcome.served_by["model_version"] == "m"


def test_a_picture_counts_whatever_the_reason_to_finish() -> None:
    assert isinstance(decoded(candidate(picture("a"), finishReason="OTHER")), Delivered)


@pytest.mark.parametrize(
    ("upstream", "options", "usd"),
    [
        ("gemini-2.5-flash-image", {}, 0.039),
        ("gemini-3-pro-image", {}, 0.134),
        ("gemini-3-pro-image", {"image_size": "2K"}, 0.134),
        ("gemini-3-pro-image", {"image_size": "4K"}, 0.24),
        ("gemini-3.1-flash-image", {"image_size": "2K"}, 0.1008),
        ("gemini-3.1-flash-lite-image", {}, 0.0336),
        ("gemini-nano-banana-2.1", {"image_size": "4K"}, 0.1134),
        ("gemini-3.1-flash-image", {}, 0.067),
        ("gemini-3.1-flash-image", {"image_size": "512"}, 0.045),
        ("gemini-x", {}, None),
    ],
)
def test_without_tokens_the_size_is_priced(upstream: str, options: dict[str, Any], usd: float | None) -> None:
    assert cost_of({"usageMetadata": {"promptTokenCount": 3}}, facts_of(upstream, options), options) == usd


def test_input_words_and_thoughts_are_counted_at_their_own_rates() -> None:
    usage = {
        "promptTokenCount": 11_220,  # ten pictures of 1120 tokens, and 20 of words
        "candidatesTokenCount": 1132,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}, {"modality": "TEXT", "tokenCount": 12}],
        "thoughtsTokenCount": 400,
    }
    facts = facts_of("gemini-nano-banana-2.1", {})

    assert cost_of({"usageMetadata": usage}, facts, {}) == pytest.approx(0.0336 + 0.01683 + 0.00309)


def test_a_pictures_tokens_cost_what_the_list_says() -> None:
    usage = {"usageMetadata": {"candidatesTokenCount": 1290}}

    assert cost_of(usage, facts_of("gemini-2.5-flash-image", {}), {}) == pytest.approx(0.039, rel=0.01)


@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"]
)
@pytest.mark.parametrize("names", [("promptFeedback", "blockReason"), ("prompt_feedback", "block_reason")])
def test_a_blocked_prompt_is_the_inputs_fault(reason: str, names: tuple[str, str]) -> None:
    outcome = decoded({names[0]: {names[1]: reason}, "candidates": []})

    assert (outcome.kind, outcome.stage) == (FailureKind.CONTENT_POLICY, Stage.INPUT)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    "body", [{}, {"promptFeedback": {}}, {"promptFeedback": {"blockReason": "NEW"}}, {"candidates": [7]}]
)
def test_no_candidate_for_no_known_reason_is_no_image(body: Any) -> None:
    assert decoded(body).kind is FailureKind.NO_IMAGE


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("SAFETY", FailureKind.CONTENT_POLICY),
        ("IMAGE_SAFETY", FailureKind.CONTENT_POLICY),
        ("PROHIBITED_CONTENT", FailureKind.CONTENT_POLICY),
        ("IMAGE_PROHIBITED_CONTENT", FailureKind.CONTENT_POLICY),
        ("RECITATION", FailureKind.CONTENT_POLICY),
        ("IMAGE_RECITATION", FailureKind.CONTENT_POLICY),
        ("BLOCKLIST", FailureKind.CONTENT_POLICY),
        ("SPII", FailureKind.CONTENT_POLICY),
        ("MODEL_ARMOR", FailureKind.CONTENT_POLICY),
        ("ESCALATION", FailureKind.CONTENT_POLICY),
        ("PUP_LIMITED_DISABLED", FailureKind.AUTH),
        ("NO_IMAGE", FailureKind.NO_IMAGE),
        ("IMAGE_OTHER", FailureKind.NO_IMAGE),
        ("OTHER", FailureKind.NO_IMAGE),
        ("MALFORMED_RESPONSE", FailureKind.NO_IMAGE),
        ("STOP", FailureKind.NO_IMAGE),
        ("MAX_TOKENS", FailureKind.BAD_INPUT),
        ("LANGUAGE", FailureKind.BAD_INPUT),
        ("CONTINUATION", FailureKind.BAD_INPUT),
        ("UNKNOWN_REASON", FailureKind.NO_IMAGE),
        (None, FailureKind.NO_IMAGE),
    ],
)
def test_every_reason_to_finish_without_a_picture_has_its_kind(reason: str | None, kind: FailureKind) -> None:
    outcome = decoded(candidate({"text": "sorry"}, finishReason=reason))

    assert outcome.kind is kind
    assert outcome.stage is (Stage.OUTPUT if kind is FailureKind.CONTENT_POLICY else None)
    assert outcome.reason.endswith("sorry")


def test_the_message_to_the_reason_is_reported_first() -> None:
    outcome = decoded(
        candidate({"text": "hm", "thought": True}, finishReason="IMAGE_SAFETY", finishMessage="Too bold.")
    )

    assert outcome.reason.endswith("Too bold.")


def test_a_thought_is_no_picture() -> None:
    assert decoded(candidate(picture("draft", thought=True), finishReason="STOP")).kind is FailureKind.NO_IMAGE


def test_text_in_place_of_base64_is_a_paid_bad_output() -> None:
    outcome = decoded(candidate({"inlineData": {"mimeType": "image/png", "data": "c2hv"}}))

    assert (outcome.kind, outcome.charged) == (FailureKind.BAD_OUTPUT, True)


@pytest.mark.parametrize("body", [None, [], "text", {"result": "ok"}])
def test_an_answer_in_an_unknown_form_is_paid_and_not_bought_again(body: Any) -> None:
    outcome = decoded(body)

    assert (outcome.kind, outcome.charged) == (FailureKind.UNSUPPORTED_OUTPUT, True)
    assert RETRIES[outcome.kind] == 0


@pytest.mark.parametrize(
    "part",
    [
        {"fileData": {"mimeType": "image/png", "fileUri": "https://cdn.example/1.png"}},
        {"file_data": {"mime_type": "image/png", "file_uri": "https://cdn.example/1.png"}},
        {"inlineData": {"mimeType": "image/png", "data": "https://cdn.example/1.png"}},
        {"text": "Here you are:\n\n![fox](https://cdn.example/1.png)"},
    ],
)
def test_a_link_in_place_of_the_picture_is_taken(part: dict[str, Any]) -> None:
    outcome = decoded(candidate({"text": "A fox."}, part, finishReason="STOP"))

    assert isinstance(outcome, LinkedImage)
    assert outcome.link == "https://cdn.example/1.png"


def test_a_data_url_as_the_text_of_a_part_is_taken() -> None:
    outcome = decoded(candidate({"text": {"$file": "/nowhere/a"}}, finishReason="STOP"))

    assert isinstance(outcome, Delivered)
    assert outcome.picture.source == Path("/nowhere/a")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, FailureKind.RATE_LIMITED),
        ({"status": "PERMISSION_DENIED"}, FailureKind.AUTH),
        ({"status": "NOT_FOUND"}, FailureKind.MODEL_UNAVAILABLE),
        ({"code": 400, "status": "INVALID_ARGUMENT"}, FailureKind.BAD_INPUT),
        ({"code": "upstream_error"}, FailureKind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("in_a_list", [False, True])
def test_an_error_inside_a_200_has_its_kind_and_its_words(
    error: dict[str, Any], kind: FailureKind, *, in_a_list: bool
) -> None:
    body = {"error": {**error, "message": "The relay said no."}}

    outcome = decoded([body] if in_a_list else body)

    assert (outcome.kind, outcome.charged) == (kind, False)
    assert "The relay said no." in outcome.reason


@pytest.mark.parametrize("finish", ["STOP", "NO_IMAGE", "IMAGE_SAFETY", "MAX_TOKENS"])
def test_an_answer_that_reports_output_tokens_was_paid_for(finish: str) -> None:
    words = candidate({"text": "I can only describe it."}, finishReason=finish)

    assert decoded({**words, "usageMetadata": {"candidatesTokenCount": 12}}).charged
    assert not decoded({**words, "usageMetadata": {"promptTokenCount": 12}}).charged


async def test_a_link_is_the_handle_of_a_paid_job_and_is_fetched_by_a_poll(server: FakeVendor, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "a.png")
    image = (tmp_path / "a.png").read_bytes()
    part = {"fileData": {"mimeType": "image/png", "fileUri": f"{server.url}/1.png"}}
    server.reply(f"/v1beta/models/{UPSTREAM}:generateContent", Reply(candidate(part, finishReason="STOP")))
    server.reply("/1.png", Reply(image))
    provider = GeminiProvider(VendorAccount(server.url, KEY), now=lambda: 1000.0)

    asked = order(tmp_path, upstream=UPSTREAM)
    accepted = await provider.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    delivered = await provider.poll(json.loads(json.dumps(accepted.handle)), asked)
    await provider.close()

    assert isinstance(delivered, Delivered)
    assert content_of(delivered) == image
    assert "x-goog-api-key" not in server.received[-1].headers


def refusal(code: int, status: str, message: str = "no", *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "14s"}


def quota(name: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]}


@pytest.mark.parametrize(
    ("body", "kind", "wait_s"),
    [
        (refusal(400, "INVALID_ARGUMENT", "bad key", {"reason": "API_KEY_INVALID"}), FailureKind.AUTH, None),
        (refusal(401, "UNAUTHENTICATED"), FailureKind.AUTH, None),
        (refusal(403, "PERMISSION_DENIED"), FailureKind.AUTH, None),
        (refusal(400, "INVALID_ARGUMENT"), FailureKind.BAD_INPUT, None),
        (refusal(400, "INVALID_ARGUMENT", "bad", {"reason": "OTHER"}), FailureKind.BAD_INPUT, None),
        (refusal(400, "FAILED_PRECONDITION", "Please enable Billing"), FailureKind.QUOTA_EXHAUSTED, None),
        (refusal(400, "FAILED_PRECONDITION", "User location is not supported"), FailureKind.AUTH, None),
        (refusal(400, "FAILED_PRECONDITION", "else"), FailureKind.BAD_INPUT, None),
        (
            refusal(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
            FailureKind.MODEL_UNAVAILABLE,
            None,
        ),
        (
            refusal(429, "RESOURCE_EXHAUSTED", "no", quota("GenerateRequestsPerDayPerProjectPerModel"), RETRY),
            FailureKind.QUOTA_EXHAUSTED,
            None,
        ),
        (refusal(429, "RESOURCE_EXHAUSTED", "metric: requests, limit: 0"), FailureKind.QUOTA_EXHAUSTED, None),
        (
            refusal(429, "RESOURCE_EXHAUSTED", "limit: 05", quota("GenerateRequestsPerMinutePerProject"), RETRY),
            FailureKind.RATE_LIMITED,
            14.0,
        ),
        (refusal(429, "RESOURCE_EXHAUSTED", "Please retry in 3.5s."), FailureKind.RATE_LIMITED, 3.5),
        (refusal(429, "RESOURCE_EXHAUSTED"), FailureKind.RATE_LIMITED, 5.0),
        (refusal(500, "INTERNAL"), FailureKind.TRANSIENT, None),
        (refusal(503, "UNAVAILABLE", "The model is overloaded."), FailureKind.TRANSIENT, None),
        (refusal(504, "DEADLINE_EXCEEDED"), FailureKind.TRANSIENT, None),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_every_error_has_its_kind(body: Any, kind: FailureKind, wait_s: float | None, *, listed: bool) -> None:
    outcome = decoded([body] if listed else body, body["error"]["code"])

    assert (outcome.kind, outcome.retry_after_s, outcome.charged) == (kind, wait_s, False)
    assert outcome.detail.startswith(f"HTTP {body['error']['code']}")


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 502])
def test_an_error_without_a_body_has_its_statuss_kind(status: int) -> None:
    assert isinstance(decoded(None, status), Failure)


FIELDS = st.sampled_from(
    [
        "candidates",
        "content",
        "parts",
        "inlineData",
        "data",
        "text",
        "promptFeedback",
        "blockReason",
        "finishReason",
        "error",
        "details",
        "violations",
    ]
)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda i: st.lists(i) | st.dictionaries(FIELDS, i)))
def test_no_answer_whatsoever_raises(body: Any) -> None:
    for status in (200, 400, 429, 500):
        assert isinstance(decoded(body, status), Failure)


# --- submit -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as opened:
        yield opened


async def submitted(base: str, tmp_path: Path, **options: Any) -> Any:
    provider = GeminiProvider(VendorAccount(base, KEY, options))
    try:
        return await provider.submit(order(tmp_path, UPSTREAM), lambda _: None)
    finally:
        await provider.close()


async def test_the_key_goes_in_its_header_and_nowhere_else(server: FakeVendor, tmp_path: Path) -> None:
    path = f"/v1beta/models/{UPSTREAM}:generateContent"
    server.reply(path, Reply(candidate({"text": "no"}, finishReason="STOP")))

    failure = await submitted(server.url, tmp_path)

    assert failure.kind is FailureKind.NO_IMAGE
    assert server.paths() == [path]
    assert server.received[0].headers["x-goog-api-key"] == KEY


async def test_a_cut_call_has_an_unknown_outcome(server: FakeVendor, tmp_path: Path) -> None:
    server.reply(f"/v1beta/models/{UPSTREAM}:generateContent", HANG_UP)

    assert (await submitted(server.url, tmp_path)).kind is FailureKind.UNKNOWN_OUTCOME


async def test_nobody_there_is_a_passing_trouble(tmp_path: Path) -> None:
    assert (await submitted(unreachable_url(), tmp_path)).kind is FailureKind.TRANSIENT


async def test_a_damaged_picture_was_paid_for(server: FakeVendor, tmp_path: Path) -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "A" * 5001}}
    server.reply(f"/v1beta/models/{UPSTREAM}:generateContent", Reply(candidate(part)))

    failure = await submitted(server.url, tmp_path)

    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)


async def test_a_wrong_option_is_not_even_sent(server: FakeVendor, tmp_path: Path) -> None:
    failure = await submitted(server.url, tmp_path, image_size="512")

    assert failure.kind is FailureKind.BAD_INPUT
    assert server.received == []


async def test_there_is_nothing_to_ask_after(tmp_path: Path) -> None:
    provider = GeminiProvider(VendorAccount("https://generativelanguage.googleapis.com", KEY))

    failure = await provider.poll({}, order(tmp_path))

    assert isinstance(failure, Failure)
    assert not provider.resumable
    assert not provider.free


async def test_an_answer_that_is_too_large_is_paid_and_not_bought_again(server: FakeVendor, tmp_path: Path) -> None:
    text = "![a](" + "é" * (1 << 20)
    server.reply(f"/v1beta/models/{UPSTREAM}:generateContent", Reply(candidate({"text": text}, finishReason="STOP")))

    failure = await submitted(server.url, tmp_path)

    assert (failure.kind, failure.charged) == (FailureKind.UNSUPPORTED_OUTPUT, True)
