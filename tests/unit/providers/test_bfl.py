from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, Pending, VendorAccount
from limner.providers import _http as http
from limner.providers.bfl import BflProvider, decode_job, decode_submit, encode, facts_of, refusal
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

KEY = "bfl-secret-key"
HANDLE = {"id": "job-1", "polling_url": "https://us1.api.bfl.ai/v1/get_result?id=job-1", "cost": 4.0, "since": 1000.0}
PICTURE = b"\x89PNG pretended"


def answer(
    body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None, text: str = ""
) -> http.VendorResponse:
    return http.VendorResponse(status, headers or {}, body, text)


def encoded(upstream: str, **facts: Any) -> dict[str, Any]:
    model = facts_of(upstream)
    assert model is not None
    return encode(order(upstream=upstream, **facts), model)


# --- encode -----------------------------------------------------------------------------------------------------------


def test_kontext_gets_everything_in_its_own_fields() -> None:
    pictures = references(3)

    body = encoded("flux-kontext-pro", references=pictures, aspect_ratio="16:9")

    assert body == {
        "prompt": "a red fox",
        "output_format": "png",
        "seed": 7,
        "aspect_ratio": "16:9",
        "input_image": http.file_as_base64(pictures[0].path),
        "input_image_2": http.file_as_base64(pictures[1].path),
        "input_image_3": http.file_as_base64(pictures[2].path),
    }


def test_kontext_chooses_the_shape_where_none_is_requested() -> None:
    assert encoded("flux-kontext-pro") == {"prompt": "a red fox", "output_format": "png", "seed": 7}


@pytest.mark.parametrize(("wanted", "sent"), [("4:1", "21:9"), ("1:9", "9:21"), ("21:9", "21:9"), ("2:3", "2:3")])
def test_kontext_draws_no_shape_beyond_its_widest_and_tallest(wanted: str, sent: str) -> None:
    assert encoded("flux-kontext-max", aspect_ratio=wanted)["aspect_ratio"] == sent


@pytest.mark.parametrize(
    ("wanted", "width", "height"),
    [(None, 1024, 1024), ("16:9", 1376, 768), ("21:9", 1440, 608), ("9:21", 608, 1440), ("1:9", 256, 1440)],
)
def test_flux_dev_gets_sides_that_are_multiples_of_32_within_its_limits(
    wanted: str | None, width: int, height: int
) -> None:
    body = encoded("flux-dev", aspect_ratio=wanted)

    assert (body["width"], body["height"]) == (width, height)
    assert "aspect_ratio" not in body


def test_flux_2_gets_sides_and_numbered_pictures() -> None:
    body = encoded("flux-2-pro-preview", references=references(8), aspect_ratio="3:2")

    assert (body["width"], body["height"]) == (1248, 832)
    assert [name for name in body if name.startswith("input_image")][-1] == "input_image_8"


def test_flux_2_keeps_the_shape_of_its_pictures_where_none_is_requested() -> None:
    assert encoded("flux-2-klein-9b", references=references(1)).keys() == {
        "prompt",
        "seed",
        "output_format",
        "input_image",
    }


def test_flux_3_gets_nothing_outside_its_strict_schema() -> None:
    pictures = references(2)

    body = encoded("flux-3-image", references=pictures, aspect_ratio="16:10")

    assert body == {
        "prompt": "a red fox",
        "grounding": False,
        "resolution": "1k",
        "aspect_ratio": "3:2",
        "images": [http.file_as_base64(each.path) for each in pictures],
    }


def test_options_of_the_route_win() -> None:
    body = encoded("flux-kontext-pro", options={"output_format": "jpeg", "prompt_upsampling": True})

    assert (body["output_format"], body["prompt_upsampling"]) == ("jpeg", True)


@pytest.mark.parametrize(("pictures", "tolerance"), [(0, 6), (1, 2)])
def test_kontext_with_a_picture_obeys_no_higher_tolerance_than_2(pictures: int, tolerance: int) -> None:
    body = encoded("flux-kontext-pro", references=references(pictures), options={"safety_tolerance": 6})

    assert body["safety_tolerance"] == tolerance


@pytest.mark.parametrize(
    ("upstream", "most"),
    [("flux-kontext-pro", 4), ("flux-dev", 0), ("flux-2-flex", 8), ("flux-2-klein-4b", 4), ("flux-3-image", 10)],
)
def test_more_pictures_than_a_model_takes_are_refused(upstream: str, most: int) -> None:
    model = facts_of(upstream)
    assert model is not None

    assert refusal(order(upstream=upstream, references=references(most)), model) is None
    failure = refusal(order(upstream=upstream, references=references(most + 1)), model)
    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT


def test_a_picture_too_narrow_to_be_enlarged_is_refused() -> None:
    model = facts_of("flux-kontext-pro")
    assert model is not None

    failure = refusal(order(upstream="flux-kontext-pro", references=references(1, width=2, height=2000)), model)

    assert failure is not None
    assert failure.kind is FailureKind.BAD_INPUT


# --- the answer to an order -------------------------------------------------------------------------------------------


def test_a_handle_carries_what_a_later_worker_needs() -> None:
    body = {"id": "job-1", "polling_url": HANDLE["polling_url"], "cost": 4.0, "input_mp": 0.0, "output_mp": 1.05}

    assert decode_submit(answer(body), 1000.0) == HANDLE


@pytest.mark.parametrize("body", [{"id": "job-1", "status": "Pending"}, {}, [], None])
def test_an_accepted_request_without_a_polling_address_is_an_unknown_outcome(body: Any) -> None:
    refusal = decode_submit(answer(body), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.UNKNOWN_OUTCOME


REFUSALS: list[tuple[int, Any, FailureKind, str]] = [
    (400, {"detail": "bad request"}, FailureKind.BAD_INPUT, "BFL refused the request: bad request"),
    (401, {"detail": "Invalid API key"}, FailureKind.AUTH, "BFL does not accept our key: Invalid API key"),
    (402, {"detail": "Insufficient credits"}, FailureKind.QUOTA_EXHAUSTED, "our credit at BFL is used up"),
    (403, {"detail": "Not authenticated"}, FailureKind.AUTH, "BFL does not accept our key: Not authenticated"),
    (404, {"detail": "Not Found"}, FailureKind.MODEL_UNAVAILABLE, "BFL does not have this model: Not Found"),
    (
        422,
        {"detail": [{"loc": ["body", "width"], "msg": "must be a multiple of 32", "type": "value_error"}]},
        FailureKind.BAD_INPUT,
        "BFL refused the request: width: must be a multiple of 32",
    ),
    (422, {"detail": []}, FailureKind.BAD_INPUT, "BFL refused the request"),
    (429, {"message": "Too many tasks"}, FailureKind.RATE_LIMITED, "BFL accepts no more requests at the moment"),
    (500, {"detail": "Internal server error"}, FailureKind.TRANSIENT, "BFL is out of order: Internal server error"),
    (502, None, FailureKind.UNKNOWN_OUTCOME, "a gateway timed out on BFL"),
    (503, {"error": {"message": "busy"}}, FailureKind.TRANSIENT, "BFL is out of order: busy"),
    (307, None, FailureKind.MODEL_UNAVAILABLE, "BFL does not have this model"),
    (413, "too large", FailureKind.BAD_INPUT, "BFL refused the request: too large"),
]


@pytest.mark.parametrize(("status", "body", "kind", "reason"), REFUSALS)
def test_every_refusal_has_its_kind_and_message(status: int, body: Any, kind: FailureKind, reason: str) -> None:
    refusal = decode_submit(answer(body, status), 0)

    assert isinstance(refusal, Failure)
    assert refusal.kind is kind
    assert refusal.reason.startswith(reason)
    assert refusal.detail == f"HTTP {status}"
    assert not refusal.charged


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        ({"Retry-After": "7"}, {"error": "rate_limit_exceeded", "retry_after": 9}, 7.0),
        ({}, {"error": "rate_limit_exceeded", "message": "Slow down.", "retry_after": 9}, 9.0),
        ({}, {"detail": "Too Many Requests"}, 5.0),
    ],
)
def test_the_wait_is_the_headers_then_the_bodys_then_five_seconds(
    headers: dict[str, str], body: Any, wait_s: float
) -> None:
    refusal = decode_submit(answer(body, 429, headers), 0)

    assert isinstance(refusal, Failure)
    assert refusal.retry_after_s == wait_s


# --- the job ----------------------------------------------------------------------------------------------------------


def seen(body: Any, status: int = 200) -> http.JobState:
    return decode_job(answer(body, status), HANDLE)


@pytest.mark.parametrize(
    ("body", "progress"),
    [
        ({"status": "Pending", "progress": 0.45}, 45),
        ({"status": "Pending", "progress": None}, None),
        ({"status": "Pending", "progress": 45}, None),
        ({"status": "Reticulating"}, None),
        ({"status": None}, None),
        ({}, None),
        ("nonsense", None),
    ],
)
def test_a_job_is_running_under_known_and_unknown_statuses(body: Any, progress: int | None) -> None:
    assert seen(body) == http.RunningJob(progress)


def test_what_is_ready_costs_what_the_answer_to_the_order_said() -> None:
    assert seen({"status": "Ready", "result": {"sample": "https://x/y"}, "cost": None}) == http.FinishedJob(
        "https://x/y", 0.04
    )


@pytest.mark.parametrize("result", [None, {}, {"sample": None}, {"sample": ""}])
def test_ready_without_a_picture_is_no_image_and_was_paid(result: Any) -> None:
    failure = seen({"status": "Ready", "result": result})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.NO_IMAGE, True)


@pytest.mark.parametrize(("status", "stage"), [("Request Moderated", Stage.INPUT), ("Content Moderated", Stage.OUTPUT)])
def test_both_moderations_are_content_policy_with_their_stage_and_reasons(status: str, stage: Stage) -> None:
    failure = seen({"status": status, "details": {"Moderation Reasons": ["Derivative Works", "Violence"]}})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage) == (FailureKind.CONTENT_POLICY, stage)
    assert failure.detail == f"{status}: Moderation Reasons: Derivative Works, Violence"


@pytest.mark.parametrize("status", ["Error", "Failed"])
def test_a_failed_job_may_be_tried_again(status: str) -> None:
    failure = seen({"status": status, "details": "CUDA said no"})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.detail) == (FailureKind.TRANSIENT, f"{status}: CUDA said no")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"status": "Task not found"}, 200), ({"status": "Task not found"}, 404), ({}, 404), (None, 422)],
)
def test_an_unknown_job_is_missing(body: Any, status: int) -> None:
    assert isinstance(seen(body, status), http.MissingJob)


# --- against a vendor -------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as one:
        yield one


@pytest.fixture
async def bfl(server: FakeVendor, clock: Clock) -> AsyncIterator[BflProvider]:
    provider = BflProvider(VendorAccount(server.url, KEY), clock)
    yield provider
    await provider.close()


def nothing(_progress: int) -> None:
    """Nobody listens to the progress."""


Handle = Callable[[], dict[str, Any]]


@pytest.fixture
def handle(server: FakeVendor) -> Handle:
    return lambda: {"id": "job-1", "polling_url": f"{server.url}/poll", "cost": 4.0, "since": 1000.0}


def ready(server: FakeVendor, path: str = "/picture") -> Reply:
    return Reply({"id": "job-1", "status": "Ready", "result": {"sample": f"{server.url}{path}"}})


async def test_an_order_is_bought_once_polled_and_delivered(
    server: FakeVendor, bfl: BflProvider, tmp_path: Path
) -> None:
    server.reply(
        "/v1/flux-kontext-pro", Reply({"id": "job-1", "polling_url": f"{server.url}/poll?id=a%2Fb", "cost": 4.0})
    )
    server.reply("/poll", Reply({"id": "job-1", "status": "Pending", "progress": 0.5}), ready(server))
    server.reply("/picture", Reply(PICTURE))
    asked = order(tmp_path, "flux-kontext-pro", references=(image_file(tmp_path / "one.png", (300, 300)),))

    accepted = await bfl.submit(asked, nothing)
    assert isinstance(accepted, Accepted)
    first = await bfl.poll(accepted.handle, asked)
    second = await bfl.poll(accepted.handle, asked)

    assert first == Pending(50, 0.75)
    assert isinstance(second, Delivered)
    assert second.picture.source.read_bytes() == PICTURE
    assert second.picture.source.parent == tmp_path
    assert second.cost_usd == 0.04
    assert second.served_by == {
        "provider": "bfl",
        "model": "flux-kontext-pro",
        "generative": True,
        "vendor_id": "job-1",
    }
    assert server.paths() == ["/v1/flux-kontext-pro", "/poll", "/poll", "/picture"]
    assert [each.headers.get("x-key") for each in server.received] == [KEY, KEY, KEY, None]


async def test_a_small_reference_is_enlarged_and_the_callers_file_is_left_alone(
    server: FakeVendor, bfl: BflProvider, tmp_path: Path
) -> None:
    server.reply("/v1/flux-kontext-pro", Reply({"id": "job-1", "polling_url": f"{server.url}/poll"}))
    small, large = image_file(tmp_path / "small.png", (100, 50)), image_file(tmp_path / "large.png", (256, 300), "blue")

    await bfl.submit(order(tmp_path, "flux-kontext-pro", references=(large, small)), nothing)

    with Image.open(tmp_path / "enlarged-2.png") as enlarged:
        assert enlarged.size == (512, 256)
    with Image.open(small.path) as untouched:
        assert untouched.size == (100, 50)
    assert not (tmp_path / "enlarged-1.png").exists()
    assert server.received[0].body["input_image"] != server.received[0].body["input_image_2"]


async def test_an_unknown_model_is_unavailable_and_nothing_is_sent(
    server: FakeVendor, bfl: BflProvider, tmp_path: Path
) -> None:
    failure = await bfl.submit(order(tmp_path, "flux-9-dream"), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.MODEL_UNAVAILABLE
    assert "flux-kontext-*" in failure.reason
    assert server.received == []


async def test_a_request_without_a_response_has_an_unknown_outcome(
    server: FakeVendor, bfl: BflProvider, tmp_path: Path
) -> None:
    server.reply("/v1/flux-dev", HANG_UP)

    failure = await bfl.submit(order(tmp_path, "flux-dev"), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert len(server.received) == 1


async def test_a_key_that_a_vendor_repeats_goes_no_further(
    server: FakeVendor, bfl: BflProvider, tmp_path: Path
) -> None:
    server.reply("/v1/flux-dev", Reply({"detail": f"{KEY} is no key"}, 401))

    failure = await bfl.submit(order(tmp_path, "flux-dev"), nothing)

    assert isinstance(failure, Failure)
    assert failure.reason == "BFL does not accept our key: […] is no key"
    assert KEY not in (failure.detail or "")


async def test_an_order_that_never_left_may_be_sent_again(tmp_path: Path) -> None:
    provider = BflProvider(VendorAccount(unreachable_url(), KEY))

    failure = await provider.submit(order(tmp_path, "flux-dev"), nothing)
    await provider.close()

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504])
async def test_a_poll_without_an_answer_is_repeated(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path, status: int
) -> None:
    server.reply("/poll", Reply({"detail": "not now"}, status))

    assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, 2.0)


async def test_a_poll_whose_connection_is_cut_is_repeated(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path
) -> None:
    server.reply("/poll", HANG_UP)

    assert isinstance(await bfl.poll(handle(), order(tmp_path, "flux-dev")), Pending)


@pytest.mark.parametrize(("reported", "wait_s"), [("7", 7.0), ("3600", 30.0)])
async def test_the_wait_after_too_many_polls_is_obeyed_within_a_limit(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path, *, reported: str, wait_s: float
) -> None:
    server.reply("/poll", Reply({}, 429, {"Retry-After": reported}))

    assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, wait_s)


async def test_a_dead_link_is_replaced_at_once(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path
) -> None:
    server.reply("/poll", ready(server, "/old"), ready(server, "/new"))
    server.reply("/old", Reply({"Code": "AccessDenied"}, 403))
    server.reply("/new", Reply(PICTURE))

    delivered = await bfl.poll(handle(), order(tmp_path, "flux-dev"))

    assert isinstance(delivered, Delivered)
    assert delivered.picture.source.read_bytes() == PICTURE
    assert server.paths() == ["/poll", "/old", "/poll", "/new"]


@pytest.mark.parametrize("dead", [Reply({}, 403), Reply({}, 503), HANG_UP], ids=["expired", "down", "hangs up"])
async def test_a_link_that_stays_dead_fails_the_job_after_ten_minutes(
    server: FakeVendor, bfl: BflProvider, handle: Handle, clock: Clock, tmp_path: Path, *, dead: Reply
) -> None:
    server.reply("/poll", ready(server))
    server.reply("/picture", dead)

    clock.now_s = 1000.0 + 599
    assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, 2.0)
    clock.now_s = 1000.0 + 600
    failure = await bfl.poll(handle(), order(tmp_path, "flux-dev"))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)


async def test_a_page_instead_of_a_picture_is_a_bad_output(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path
) -> None:
    server.reply("/poll", ready(server))
    server.reply("/picture", Reply(b"<html>", headers={"Content-Type": "text/html"}))

    failure = await bfl.poll(handle(), order(tmp_path, "flux-dev"))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)
    assert "text/html" in failure.reason


async def test_the_key_is_not_sent_to_a_host_that_is_not_listed(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path
) -> None:
    foreign = handle() | {"polling_url": "https://bfl.ai.evil.example/v1/get_result?id=job-1"}

    failure = await bfl.poll(foreign, order(tmp_path, "flux-dev"))

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.AUTH
    assert "polling_hosts" in failure.reason
    assert server.received == []


async def test_the_grace_for_an_unknown_job_is_configuration(
    server: FakeVendor, clock: Clock, handle: Handle, tmp_path: Path
) -> None:
    server.reply("/poll", Reply({"id": "job-1", "status": "Task not found"}))
    provider = BflProvider(VendorAccount(server.url, KEY, {"not_found_grace_s": 3}), clock)

    first = await provider.poll(handle(), order(tmp_path, "flux-dev"))
    clock.now_s = 1002.9
    early = await provider.poll(handle(), order(tmp_path, "flux-dev"))
    clock.now_s = 1003.0
    late = await provider.poll(handle(), order(tmp_path, "flux-dev"))
    await provider.close()

    assert first == early == Pending(None, 1.0)
    assert isinstance(late, Failure)


async def test_a_missing_job_is_polled_until_the_tasks_deadline(
    server: FakeVendor, bfl: BflProvider, handle: Handle, clock: Clock, tmp_path: Path
) -> None:
    server.reply("/poll", Reply({"id": "job-1", "status": "Task not found"}))

    for clock.now_s, wait_s in ((1000.0, 1.0), (1016.0, 2.0), (1060.0, 5.0), (4600.0, 5.0)):
        assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, wait_s)


async def test_a_job_that_is_known_again_is_no_longer_missing(
    server: FakeVendor, clock: Clock, handle: Handle, tmp_path: Path
) -> None:
    missing, running = Reply({"status": "Task not found"}), Reply({"status": "Pending"})
    server.reply("/poll", missing, running, missing, missing)
    provider = BflProvider(VendorAccount(server.url, KEY, {"not_found_grace_s": 10}), clock)

    answers = []
    for clock.now_s in (1060.0, 1069.0, 1078.0, 1079.0):
        answers.append(await provider.poll(handle(), order(tmp_path, "flux-dev")))
    await provider.close()

    assert [type(each) for each in answers] == [Pending, Pending, Pending, Failure]


async def test_a_young_job_is_polled_more_often(
    server: FakeVendor, bfl: BflProvider, handle: Handle, clock: Clock, tmp_path: Path
) -> None:
    server.reply("/poll", Reply({"status": "Pending"}))

    clock.now_s = 1000.1
    assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, 0.75)
    clock.now_s = 1060.0
    assert await bfl.poll(handle(), order(tmp_path, "flux-dev")) == Pending(None, 5.0)


async def test_a_picture_without_a_stated_cost_costs_the_list_price(
    server: FakeVendor, bfl: BflProvider, handle: Handle, tmp_path: Path
) -> None:
    server.reply("/poll", ready(server))
    server.reply("/picture", Reply(PICTURE))

    delivered = await bfl.poll(handle() | {"cost": None}, order(tmp_path, "flux-dev"))

    assert isinstance(delivered, Delivered)
    assert delivered.cost_usd == 0.025
