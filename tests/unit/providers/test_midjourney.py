import io
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, VendorAccount
from limner.providers import _http as http
from limner.providers.midjourney import MidjourneyProvider
from limner.providers.midjourney.answer import decode_submit, decode_task, job_with
from limner.providers.midjourney.fail_reasons import FAIL_REASONS, fail_reasons_of
from limner.providers.midjourney.models import MODELS
from limner.providers.midjourney.request import encode, encode_pick, headers_of
from unit.providers.fake_vendor import HANG_UP, FakeVendor, Reply, fake_vendor, order, references, unreachable_url

KEY = "relay-secret"
U1 = {"customId": "MJ::JOB::upsample::1::abc", "label": "U1", "emoji": "", "type": 2, "style": 2}
U2 = {**U1, "customId": "MJ::JOB::upsample::2::abc", "label": "U2"}


def answer(body: Any = None, status: int = 200) -> http.VendorResponse:
    return http.VendorResponse(status, {}, body)


def encoded(upstream: str = "midjourney", **facts: Any) -> dict[str, Any]:
    return encode(order(upstream=upstream, **facts), MODELS[upstream])


# --- encode -----------------------------------------------------------------------------------------------------------


def test_flags_stand_behind_the_prompt() -> None:
    body = encoded(aspect_ratio="16:9", options={"flags": "--v 7"})

    assert body == {"prompt": "a red fox --ar 16:9 --seed 7 --v 7", "state": "attempt-1"}


def test_niji_is_another_bot_and_options_go_into_the_order() -> None:
    body = encoded("niji", options={"accountFilter": {"modes": ["FAST"]}, "pick": "crop"})

    assert body == {
        "prompt": "a red fox --seed 7",
        "state": "attempt-1",
        "botType": "NIJI_JOURNEY",
        "accountFilter": {"modes": ["FAST"]},
    }


def test_pictures_travel_as_data_uris_in_their_order() -> None:
    pictures = references(2)

    assert encoded(references=pictures)["base64Array"] == [
        http.file_as_base64(each.path, "data:image/png;base64,") for each in pictures
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {"mj-api-secret", "Authorization"}),
        ({"auth": "both"}, {"mj-api-secret", "Authorization"}),
        ({"auth": "secret"}, {"mj-api-secret"}),
        ({"auth": "bearer"}, {"Authorization"}),
    ],
)
def test_the_key_is_sent_in_the_ways_that_are_chosen(options: dict[str, str], names: set[str]) -> None:
    assert headers_of(VendorAccount("http://relay", KEY, options)).keys() == names


# --- the answer to an order -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1, 21, 22])
def test_a_job_that_is_new_or_known_or_queued_is_followed(code: int) -> None:
    assert decode_submit(answer({"code": code, "description": "", "result": "17", "properties": {}})) == "17"


CODES: list[tuple[int, str, FailureKind, float | None]] = [
    (23, "队列已满，请稍后尝试", FailureKind.RATE_LIMITED, 10.0),
    (24, "可能包含敏感词", FailureKind.CONTENT_POLICY, None),
    (3, "无可用的账号实例", FailureKind.TRANSIENT, None),
    (4, "base64格式错误", FailureKind.BAD_INPUT, None),
    (4, "提交Imagine任务异常", FailureKind.TRANSIENT, None),
    (9, "系统异常", FailureKind.TRANSIENT, None),
]


@pytest.mark.parametrize(("code", "words", "kind", "wait_s"), CODES)
def test_every_code_has_its_kind_and_message(code: int, words: str, kind: FailureKind, wait_s: float | None) -> None:
    refusal = decode_submit(answer({"code": code, "description": words, "result": None, "properties": {}}))

    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.retry_after_s) == (kind, wait_s)
    assert refusal.reason == f"Midjourney refused the request: {words}"
    assert refusal.detail == f"code {code}"


def test_a_banned_word_is_reported() -> None:
    body = {"code": 24, "description": "banned", "properties": {"bannedWord": "gore", "promptEn": "gore"}}

    refusal = decode_submit(answer(body))

    assert isinstance(refusal, Failure)
    assert (refusal.stage, refusal.detail) == (Stage.INPUT, "code 24: gore")


@pytest.mark.parametrize(
    "body", [{"code": 1, "result": None}, {"code": 1, "result": ""}, {"code": 77}, {"code": "1"}, {}, None]
)
def test_an_answer_without_a_known_code_is_an_unknown_outcome(body: Any) -> None:
    refusal = decode_submit(answer(body))

    assert isinstance(refusal, Failure)
    assert refusal.kind is FailureKind.UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    ("status", "kind", "wait_s"),
    [
        (401, FailureKind.AUTH, None),
        (403, FailureKind.AUTH, None),
        (429, FailureKind.RATE_LIMITED, 10.0),
        (502, FailureKind.UNKNOWN_OUTCOME, None),
    ],
)
def test_http_errors_of_a_relay_have_their_kinds(status: int, kind: FailureKind, wait_s: float | None) -> None:
    refusal = decode_submit(answer(None, status))

    assert isinstance(refusal, Failure)
    assert (refusal.kind, refusal.retry_after_s) == (kind, wait_s)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ([{"id": "1", "state": "other"}, {"id": "2", "state": "mine"}], "2"),
        ([{"id": "1", "state": None}, "odd", {}], None),
        ({"code": 4}, None),
        (None, None),
    ],
)
def test_a_job_is_found_by_its_state(body: Any, found: str | None) -> None:
    assert job_with("mine", body) == found


# --- the task ---------------------------------------------------------------------------------------------------------


def seen(
    body: Any,
    status: int = 200,
    *,
    share: tuple[int, int] = (0, 100),
    options: Mapping[str, Any] | None = None,
) -> http.JobState:
    return decode_task(answer(body, status), fail_reasons_of(options or {}), share=share)


@pytest.mark.parametrize(
    ("body", "progress"),
    [
        ({"status": "IN_PROGRESS", "progress": "45%", "imageUrl": "https://x/preview.webp"}, 45),
        ({"status": "IN_PROGRESS", "progress": "waiting to start"}, None),
        ({"status": "MODAL", "progress": "100%"}, 100),
        ({"status": "PONDERING"}, None),
        ({}, None),
    ],
)
def test_a_task_is_running_under_known_and_unknown_statuses(body: Any, progress: int | None) -> None:
    assert seen(body) == http.RunningJob(progress)


@pytest.mark.parametrize(("status", "progress"), [("NOT_START", None), ("SUBMITTED", 0)])
def test_a_task_that_is_not_begun_waits_in_a_queue(status: str, progress: int | None) -> None:
    body = {"status": status, "progress": "" if progress is None else f"{progress}%"}

    assert seen(body) == http.RunningJob(progress, queued=True)


def test_progress_counts_for_a_share_of_the_whole() -> None:
    body = {"status": "IN_PROGRESS", "progress": "50%"}

    assert seen(body, share=(0, 80)) == http.RunningJob(40)
    assert seen(body, share=(80, 100)) == http.RunningJob(90)


def test_only_success_has_a_picture() -> None:
    assert seen({"status": "SUCCESS", "imageUrl": "https://x/grid.png"}) == http.FinishedJob("https://x/grid.png")


@pytest.mark.parametrize("link", [None, "", 5])
def test_success_without_a_picture_is_no_image(link: Any) -> None:
    failure = seen({"status": "SUCCESS", "imageUrl": link})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.NO_IMAGE, True)


@pytest.mark.parametrize(("body", "status"), [(None, 200), (None, 204), ({"message": "no"}, 404)])
def test_an_unknown_task_is_missing(body: Any, status: int) -> None:
    assert isinstance(seen(body, status), http.MissingJob)


def failed(reason: Any, **options: str) -> http.JobState:
    return seen({"status": "FAILURE", "failReason": reason}, options={"fail_reasons": options} if options else {})


MODERATOR = "Sorry! Our AI moderator thinks this prompt is probably against our community standards."
REASONS: list[tuple[Any, FailureKind, Stage | None]] = [
    (f"[Banned prompt detected] {MODERATOR}", FailureKind.CONTENT_POLICY, Stage.INPUT),
    ("[Image denied] no", FailureKind.CONTENT_POLICY, Stage.INPUT),
    (f"[Request cancelled due to output filters] {MODERATOR}", FailureKind.CONTENT_POLICY, Stage.OUTPUT),
    (MODERATOR, FailureKind.CONTENT_POLICY, Stage.INPUT),
    ("[Invalid prompt] text", FailureKind.BAD_INPUT, None),
    ("[Invalid parameter] text", FailureKind.BAD_INPUT, None),
    ("[invalid link] text", FailureKind.BAD_INPUT, None),
    ("[Queue full] text", FailureKind.RATE_LIMITED, None),
    ("[Credits exhausted] text", FailureKind.QUOTA_EXHAUSTED, None),
    ("[Pending mod message] text", FailureKind.AUTH, None),
    ("[Blocked] text", FailureKind.AUTH, None),
    ("[Plan Cancelled] text", FailureKind.AUTH, None),
    ("[Subscription required] text", FailureKind.AUTH, None),
    ("[Subscription paused] text", FailureKind.AUTH, None),
    ("[Internal error] Something went wrong.", FailureKind.TRANSIENT, None),
    ("Internal server error", FailureKind.TRANSIENT, None),
    ("Failed to process your command :c", FailureKind.TRANSIENT, None),
    ("系统异常", FailureKind.TRANSIENT, None),
    ("任务超时", FailureKind.UNKNOWN_OUTCOME, None),
    ("the moon was blocked", FailureKind.BAD_INPUT, None),
    (None, FailureKind.BAD_INPUT, None),
]


@pytest.mark.parametrize(("reason", "kind", "stage"), REASONS)
def test_every_reason_has_its_kind_and_an_unknown_one_is_not_tried_again(
    reason: Any, kind: FailureKind, stage: Stage | None
) -> None:
    failure = failed(reason)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage) == (kind, stage)
    assert failure.reason.endswith(reason or "did not draw the picture")


def test_a_reason_may_mean_that_the_task_is_running() -> None:
    assert failed("[Action needed to continue] Confirm.") == http.RunningJob()


def test_every_known_reason_is_tested() -> None:
    reported = [str(reason).casefold() for reason, _, _ in REASONS] + ["[action needed to continue]"]

    assert [words for words in FAIL_REASONS if not any(words.casefold() in each for each in reported)] == []


@pytest.mark.parametrize(
    ("meaning", "kind", "stage"),
    [
        ("transient", FailureKind.TRANSIENT, None),
        ("content_policy:output", FailureKind.CONTENT_POLICY, Stage.OUTPUT),
    ],
)
def test_an_operator_may_teach_new_reasons(meaning: str, kind: FailureKind, stage: Stage | None) -> None:
    failure = failed("[Blocked] the relay timed out", **{"[blocked] the relay": meaning})

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.stage) == (kind, stage)


def test_an_operator_may_say_that_a_reason_is_no_end() -> None:
    assert failed("[Blocked] text", **{"[Blocked]": "pending"}) == http.RunningJob()


def test_a_task_that_was_cancelled_there_is_cancelled() -> None:
    failure = seen({"status": "CANCEL"})

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CANCELLED


# --- picking ----------------------------------------------------------------------------------------------------------


def test_the_first_picture_is_requested_by_its_button() -> None:
    assert encode_pick("17", {"buttons": [U2, U1]}, "s") == (
        "/mj/submit/action",
        {"taskId": "17", "customId": "MJ::JOB::upsample::1::abc", "state": "s"},
    )


@pytest.mark.parametrize("body", [{"buttons": []}, {"buttons": None}, {"buttons": [U2, "odd", {"label": "U1"}]}, {}])
def test_without_the_button_it_is_requested_by_its_number(body: Any) -> None:
    assert encode_pick("17", body, "s") == (
        "/mj/submit/change",
        {"taskId": "17", "action": "UPSCALE", "index": 1, "state": "s"},
    )


# --- against a relay --------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def grid() -> bytes:
    """Four pictures of four colours, the first of them red with one green pixel."""
    picture = Image.new("RGB", (40, 20), "blue")
    picture.paste("red", (0, 0, 20, 10))
    picture.putpixel((19, 9), (0, 255, 0))
    held = io.BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()


ACCEPTED = {"code": 1, "description": "ok", "result": "17", "properties": {}}
UPSCALED = {**ACCEPTED, "result": "18"}
HANDLE = {"id": "17", "since": 1000.0}
PRESS_U1 = {"taskId": "17", "customId": U1["customId"], "state": "attempt-1:U1"}
WRITTEN_DOWN = {**HANDLE, "pick": {"ask": ["/mj/submit/action", PRESS_U1]}}
SENT = {**HANDLE, "pick": {"id": "18", "since": 1000.0}}
ONE = b"\x89PNG the first alone"
LIST = "/mj/task/list-by-condition"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server() -> AsyncIterator[FakeVendor]:
    async with fake_vendor() as one:
        one.reply(LIST, Reply([]))
        one.reply("/mj/task/list", Reply(status=404))
        one.reply("/grid.png", Reply(grid()))
        one.reply("/one.png", Reply(ONE))
        one.reply("/mj/task/17/fetch", Reply(done(one, "/grid.png")))
        one.reply("/mj/submit/action", Reply(UPSCALED))
        one.reply("/mj/task/18/fetch", Reply(done(one, "/one.png")))
        yield one


Open = Callable[[], MidjourneyProvider]


@pytest.fixture
async def opened(server: FakeVendor, clock: Clock) -> AsyncIterator[Open]:
    """Each call is a worker that starts afresh."""
    workers: list[MidjourneyProvider] = []

    def start() -> MidjourneyProvider:
        workers.append(MidjourneyProvider(VendorAccount(server.url, KEY), clock))
        return workers[-1]

    yield start
    for worker in workers:
        await worker.close()


def done(server: FakeVendor, path: str, **facts: Any) -> dict[str, Any]:
    return {"status": "SUCCESS", "progress": "100%", "imageUrl": f"{server.url}{path}", "buttons": [U1], **facts}


def nothing(_progress: int) -> None:
    """Nobody listens to the progress."""


async def polled(
    relay: MidjourneyProvider, asked: GenerationRequest, times: int, handle: Mapping[str, Any] = HANDLE
) -> list[Delivered | Pending | Failure]:
    """So many answers, each asked for by the newest handle, as a worker does that writes each down."""
    answers: list[Delivered | Pending | Failure] = []
    for _ in range(times):
        answers.append(await relay.poll(handle, asked))
        if isinstance(answers[-1], Pending):
            handle = answers[-1].handle or handle
    return answers


async def test_a_grid_is_drawn_and_its_first_picture_upscaled(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    server.reply("/mj/submit/imagine", Reply(ACCEPTED))
    preview = {"status": "IN_PROGRESS", "progress": "50%", "imageUrl": f"{server.url}/preview.webp"}
    server.reply("/mj/task/17/fetch", Reply(preview), Reply(done(server, "/grid.png")))
    server.reply(
        "/mj/task/18/fetch", Reply({"status": "IN_PROGRESS", "progress": "50%"}), Reply(done(server, "/one.png"))
    )
    asked, relay = order(tmp_path, "midjourney"), opened()

    accepted = await relay.submit(asked, nothing)
    *polls, end = await polled(relay, asked, 5)

    assert accepted == Accepted(HANDLE, 2.5)
    assert polls == [Pending(40, 2.5), Pending(80, 0.0, WRITTEN_DOWN), Pending(80, 2.5, SENT), Pending(90, 2.5)]
    assert isinstance(end, Delivered)
    assert end.picture.source.read_bytes() == ONE
    assert end.served_by == {
        "provider": "midjourney",
        "model": "midjourney",
        "generative": True,
        "vendor_id": "17",
        "picked_by": "upscale",
    }
    assert "/preview.webp" not in server.paths()
    assert server.paths().count("/mj/submit/action") == 1
    keyed = [each.headers.get("mj-api-secret") for each in server.received]
    assert keyed == [KEY] * (len(keyed) - 1) + [None]


@pytest.mark.parametrize(
    "refusal",
    [
        Reply({"code": 4, "description": "customId错误"}),
        Reply({"code": 23, "description": "full"}),
        Reply({"code": 9, "description": "系统异常"}),
        Reply(status=500),
        HANG_UP,
    ],
    ids=["4", "23", "9", "http 500", "cut"],
)
async def test_a_relay_that_does_not_upscale_leaves_the_grid_to_be_cut(
    server: FakeVendor, opened: Open, tmp_path: Path, refusal: Reply
) -> None:
    server.reply("/mj/submit/action", refusal)

    _, delivered = await polled(opened(), order(tmp_path, "midjourney"), 2)

    assert isinstance(delivered, Delivered)
    assert delivered.served_by["picked_by"] == "crop"
    with Image.open(delivered.picture.source) as picture:
        assert (picture.format, picture.size) == ("PNG", (20, 10))
        assert picture.getpixel((0, 0)) == (255, 0, 0)
        assert picture.getpixel((19, 9)) == (0, 255, 0)


@pytest.mark.parametrize(
    "trouble",
    [
        Reply({"status": "FAILURE", "failReason": "[Queue full] no"}),
        Reply({"status": "CANCEL"}),
        Reply({"status": "SUCCESS", "imageUrl": None}),
    ],
)
async def test_after_a_failed_upscale_the_grid_is_cropped(
    server: FakeVendor, opened: Open, tmp_path: Path, trouble: Reply
) -> None:
    server.reply("/mj/task/18/fetch", trouble)

    *_, delivered = await polled(opened(), order(tmp_path, "midjourney"), 3)

    assert isinstance(delivered, Delivered)
    assert delivered.served_by["picked_by"] == "crop"


async def test_after_a_missing_upscale_the_grid_is_cropped(
    server: FakeVendor, opened: Open, clock: Clock, tmp_path: Path
) -> None:
    server.reply("/mj/task/18/fetch", Reply(status=204))
    asked, relay = order(tmp_path, "midjourney"), opened()
    first = await relay.poll(SENT, asked)
    clock.now_s = 1009.9
    early = await relay.poll(SENT, asked)
    clock.now_s = 1010.0
    late = await relay.poll(SENT, asked)

    assert first == Pending(None, 1.0)
    assert isinstance(early, Pending)
    assert isinstance(late, Delivered)


async def test_that_the_grid_is_to_be_cut_is_written_down_when_it_takes_a_while(
    server: FakeVendor, opened: Open, tmp_path: Path
) -> None:
    server.reply("/mj/submit/action", Reply({"code": 4, "description": "no"}))
    server.reply("/grid.png", Reply(status=503))
    asked = order(tmp_path, "midjourney")

    _, pending = await polled(opened(), asked, 2)
    server.reply("/grid.png", Reply(grid()))
    assert isinstance(pending, Pending)
    assert pending.handle == {**HANDLE, "pick": {"cut": True}}
    delivered = await opened().poll(pending.handle, asked)

    assert isinstance(delivered, Delivered)
    assert server.paths().count("/mj/submit/action") == 1


async def test_a_route_may_choose_to_cut(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    delivered = await opened().poll(HANDLE, order(tmp_path, "midjourney", options={"pick": "crop"}))

    assert isinstance(delivered, Delivered)
    assert server.paths() == ["/mj/task/17/fetch", "/grid.png"]


async def test_a_grid_that_cannot_be_read_is_a_bad_output(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    server.reply("/grid.png", Reply(grid()[:60]))

    failure = await opened().poll(HANDLE, order(tmp_path, "midjourney", options={"pick": "crop"}))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)


async def test_a_grid_that_is_missing_is_polled_until_the_tasks_deadline(
    server: FakeVendor, opened: Open, clock: Clock, tmp_path: Path
) -> None:
    server.reply("/mj/task/17/fetch", Reply(status=204))
    relay = opened()

    for clock.now_s, wait_s in ((1000.0, 1.0), (1060.0, 2.5), (4600.0, 2.5)):
        assert await relay.poll(HANDLE, order(tmp_path, "midjourney")) == Pending(None, wait_s)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 20\n%%EndComments\nshowpage\n", "neither"),
        (b"GIF89a" + bytes(60), "neither"),
        (b"BM" + bytes(60), "neither"),
    ],
    ids=["eps", "gif", "bmp"],
)
async def test_a_grid_is_opened_as_png_jpeg_or_webp_alone(
    server: FakeVendor, opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, made: bytes, words: str
) -> None:
    def ghostscript(*_: Any, **__: Any) -> None:
        raise AssertionError("another decoder was asked")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", ghostscript)
    monkeypatch.setattr("PIL.Image.open", ghostscript)
    server.reply("/grid.png", Reply(made))

    failure = await opened().poll(HANDLE, order(tmp_path, "midjourney", options={"pick": "crop"}))

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.charged) == (FailureKind.BAD_OUTPUT, True)
    assert words in failure.reason


async def test_a_grid_of_too_many_pixels_is_not_decoded(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    head = bytearray(grid())
    head[16:24] = (20_000).to_bytes(4) + (20_000).to_bytes(4)
    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4)
    server.reply("/grid.png", Reply(bytes(head)))

    failure = await opened().poll(HANDLE, order(tmp_path, "midjourney", options={"pick": "crop"}))

    assert isinstance(failure, Failure)
    assert "20000 x 20000 pixels" in failure.reason


@pytest.mark.parametrize(("handle", "job"), [(HANDLE, "17"), (SENT, "18"), (WRITTEN_DOWN, "17")])
@pytest.mark.parametrize(
    ("answer", "accepted", "detail"),
    [
        (Reply(ACCEPTED), True, "code 1"),
        (Reply({"code": 3, "description": "no"}), False, "code 3"),
        (Reply(status=404), False, "HTTP 404"),
        (HANG_UP, False, "closed the connection"),
    ],
)
async def test_the_job_that_runs_is_cancelled(
    server: FakeVendor,
    opened: Open,
    tmp_path: Path,
    *,
    handle: dict[str, Any],
    job: str,
    answer: Reply,
    accepted: bool,
    detail: str,
) -> None:
    server.reply(f"/mj/task/{job}/cancel", answer)

    cancellation = await opened().cancel(handle, order(tmp_path, "midjourney"))

    assert cancellation.accepted is accepted
    assert detail in cancellation.detail
    assert [(each.method, each.path) for each in server.received] == [("POST", f"/mj/task/{job}/cancel")]


@pytest.mark.parametrize("lists", [LIST, "/mj/task/list"])
async def test_a_new_worker_finds_an_upscale_that_may_have_been_sent_by_its_state(
    server: FakeVendor, opened: Open, tmp_path: Path, lists: str
) -> None:
    server.reply(lists, Reply([{"id": "5", "state": "attempt-1"}, {"id": "18", "state": "attempt-1:U1"}]))

    pending, end = await polled(opened(), order(tmp_path, "midjourney"), 2, WRITTEN_DOWN)

    assert pending == Pending(80, 2.5, SENT)
    assert isinstance(end, Delivered)
    assert end.picture.source.read_bytes() == ONE
    assert "/mj/submit/action" not in server.paths()


async def test_an_upscale_that_may_have_been_sent_and_is_not_found_is_not_sent_again(
    server: FakeVendor, opened: Open, tmp_path: Path
) -> None:
    delivered = await opened().poll(WRITTEN_DOWN, order(tmp_path, "midjourney"))

    assert isinstance(delivered, Delivered)
    assert delivered.served_by["picked_by"] == "crop"
    assert "/mj/submit/action" not in server.paths()


async def test_a_new_worker_polls_the_upscale_of_the_handle(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    delivered = await opened().poll(SENT, order(tmp_path, "midjourney"))

    assert isinstance(delivered, Delivered)
    assert server.paths() == ["/mj/task/18/fetch", "/one.png"]


async def test_an_upscale_is_never_sent_twice_by_one_worker(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    asked, relay = order(tmp_path, "midjourney"), opened()
    await relay.poll(HANDLE, asked)

    await relay.poll(WRITTEN_DOWN, asked)
    again = await relay.poll(WRITTEN_DOWN, asked)

    assert isinstance(again, Delivered)
    assert again.served_by["picked_by"] == "crop"
    assert server.paths().count("/mj/submit/action") == 1


async def test_an_upscale_whose_answer_was_cut_off_is_found_by_its_state(
    server: FakeVendor, opened: Open, tmp_path: Path
) -> None:
    server.reply("/mj/submit/action", HANG_UP)
    server.reply(LIST, Reply([{"id": "18", "state": "attempt-1:U1"}]))

    *_, pending, end = await polled(opened(), order(tmp_path, "midjourney"), 3)

    assert pending == Pending(80, 2.5, SENT)
    assert isinstance(end, Delivered)
    assert server.paths().count("/mj/submit/action") == 1


async def test_an_upscale_that_exists_already_is_followed(server: FakeVendor, opened: Open, tmp_path: Path) -> None:
    server.reply("/mj/submit/action", Reply({**UPSCALED, "code": 21}))

    *_, end = await polled(opened(), order(tmp_path, "midjourney"), 3)

    assert isinstance(end, Delivered)
    assert end.picture.source.read_bytes() == ONE


@pytest.mark.parametrize("lists", [LIST, "/mj/task/list"])
async def test_a_request_without_a_response_is_found_by_its_state(
    server: FakeVendor, opened: Open, tmp_path: Path, lists: str
) -> None:
    server.reply("/mj/submit/imagine", HANG_UP)
    server.reply(lists, Reply([{"id": "17", "state": "attempt-1"}]))

    assert await opened().submit(order(tmp_path, "midjourney"), nothing) == Accepted(HANDLE, 2.5)
    assert server.paths().count("/mj/submit/imagine") == 1


async def test_a_request_that_is_not_found_by_its_state_has_an_unknown_outcome(
    server: FakeVendor, opened: Open, tmp_path: Path
) -> None:
    server.reply("/mj/submit/imagine", HANG_UP)

    failure = await opened().submit(order(tmp_path, "midjourney"), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNKNOWN_OUTCOME


async def test_an_order_that_never_left_is_not_looked_for(tmp_path: Path) -> None:
    relay = MidjourneyProvider(VendorAccount(unreachable_url(), KEY))

    failure = await relay.submit(order(tmp_path, "midjourney"), nothing)
    await relay.close()

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("silence", [Reply(status=502), Reply(status=429), Reply(status=401), HANG_UP])
async def test_a_poll_without_an_answer_is_repeated(
    server: FakeVendor, opened: Open, tmp_path: Path, silence: Reply
) -> None:
    server.reply("/mj/task/17/fetch", silence)

    assert await opened().poll(HANDLE, order(tmp_path, "midjourney")) == Pending(None, 2.0)


@pytest.mark.parametrize(
    ("upstream", "pictures", "kind"),
    [("dreamer", 0, FailureKind.MODEL_UNAVAILABLE), ("midjourney", 6, FailureKind.BAD_INPUT)],
)
async def test_what_a_model_cannot_do_is_never_sent(
    server: FakeVendor, opened: Open, tmp_path: Path, *, upstream: str, pictures: int, kind: FailureKind
) -> None:
    failure = await opened().submit(order(tmp_path, upstream, references=references(pictures)), nothing)

    assert isinstance(failure, Failure)
    assert failure.kind is kind
    assert server.received == []


async def test_the_speed_is_a_prefix_of_the_base_url(server: FakeVendor, tmp_path: Path) -> None:
    server.reply("/mj-fast/mj/submit/imagine", Reply(ACCEPTED))
    relay = MidjourneyProvider(VendorAccount(f"{server.url}/mj-fast", KEY))

    accepted = await relay.submit(order(tmp_path, "midjourney"), nothing)
    await relay.close()

    assert isinstance(accepted, Accepted)
