from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, Pending, VendorAccount
from limner.providers import _http as http
from limner.providers.replicate import ReplicateProvider, decode_job, decode_submit, encode, facts_of
from unit.providers.fake_vendor import HANG_UP, FakeVendor, Reply, fake_vendor, image_file, order, references

KEY = "r8_secret_token"
KONTEXT = "black-forest-labs/flux-kontext-pro"
DEV = "black-forest-labs/flux-dev"
PICTURE = b"\x89PNG pretended"


def answer(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> http.VendorResponse:
    return http.VendorResponse(status, headers or {}, body)


def encoded(upstream: str, **facts: Any) -> dict[str, Any]:
    model = facts_of(upstream)
    assert model is not None
    return encode(order(upstream=upstream, **facts), model)


# --- encode -----------------------------------------------------------------------------------------------------------


def test_kontext_takes_its_one_picture_as_a_data_uri() -> None:
    pictures = references(1)

    assert encoded(KONTEXT, references=pictures, aspect_ratio="16:10") == {
        "input": {
            "prompt": "a red fox",
            "seed": 7,
            "output_format": "png",
            "aspect_ratio": "3:2",
            "input_image": http.file_as_base64(pictures[0].path, "data:image/png;base64,"),
        }
    }


def test_the_model_chooses_the_shape_where_none_is_requested() -> None:
    assert encoded(DEV) == {"input": {"prompt": "a red fox", "seed": 7, "output_format": "png"}}


@pytest.mark.parametrize(("pictures", "tolerance"), [(0, 6), (1, 2)])
def test_kontext_with_a_picture_obeys_no_higher_tolerance_than_2(pictures: int, tolerance: int) -> None:
    body = encoded(KONTEXT, references=references(pictures), options={"safety_tolerance": 6})

    assert body["input"]["safety_tolerance"] == tolerance


# --- the answer to an order -------------------------------------------------------------------------------------------


def test_the_given_address_is_kept() -> None:
    url = "https://api.replicate.com/v1/predictions/p-1"
    body = {"id": "p-1", "status": "starting", "urls": {"get": url, "cancel": f"{url}/cancel"}}

    assert decode_submit(answer(body, 201), 1000.0) == {
        "id": "p-1",
        "get": url,
        "cancel": f"{url}/cancel",
        "since": 1000.0,
    }


@pytest.mark.parametrize("body", [{"id": "p-1"}, {"id": "p-1", "urls": {}}, {}, None])
def test_an_accepted_request_without_an_address_is_an_unknown_outcome(body: Any) -> None:
    refusal = decode_submit(answer(body, 201), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.UNKNOWN_OUTCOME


def problem(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


REFUSALS: list[tuple[int, Any, FailureKind, str]] = [
    (400, problem(400, "Bad request", "no JSON"), FailureKind.BAD_INPUT, "no JSON"),
    (401, problem(401, "Unauthenticated", "no valid token"), FailureKind.AUTH, "no valid token"),
    (402, problem(402, "Insufficient credit", "no credit"), FailureKind.QUOTA_EXHAUSTED, "no credit"),
    (403, {"title": "Forbidden"}, FailureKind.AUTH, "Forbidden"),
    (404, problem(404, "Not found", "no such model"), FailureKind.MODEL_UNAVAILABLE, "no such model"),
    (422, problem(422, "Invalid", "- input.seed: no number"), FailureKind.BAD_INPUT, "input.seed: no number"),
    (429, problem(429, "Too many requests", "throttled"), FailureKind.RATE_LIMITED, "throttled"),
    (500, problem(500, "Error", "sorry"), FailureKind.TRANSIENT, "sorry"),
    (502, None, FailureKind.UNKNOWN_OUTCOME, "unknown"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), REFUSALS)
def test_every_refusal_has_its_kind_and_message(status: int, body: Any, kind: FailureKind, words: str) -> None:
    refusal = decode_submit(answer(body, status), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is kind
    assert words in refusal.reason
    assert not refusal.charged
    assert refusal.retry_after_s == (5.0 if status == 429 else None)


# --- the prediction ---------------------------------------------------------------------------------------------------


def seen(body: Any, status: int = 200) -> http.JobState:
    return decode_job(answer(body, status))


@pytest.mark.parametrize("body", [{"status": "processing"}, {"status": "queued"}, {}, None])
def test_a_prediction_is_running_under_known_and_unknown_statuses(body: Any) -> None:
    assert seen(body) == http.RunningJob()


def test_a_prediction_that_starts_is_not_worked_on_yet() -> None:
    assert seen({"status": "starting"}) == http.RunningJob(queued=True)


@pytest.mark.parametrize("output", ["https://x/1", ["https://x/1", "https://x/2"]])
def test_the_output_is_a_link_or_a_list_of_them(output: Any) -> None:
    assert seen({"status": "succeeded", "output": output}) == http.FinishedJob("https://x/1")


@pytest.mark.parametrize("output", [None, "", [], [None], {}])
def test_success_without_an_output_is_no_image(output: Any) -> None:
    failure = seen({"status": "succeeded", "output": output})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.NO_IMAGE, True)


@pytest.mark.parametrize(
    "error",
    [
        "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
        "NSFW content detected. Try running it again, or try a different prompt.",
    ],
)
def test_an_error_that_names_a_policy_is_content_policy(error: str) -> None:
    failure = seen({"status": "failed", "error": error})

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CONTENT_POLICY
    assert error in failure.reason


@pytest.mark.parametrize(
    ("body", "kind", "charged"),
    [
        ({"status": "failed", "error": "Prediction failed."}, FailureKind.TRANSIENT, False),
        ({"status": "failed", "error": None}, FailureKind.TRANSIENT, False),
        ({"status": "canceled"}, FailureKind.CANCELLED, True),
        ({"status": "aborted"}, FailureKind.TRANSIENT, False),
    ],
)
def test_other_ends_have_their_kinds(body: Any, kind: FailureKind, *, charged: bool) -> None:
    failure = seen(body)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (kind, charged)


def test_an_unknown_prediction_is_missing() -> None:
    assert seen(problem(404, "Not found", "no such prediction"), 404) == http.MissingJob("HTTP 404")


# --- against a vendor -------------------------------------------------------------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as one:
        yield one


@pytest.fixture
async def replicate(server: FakeVendor) -> AsyncIterator[ReplicateProvider]:
    provider = ReplicateProvider(VendorAccount(server.url, KEY), lambda: 1060.0)
    yield provider
    await provider.close()


def nothing(_progress: int) -> None:
    """Nobody listens to the progress."""


def handle(server: FakeVendor) -> dict[str, Any]:
    return {"id": "p-1", "get": f"{server.url}/p-1", "since": 1000.0}


async def test_an_order_is_bought_once_polled_and_delivered(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path
) -> None:
    path = f"/v1/models/{KONTEXT}/predictions"
    server.reply(path, Reply({"id": "p-1", "status": "starting", "urls": {"get": f"{server.url}/p-1"}}, 201))
    done = {"id": "p-1", "status": "succeeded", "output": f"{server.url}/picture"}
    server.reply("/p-1", Reply({"id": "p-1", "status": "processing"}), Reply(done))
    server.reply("/picture", Reply(PICTURE))
    asked = order(tmp_path, KONTEXT, references=(image_file(tmp_path / "one.png", (30, 30)),))

    accepted = await replicate.submit(asked, nothing)
    assert isinstance(accepted, Accepted)
    first = await replicate.poll(accepted.handle, asked)
    second = await replicate.poll(accepted.handle, asked)

    assert isinstance(first, Pending)
    assert isinstance(second, Delivered)
    assert second.picture.source.read_bytes() == PICTURE
    assert second.cost_usd == 0.04
    assert second.served_by == {"provider": "replicate", "model": KONTEXT, "generative": True, "vendor_id": "p-1"}
    assert server.paths() == [path, "/p-1", "/p-1", "/picture"]
    assert [each.headers.get("Authorization") for each in server.received] == [f"Bearer {KEY}"] * 3 + [None]
    assert "Prefer" not in server.received[0].headers
    assert server.received[0].body["input"]["input_image"].startswith("data:image/png;base64,iVBOR")


async def test_a_dead_link_is_replaced_at_once(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path
) -> None:
    old, new = ({"status": "succeeded", "output": f"{server.url}/{name}"} for name in ("old", "new"))
    server.reply("/p-1", Reply(old), Reply(new))
    server.reply("/old", Reply(status=404))
    server.reply("/new", Reply(PICTURE))

    assert isinstance(await replicate.poll(handle(server), order(tmp_path, KONTEXT)), Delivered)


@pytest.mark.parametrize("as_list", [False, True])
async def test_a_data_url_in_place_of_the_link_is_taken(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path, *, as_list: bool
) -> None:
    picture = PICTURE + bytes(2_000_000)
    url = f"data:image/png;base64,{b64encode(picture).decode()}"
    server.reply("/p-1", Reply({"status": "succeeded", "output": [url] if as_list else url}))

    delivered = await replicate.poll(handle(server), order(tmp_path, KONTEXT))

    assert isinstance(delivered, Delivered)
    assert delivered.picture.source.read_bytes() == picture


@pytest.mark.parametrize(
    "silence", [Reply({}, 503), Reply({}, 429), Reply({}, 401), HANG_UP], ids=["503", "429", "401", "cut"]
)
async def test_a_poll_without_an_answer_is_repeated(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path, silence: Reply
) -> None:
    server.reply("/p-1", silence)

    assert await replicate.poll(handle(server), order(tmp_path, KONTEXT)) == Pending(None, 2.0)


async def test_a_missing_prediction_is_polled_until_the_tasks_deadline(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path
) -> None:
    server.reply("/p-1", Reply(problem(404, "Not found", "no such prediction"), 404))

    for _ in range(3):
        assert await replicate.poll(handle(server), order(tmp_path, KONTEXT)) == Pending(None, 1.0)


@pytest.mark.parametrize(
    ("answer", "accepted", "detail"),
    [
        (Reply({"id": "p-1", "status": "canceled"}), True, "canceled"),
        (Reply({"id": "p-1", "status": "processing"}), True, "processing"),
        (Reply({"id": "p-1", "status": "succeeded"}), False, "succeeded"),
        (Reply({"detail": "gone"}, 404), False, "HTTP 404"),
        (HANG_UP, False, "closed the connection"),
    ],
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "older handle"])
async def test_a_prediction_is_cancelled(
    server: FakeVendor,
    replicate: ReplicateProvider,
    tmp_path: Path,
    *,
    answer: Reply,
    accepted: bool,
    detail: str,
    named: bool,
) -> None:
    server.reply("/p-1/cancel", answer)
    known = handle(server) | ({"cancel": f"{server.url}/p-1/cancel"} if named else {})

    cancellation = await replicate.cancel(known, order(tmp_path, KONTEXT))

    assert cancellation.accepted is accepted
    assert detail in cancellation.detail
    assert [(each.method, each.path) for each in server.received] == [("POST", "/p-1/cancel")]


@pytest.mark.parametrize(
    ("upstream", "pictures", "kind"),
    [
        ("somebody/something", 0, FailureKind.MODEL_UNAVAILABLE),
        (DEV, 1, FailureKind.BAD_INPUT),
        (KONTEXT, 2, FailureKind.BAD_INPUT),
    ],
)
async def test_what_a_model_cannot_do_is_never_sent(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path, *, upstream: str, pictures: int, kind: FailureKind
) -> None:
    failure = await replicate.submit(order(tmp_path, upstream, references=references(pictures)), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is kind
    assert server.received == []


async def test_a_request_without_a_response_has_an_unknown_outcome(
    server: FakeVendor, replicate: ReplicateProvider, tmp_path: Path
) -> None:
    server.reply(f"/v1/models/{DEV}/predictions", HANG_UP)

    failure = await replicate.submit(order(tmp_path, DEV), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert len(server.received) == 1
