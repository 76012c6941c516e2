from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, Pending, VendorAccount
from limner.providers import _http as http
from limner.providers.fal import (
    FalProvider,
    decode_result,
    decode_status,
    decode_submit,
    encode,
    facts_of,
    path_of,
)
from unit.providers.fake_vendor import HANG_UP, FakeVendor, Reply, fake_vendor, image_file, order, references

KEY = "fal-secret-key"
KONTEXT = "fal-ai/flux-pro/kontext"
PICTURE = b"\x89PNG pretended"
FLAGGED = {"detail": [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]}


def answer(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> http.VendorResponse:
    return http.VendorResponse(status, headers or {}, body)


def encoded(upstream: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    model, asked = facts_of(upstream), order(upstream=upstream, **facts)
    assert model is not None
    return path_of(asked, model), encode(asked, model)


# --- encode -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upstream", "pictures", "path"),
    [
        (KONTEXT, 0, f"/{KONTEXT}/text-to-image"),
        (KONTEXT, 1, f"/{KONTEXT}"),
        (KONTEXT, 2, f"/{KONTEXT}/multi"),
        (f"{KONTEXT}/max", 1, f"/{KONTEXT}/max"),
        (f"{KONTEXT}/max", 4, f"/{KONTEXT}/max/multi"),
        ("fal-ai/flux/dev", 0, "/fal-ai/flux/dev"),
    ],
)
def test_the_number_of_pictures_decides_the_path(upstream: str, pictures: int, path: str) -> None:
    assert encoded(upstream, references=references(pictures))[0] == path


def test_one_picture_travels_as_a_data_uri() -> None:
    pictures = references(1)

    _, body = encoded(KONTEXT, references=pictures, aspect_ratio="16:10")

    assert body == {
        "prompt": "a red fox",
        "seed": 7,
        "num_images": 1,
        "output_format": "png",
        "aspect_ratio": "3:2",
        "image_url": http.file_as_base64(pictures[0].path, "data:image/png;base64,"),
    }


def test_several_pictures_travel_in_their_order() -> None:
    pictures = references(3)

    _, body = encoded(KONTEXT, references=pictures)

    assert body["image_urls"] == [http.file_as_base64(each.path, "data:image/png;base64,") for each in pictures]
    assert "image_url" not in body
    assert "aspect_ratio" not in body


def test_flux_dev_gets_a_size() -> None:
    _, body = encoded("fal-ai/flux/dev", aspect_ratio="16:9", options={"num_inference_steps": 20})

    assert body == {
        "prompt": "a red fox",
        "seed": 7,
        "num_images": 1,
        "output_format": "png",
        "enable_safety_checker": True,
        "image_size": {"width": 1376, "height": 768},
        "num_inference_steps": 20,
    }


# --- the answer to an order -------------------------------------------------------------------------------------------

QUEUED = {
    "request_id": "r-1",
    "status_url": "https://queue.fal.run/fal-ai/flux-pro/requests/r-1/status",
    "response_url": "https://queue.fal.run/fal-ai/flux-pro/requests/r-1",
    "cancel_url": "https://queue.fal.run/fal-ai/flux-pro/requests/r-1/cancel",
    "status": "IN_QUEUE",
    "queue_position": 0,
}


def test_the_given_addresses_are_kept_and_none_is_made_up() -> None:
    assert decode_submit(answer(QUEUED), 1000.0) == {
        "id": "r-1",
        "status_url": QUEUED["status_url"],
        "response_url": QUEUED["response_url"],
        "cancel_url": QUEUED["cancel_url"],
        "since": 1000.0,
    }


@pytest.mark.parametrize("body", [{"request_id": "r-1"}, {}, None])
def test_an_accepted_request_without_addresses_is_an_unknown_outcome(body: Any) -> None:
    refusal = decode_submit(answer(body), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.UNKNOWN_OUTCOME


REFUSALS: list[tuple[int, Any, dict[str, str], FailureKind, str]] = [
    (400, {"detail": "bad"}, {"X-Fal-Error-Type": "bad_request"}, FailureKind.BAD_INPUT, "bad"),
    (401, {"detail": "No user found", "error_type": "unauthorized"}, {}, FailureKind.AUTH, "No user found"),
    (402, {"detail": "Pay first"}, {}, FailureKind.QUOTA_EXHAUSTED, "Pay first"),
    (403, {"detail": "User is locked.", "error_type": "user_locked"}, {}, FailureKind.QUOTA_EXHAUSTED, "locked"),
    (403, {"detail": "Forbidden"}, {}, FailureKind.AUTH, "Forbidden"),
    (
        404,
        {"detail": "Application not found", "error_type": "not_found"},
        {},
        FailureKind.MODEL_UNAVAILABLE,
        "not found",
    ),
    (
        422,
        {"detail": [{"loc": ["body", "image_url"], "msg": "no picture", "type": "image_load_error"}]},
        {},
        FailureKind.BAD_INPUT,
        "image_url: no picture",
    ),
    (
        422,
        {
            "detail": [{"loc": ["body", "seed"], "msg": "no number", "type": "int_type"}],
            "error_type": "validation_error",
        },
        {},
        FailureKind.BAD_INPUT,
        "seed: no number",
    ),
    (422, FLAGGED, {}, FailureKind.CONTENT_POLICY, "prompt: flagged"),
    (429, {"detail": "Too many requests"}, {"Retry-After": "3"}, FailureKind.RATE_LIMITED, "Too many requests"),
    (500, {"detail": "sorry", "error_type": "internal_server_error"}, {}, FailureKind.TRANSIENT, "sorry"),
    (503, None, {}, FailureKind.TRANSIENT, "out of order"),
]


@pytest.mark.parametrize(("status", "body", "headers", "kind", "words"), REFUSALS)
def test_every_refusal_has_its_kind_and_message(
    status: int, body: Any, headers: dict[str, str], kind: FailureKind, words: str
) -> None:
    refusal = decode_submit(answer(body, status, headers), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is kind
    assert words in refusal.reason
    assert not refusal.charged
    assert refusal.retry_after_s == (3.0 if status == 429 else None)


# --- the job ----------------------------------------------------------------------------------------------------------


def stands(body: Any, status: int = 200) -> http.JobState | None:
    return decode_status(answer(body, status))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "IN_PROGRESS", "logs": []}, 202),
        ({"status": "WARMING_UP"}, 202),
        ({}, 200),
        (None, 202),
    ],
)
def test_a_job_is_running_under_known_and_unknown_statuses(body: Any, status: int) -> None:
    assert stands(body, status) == http.RunningJob()


def test_a_job_waits_in_the_vendors_queue() -> None:
    assert stands({"status": "IN_QUEUE", "queue_position": 3}, 202) == http.RunningJob(queued=True)


@pytest.mark.parametrize("body", [{"status": "COMPLETED"}, {"status": "COMPLETED", "error": None, "error_type": None}])
def test_completed_without_an_error_may_be_fetched(body: Any) -> None:
    assert stands(body) is None


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        ({"error": "runner died", "error_type": "runner_disconnected"}, FailureKind.TRANSIENT),
        ({"error": "runner died"}, FailureKind.TRANSIENT),
        ({"error_type": "startup_timeout"}, FailureKind.TRANSIENT),
        ({"error": "flagged", "error_type": "content_policy_violation"}, FailureKind.CONTENT_POLICY),
        ({"error": "flagged", "error_type": "bad_request"}, FailureKind.BAD_INPUT),
        ({"error": "gone", "error_type": "client_cancelled"}, FailureKind.CANCELLED),
        ({"error": "none", "error_type": "no_media_generated"}, FailureKind.NO_IMAGE),
    ],
)
def test_completed_with_an_error_has_failed(reported: dict[str, str], kind: FailureKind) -> None:
    failure = stands({"status": "COMPLETED", **reported})

    assert isinstance(failure, Failure)
    assert failure.kind is kind
    assert reported.get("error", "") in failure.reason
    assert reported.get("error_type", "COMPLETED") in (failure.detail or "")


def test_an_unknown_job_is_missing() -> None:
    assert stands({"detail": "Request not found"}, 404) == http.MissingJob("HTTP 404")


def result(body: Any, status: int = 200) -> http.JobState:
    return decode_result(answer(body, status))


@pytest.mark.parametrize("nsfw", [{}, {"has_nsfw_concepts": [False]}, {"has_nsfw_concepts": []}])
def test_the_first_picture_is_the_picture(nsfw: dict[str, Any]) -> None:
    assert result({"images": [{"url": "https://x/1"}], "seed": 1, **nsfw}) == http.FinishedJob("https://x/1")


def test_a_black_picture_is_content_policy_and_was_paid() -> None:
    failure = result({"images": [{"url": "https://x/1"}], "has_nsfw_concepts": [True]})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage, failure.charged) == (FailureKind.CONTENT_POLICY, Stage.OUTPUT, True)


@pytest.mark.parametrize("body", [{"images": []}, {"images": [{}]}, {}, None])
def test_a_result_without_a_picture_is_no_image(body: Any) -> None:
    failure = result(body)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.NO_IMAGE, True)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, FLAGGED, FailureKind.CONTENT_POLICY),
        (422, {"detail": "no"}, FailureKind.BAD_INPUT),
        (504, {"detail": [{"type": "generation_timeout", "msg": "too slow"}]}, FailureKind.TRANSIENT),
        (503, {"detail": "runner died", "error_type": "runner_disconnected"}, FailureKind.TRANSIENT),
        (
            422,
            [{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}],
            FailureKind.CONTENT_POLICY,
        ),
    ],
)
def test_a_result_may_be_an_error(status: int, body: Any, kind: FailureKind) -> None:
    failure = result(body, status)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (kind, False)


@pytest.mark.parametrize(("status", "body"), [(404, {"detail": "Request not found"}), (410, None)])
def test_a_result_may_be_missing(status: int, body: Any) -> None:
    assert isinstance(result(body, status), http.MissingJob)


def test_a_result_that_is_not_there_yet_is_waited_for() -> None:
    assert isinstance(result({"status": "IN_PROGRESS"}, 202), http.RunningJob)


# --- against a vendor -------------------------------------------------------------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as one:
        yield one


@pytest.fixture
async def fal(server: FakeVendor) -> AsyncIterator[FalProvider]:
    provider = FalProvider(VendorAccount(server.url, KEY), lambda: 1060.0)
    yield provider
    await provider.close()


def nothing(_progress: int) -> None:
    """Nobody listens to the progress."""


def handle(server: FakeVendor) -> dict[str, Any]:
    return {
        "id": "r-1",
        "status_url": f"{server.url}/status",
        "response_url": f"{server.url}/response",
        "since": 1000.0,
    }


async def test_an_order_is_bought_once_polled_and_delivered(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    reported = {"request_id": "r-1", "status_url": f"{server.url}/status", "response_url": f"{server.url}/response"}
    server.reply(f"/{KONTEXT}", Reply(reported))
    server.reply("/status", Reply({"status": "IN_PROGRESS"}, 202), Reply({"status": "COMPLETED"}))
    server.reply("/response", Reply({"images": [{"url": f"{server.url}/picture"}]}))
    server.reply("/picture", Reply(PICTURE))
    asked = order(tmp_path, KONTEXT, references=(image_file(tmp_path / "one.png", (30, 30)),))

    accepted = await fal.submit(asked, nothing)
    assert isinstance(accepted, Accepted)
    first = await fal.poll(accepted.handle, asked)
    second = await fal.poll(accepted.handle, asked)

    assert isinstance(first, Pending)
    assert isinstance(second, Delivered)
    assert second.picture.source.read_bytes() == PICTURE
    assert second.cost_usd == 0.04
    assert second.served_by == {"provider": "fal", "model": KONTEXT, "generative": True, "vendor_id": "r-1"}
    assert server.paths() == [f"/{KONTEXT}", "/status", "/status", "/response", "/picture"]
    assert [each.headers.get("Authorization") for each in server.received] == [f"Key {KEY}"] * 4 + [None]
    assert server.received[0].body["image_url"].startswith("data:image/png;base64,iVBOR")


async def test_a_dead_link_is_replaced_at_once(server: FakeVendor, fal: FalProvider, tmp_path: Path) -> None:
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply(
        "/response",
        Reply({"images": [{"url": f"{server.url}/old"}]}),
        Reply({"images": [{"url": f"{server.url}/new"}]}),
    )
    server.reply("/old", Reply(status=404))
    server.reply("/new", Reply(PICTURE))

    assert isinstance(await fal.poll(handle(server), order(tmp_path, KONTEXT)), Delivered)


@pytest.mark.parametrize("size", [200, 2_000_000])
async def test_a_data_url_in_place_of_the_link_is_taken(
    server: FakeVendor, fal: FalProvider, tmp_path: Path, size: int
) -> None:
    picture = PICTURE + bytes(size)
    url = f"data:image/png;base64,{b64encode(picture).decode()}"
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply("/response", Reply({"images": [{"url": url}]}))

    delivered = await fal.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(delivered, Delivered)
    assert delivered.picture.source.read_bytes() == picture


async def test_a_result_that_is_too_large_is_paid_and_not_bought_again(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply("/response", Reply({"images": [{"url": "data:image/svg+xml;utf8," + "é" * (1 << 20)}]}))

    failure = await fal.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.UNSUPPORTED_OUTPUT, True)


async def test_a_refused_prompt_is_distinguished_from_a_refused_picture(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply(
        "/status", Reply({"status": "COMPLETED", "error": "flagged", "error_type": "content_policy_violation"})
    )
    server.reply("/response", Reply(FLAGGED, 422))

    failure = await fal.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage) == (FailureKind.CONTENT_POLICY, Stage.INPUT)


async def test_a_refusal_is_kept_where_its_field_cannot_be_fetched(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply(
        "/status", Reply({"status": "COMPLETED", "error": "flagged", "error_type": "content_policy_violation"})
    )
    server.reply("/response", HANG_UP)

    failure = await fal.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage) == (FailureKind.CONTENT_POLICY, None)


@pytest.mark.parametrize("path", ["/status", "/response"])
@pytest.mark.parametrize(
    "silence", [Reply({}, 503), Reply({}, 429), Reply({}, 401), HANG_UP], ids=["503", "429", "401", "cut"]
)
async def test_a_poll_without_an_answer_is_repeated(
    server: FakeVendor, fal: FalProvider, tmp_path: Path, path: str, silence: Reply
) -> None:
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply(path, silence)

    assert await fal.poll(handle(server), order(tmp_path, KONTEXT)) == Pending(None, 2.0)


@pytest.mark.parametrize("error", ["generation_timeout", "request_timeout", "runner_disconnected", "internal_error"])
async def test_a_final_5xx_ends_the_job(server: FakeVendor, fal: FalProvider, tmp_path: Path, error: str) -> None:
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply("/response", Reply({"detail": "sorry", "error_type": error}, 504))

    failure = await fal.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.TRANSIENT, False)


async def test_an_account_that_is_locked_meanwhile_loses_no_job(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply("/status", Reply({"status": "COMPLETED"}))
    server.reply("/response", Reply({"detail": "User is locked.", "error_type": "user_locked"}, 403))

    assert isinstance(await fal.poll(handle(server), order(tmp_path, KONTEXT)), Pending)


async def test_a_missing_job_is_polled_until_the_tasks_deadline(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply("/status", Reply({"detail": "Request not found"}, 404))

    for _ in range(3):
        assert await fal.poll(handle(server), order(tmp_path, KONTEXT)) == Pending(None, 1.0)


@pytest.mark.parametrize(
    ("answer", "accepted", "detail"),
    [
        (Reply({"status": "CANCELLATION_REQUESTED"}, 202), True, "CANCELLATION_REQUESTED"),
        (Reply({"status": "OK"}), True, "OK"),
        (Reply({"status": "ALREADY_COMPLETED"}, 400), False, "ALREADY_COMPLETED"),
        (Reply({"status": "NOT_FOUND"}, 404), False, "NOT_FOUND"),
        (HANG_UP, False, "closed the connection"),
    ],
)
async def test_a_job_is_cancelled_at_the_given_address(
    server: FakeVendor, fal: FalProvider, tmp_path: Path, *, answer: Reply, accepted: bool, detail: str
) -> None:
    server.reply("/stop", answer)

    cancellation = await fal.cancel(handle(server) | {"cancel_url": f"{server.url}/stop"}, order(tmp_path, KONTEXT))

    assert cancellation.accepted is accepted
    assert detail in cancellation.detail
    assert {(each.method, each.path) for each in server.received} == {("PUT", "/stop")}
    assert server.received[0].headers["Authorization"] == f"Key {KEY}"


async def test_a_handle_of_an_earlier_version_is_cancelled_below_its_result(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply("/response/cancel", Reply({"status": "CANCELLATION_REQUESTED"}, 202))

    assert (await fal.cancel(handle(server), order(tmp_path, KONTEXT))).accepted


async def test_the_key_goes_to_no_foreign_address_to_cancel_at(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    foreign = handle(server) | {"cancel_url": "https://fal.run.evil.example/cancel"}

    cancellation = await fal.cancel(foreign, order(tmp_path, KONTEXT))

    assert not cancellation.accepted
    assert server.received == []


@pytest.mark.parametrize(
    ("upstream", "pictures", "kind"),
    [
        ("fal-ai/not-known", 0, FailureKind.MODEL_UNAVAILABLE),
        ("fal-ai/flux/dev", 1, FailureKind.BAD_INPUT),
        (KONTEXT, 5, FailureKind.BAD_INPUT),
    ],
)
async def test_what_a_model_cannot_do_is_never_sent(
    server: FakeVendor, fal: FalProvider, tmp_path: Path, *, upstream: str, pictures: int, kind: FailureKind
) -> None:
    failure = await fal.submit(order(tmp_path, upstream, references=references(pictures)), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is kind
    assert server.received == []


async def test_a_request_without_a_response_has_an_unknown_outcome(
    server: FakeVendor, fal: FalProvider, tmp_path: Path
) -> None:
    server.reply("/fal-ai/flux/dev", HANG_UP)

    failure = await fal.submit(order(tmp_path, "fal-ai/flux/dev"), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert len(server.received) == 1


def test_what_the_policy_found_is_told() -> None:
    found = {"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation", "categories": ["hate"]}

    failure = decode_submit(answer([found], 422), 0)

    assert isinstance(failure, Failure)
    assert failure.reason == "fal did not draw the picture (hate): prompt: flagged"


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "expected"),
    [
        (422, "string_type", "true", FailureKind.TRANSIENT),
        (422, "string_type", "false", FailureKind.BAD_INPUT),
        (422, "content_policy_violation", "true", FailureKind.CONTENT_POLICY),
        (500, "internal_server_error", "false", FailureKind.TRANSIENT),  # free, and another route may do it
        (401, "unauthorized", "true", FailureKind.AUTH),
    ],
)
def test_only_a_refused_request_is_repeated_because_fal_says_so(
    status: int, kind: str, retryable: str, expected: FailureKind
) -> None:
    body = {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": kind}]}

    failure = decode_submit(answer(body, status, {"X-Fal-Retryable": retryable}), 0)

    assert isinstance(failure, Failure)
    assert failure.kind is expected


def test_a_request_that_fal_says_not_to_repeat_goes_to_the_next_route() -> None:
    body = {"detail": "broken", "error_type": "internal_server_error"}
    failures = [decode_submit(answer(body, 500, {"X-Fal-Retryable": told}), 0) for told in ("true", "false", "")]
    assert [each.repeatable for each in failures if isinstance(each, Failure)] == [True, False, True]
