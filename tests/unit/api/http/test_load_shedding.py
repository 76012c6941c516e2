"""How much is worked on at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from limner.api.app import _is_held
from limner.api.http import load_shedding
from limner.api.http.load_shedding import (
    FILE_MEMORY,
    LARGE_BODY,
    MIN_CAPACITY,
    MIN_OBSERVED_S,
    BodyMemory,
    ConcurrencyLimit,
    LoadShedding,
    MemoryBudget,
    Slot,
)
from limner.api.http.middleware import LARGEST_JSON, MIB
from limner.api.v2.errors import answer
from limner.application.accounts.fair_share import FairShare
from limner.domain.refusal import Refusal
from limner.ports.acting_account import acting_for

MEMORY = 8 * MIB


@dataclass
class Application:
    """An application whose requests are worked on until they are let go. `waits_for` is what a request waits in."""

    entered: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    reads: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.changed:
            self.entered.append(scope["path"])
            self.changed.notify_all()
        if self.reads:
            await receive()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def has_entered(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.entered) >= count)


@dataclass
class Middleware:
    """Requests come in here, and their statuses go out."""

    load: LoadShedding

    async def ask(
        self, method: str = "POST", path: str = "/task", receive: Receive | None = None, **headers: str
    ) -> int:
        reported: list[Message] = []
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": named}

        async def on_message(message: Message) -> None:
            reported.append(message)

        await self.load(scope, receive or nothing, on_message)
        return int(reported[0]["status"])


async def nothing() -> Message:
    return {"type": "http.request"}


def refused(_scope: Scope, refusal: Refusal) -> Any:
    return answer(refusal)


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def middleware(application: Application) -> Middleware:
    return Middleware(LoadShedding(application, refused, at_once=2, memory=MEMORY, reading={"/task/batch"}))


async def enter_many(application: Application, ask: Callable[[], Any], count: int) -> list["asyncio.Task[int]"]:
    """So many requests that are being worked on."""
    before = len(application.entered)
    asked = [asyncio.create_task(ask()) for _ in range(count)]
    await application.has_entered(before + count)
    return asked


async def test_requests_over_the_limit_are_refused_until_one_ends(
    application: Application, middleware: Middleware
) -> None:
    at_work = await enter_many(application, middleware.ask, 2)
    refused_status = await middleware.ask()
    application.go.set()

    assert refused_status == 503
    assert await asyncio.gather(*at_work) == [200, 200]
    assert await middleware.ask() == 200


async def test_reads_and_writes_have_separate_limits(application: Application, middleware: Middleware) -> None:
    await enter_many(application, middleware.ask, 2)
    await enter_many(application, lambda: middleware.ask("GET"), 1)
    await enter_many(application, lambda: middleware.ask("POST", "/task/batch"), 1)

    assert [await middleware.ask("HEAD"), await middleware.ask()] == [503, 503]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_checks_are_never_shed(application: Application, middleware: Middleware, path: str) -> None:
    await enter_many(application, lambda: middleware.ask("GET"), 2)

    assert len(await enter_many(application, lambda: middleware.ask("GET", path), 20)) == 20


async def test_a_request_that_waits_for_its_client_takes_no_slot(
    application: Application, middleware: Middleware
) -> None:
    application.reads, came = True, asyncio.Event()

    async def slow() -> Message:
        await came.wait()
        return {"type": "http.request"}

    slow_ones = await enter_many(application, lambda: middleware.ask(receive=slow), 50)
    application.reads = False
    quick_ones = await enter_many(application, middleware.ask, 2)
    came.set()
    application.go.set()

    assert await asyncio.gather(*slow_ones, *quick_ones) == [200] * 52
    assert await middleware.ask() == 200


async def test_a_request_that_waits_for_its_client_in_two_ways_counts_as_nothing_and_not_as_less() -> None:
    """A stream is watched for its client's departure while it sends."""
    limit, go, waiting = ConcurrencyLimit(1), asyncio.Event(), asyncio.Semaphore(0)

    async def client(*_: Message) -> Message:
        waiting.release()
        await go.wait()
        return {"type": "http.disconnect"}

    receive, send = Slot(limit).outside(client, client)  # type: ignore[arg-type] - send answers nothing
    both = [asyncio.ensure_future(receive()), asyncio.ensure_future(send({"type": "http.response.body"}))]
    for _ in both:
        await waiting.acquire()
    is_free = not limit.is_full()
    Slot(limit)

    assert is_free
    assert limit.is_full()
    go.set()
    await asyncio.gather(*both)


async def test_a_request_that_left_its_slot_counts_as_nothing_then_and_at_its_end() -> None:
    limit = ConcurrencyLimit(1)
    slot = Slot(limit)
    receive, _ = slot.outside(nothing, nothing)  # type: ignore[arg-type] - nothing is sent
    slot.leave()
    await receive()
    slot.leave()
    is_free = not limit.is_full()
    Slot(limit)

    assert is_free
    assert limit.is_full()


class Sharing:
    """An application in which one request at a time is worked on, and accounts take turns. A path names the account."""

    def __init__(self) -> None:
        self.share = FairShare(1, 1)
        self.go = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.release()
        try:
            with acting_for(scope["path"]):
                async with self.share.slot():
                    await self.go.wait()
        except Refusal as refusal:
            await answer(refusal)(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def has_been_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            for _ in range(times):
                await self.asked.acquire()


async def test_requests_that_wait_for_their_account_s_turn_leave_room_for_those_of_others() -> None:
    sharing = Sharing()
    middleware = Middleware(LoadShedding(sharing, refused, at_once=20, memory=MEMORY))
    greedy = [asyncio.create_task(middleware.ask(path="/greedy")) for _ in range(11)]
    await sharing.has_been_asked(11)
    quiet = [asyncio.create_task(middleware.ask(path="/quiet")) for _ in range(10)]
    await sharing.has_been_asked(10)

    sharing.go.set()

    assert await asyncio.gather(*greedy, *quiet) == [200] * 21


async def test_the_waiting_requests_of_one_account_take_half_the_capacity_at_most() -> None:
    sharing = Sharing()
    middleware = Middleware(LoadShedding(sharing, refused, at_once=20, memory=MEMORY))
    greedy = [asyncio.create_task(middleware.ask(path="/greedy")) for _ in range(11)]
    await sharing.has_been_asked(11)

    assert await middleware.ask(path="/greedy") == 503

    sharing.go.set()
    assert await asyncio.gather(*greedy) == [200] * 11
    assert await middleware.ask(path="/greedy") == 200


async def test_a_failing_application_releases_its_slot(application: Application, middleware: Middleware) -> None:
    async def breaks(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError

    broken = Middleware(LoadShedding(breaks, refused, at_once=1, memory=MEMORY))
    for _ in range(5):
        with pytest.raises(LookupError):
            await broken.ask(content_length=str(LARGE_BODY))

    assert broken.load._memory.taken == 0


@dataclass
class Watch:
    """A clock to set by hand."""

    at_s: float = 0.0

    def __call__(self) -> float:
        return self.at_s


def overloaded(capacity: int = 1000) -> tuple[ConcurrencyLimit, Watch]:
    """A limit busy enough that the completion rate is measured."""
    watch = Watch()
    limit = ConcurrencyLimit(capacity, watch)
    for _ in range(MIN_CAPACITY):
        limit.enter()
    return limit, watch


def served(limit: ConcurrencyLimit, watch: Watch, count: int, each_s: float) -> None:
    """`count` requests one after the other, beside those that are admitted already."""
    for _ in range(count):
        limit.enter()
        watch.at_s += each_s
        limit.leave()


def filled(limit: ConcurrencyLimit, at_most: int = 5000) -> int:
    """Concurrent requests when the limit is full."""
    while not limit.is_full():
        limit.enter()
        assert limit._busy < at_most
    return limit._busy


@pytest.mark.parametrize(("each_s", "holds"), [(1 / 8, 41), (1 / 64, 321), (1 / 1024, 1000)])
def test_as_many_are_admitted_as_the_recent_rate_completes_in_time(each_s: float, holds: int) -> None:
    limit, watch = overloaded()
    served(limit, watch, int(4 / each_s), each_s)

    assert filled(limit) == holds


def test_calls_that_wait_for_their_tasks_do_not_slow_the_rate() -> None:
    limit, watch = overloaded()
    for _ in range(500):
        watch.at_s += 1 / 64
        limit.complete()  # accepted; it waits for its client from now on

    assert filled(limit) == 321


def test_before_the_rate_is_measured_only_the_capacity_limits() -> None:
    limit, watch = overloaded(capacity=100)
    watch.at_s += MIN_OBSERVED_S / 2

    assert filled(limit) == 100


def test_the_minimum_capacity_is_admitted_at_any_rate() -> None:
    limit, watch = overloaded()
    watch.at_s += 60

    assert filled(limit) == MIN_CAPACITY


def test_a_rate_without_load_says_nothing_about_the_capacity() -> None:
    watch = Watch()
    limit = ConcurrencyLimit(100, watch)
    limit.enter()  # somebody who stays, as a long download
    served(limit, watch, 10, 60.0)

    assert filled(limit) == 100


def test_slow_requests_are_forgotten_after_the_overload() -> None:
    limit, watch = overloaded(capacity=100)
    watch.at_s += 60
    for _ in range(MIN_CAPACITY):
        limit.leave()

    assert filled(limit) == 100


def test_a_changed_completion_rate_is_used_within_seconds() -> None:
    limit, watch = overloaded()
    served(limit, watch, 30_000, 1 / 1024)
    served(limit, watch, 100, 1 / 8)

    assert filled(limit) == 41


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "taken"),
    [
        ("POST", {"content_length": "100"}, 0),
        ("POST", {"content_length": str(LARGE_BODY)}, 2 * LARGE_BODY),
        ("POST", {"transfer_encoding": "chunked"}, 2 * LARGEST_JSON),
        ("POST", {"content_type": "multipart/form-data; boundary=b", "content_length": "9000000"}, FILE_MEMORY),
        ("POST", {"path": "/held", "content_type": "multipart/form-data", "content_length": "9000000"}, 18_000_000),
        ("PUT", {"content_length": "9000000"}, FILE_MEMORY),
        ("GET", {"content_length": "9000000"}, 0),
        ("POST", {"content_length": str(LARGEST_JSON + 1)}, 0),
        ("POST", {"content_length": "9" * 5000}, 0),
        ("POST", {"content_length": "many"}, 0),
    ],
)
async def test_a_large_body_counts_for_what_it_takes(
    application: Application, method: str, headers: dict[str, str], taken: int
) -> None:
    load = LoadShedding(application, refused, at_once=9, memory=100 * MIB, held=lambda path: path == "/held")
    middleware = Middleware(load)
    await enter_many(application, lambda: middleware.ask(method, **headers), 1)

    assert middleware.load._memory.taken == taken


async def test_large_bodies_wait_for_memory_in_order(application: Application, middleware: Middleware) -> None:
    first = await enter_many(application, lambda: middleware.ask("PUT", "/one"), 1)
    waiting = [asyncio.create_task(middleware.ask(content_length=str(n * MIB))) for n in (4, 3)]
    await asyncio.sleep(0)
    small = await enter_many(application, middleware.ask, 1)
    entered_before = len(application.entered)
    application.go.set()

    assert entered_before == 2
    assert await asyncio.gather(*first, *waiting, *small) == [200] * 4
    assert middleware.load._memory.taken == 0


async def test_a_wait_for_memory_ends_with_a_refusal(
    application: Application, middleware: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_shedding, "WAIT_S", 0.01)
    await enter_many(application, lambda: middleware.ask(content_length=str(4 * MIB)), 1)

    assert await middleware.ask("PUT") == 503


async def test_the_number_of_waiters_is_limited(
    application: Application, middleware: Middleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_shedding, "MAX_WAITING", 3)
    await enter_many(application, lambda: middleware.ask(content_length=str(4 * MIB)), 1)
    waiting = [asyncio.create_task(middleware.ask("PUT")) for _ in range(3)]
    await asyncio.sleep(0)

    assert await middleware.ask("PUT") == 503
    application.go.set()
    assert await asyncio.gather(*waiting) == [200] * 3


async def test_a_body_larger_than_all_memory_is_worked_on_alone() -> None:
    memory = MemoryBudget(10)
    taken = await memory.take(1000)
    memory.give(*taken)

    assert (taken, memory.taken) == (("", 10), 0)


async def test_a_cancelled_wait_reserves_no_memory() -> None:
    memory = MemoryBudget(10)
    await memory.take(10)
    cancelled, waiting = [asyncio.create_task(memory.take(10)) for _ in range(2)]
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    memory.give("", 10)

    assert await waiting == ("", 10)
    memory.give("", 10)
    assert memory.taken == 0


async def test_memory_of_a_body_that_was_read_is_returned_once() -> None:
    memory = MemoryBudget(10)
    body = BodyMemory(memory, await memory.take(10))
    other = asyncio.create_task(memory.take(8))
    await asyncio.sleep(0)
    body.release()
    body.release()

    assert await other == ("", 8)
    assert memory.taken == 8


@pytest.mark.parametrize(("kind", "taken"), [("multipart/form-data; boundary=b", 0), ("application/json", 2 * MIB)])
async def test_a_file_takes_memory_until_it_has_arrived_and_other_bodies_until_the_answer(
    application: Application, kind: str, taken: int
) -> None:
    application.reads = True
    middleware = Middleware(LoadShedding(application, refused, at_once=9, memory=100 * MIB))
    arrived = asyncio.Event()

    async def body() -> Message:
        await arrived.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    (asked,) = await enter_many(
        application, lambda: middleware.ask(receive=body, content_type=kind, content_length=str(MIB)), 1
    )
    before = middleware.load._memory.taken
    arrived.set()
    for _ in range(10):
        await asyncio.sleep(0)

    assert (before, middleware.load._memory.taken) == (2 * MIB, taken)
    application.go.set()
    assert await asked == 200
    assert middleware.load._memory.taken == 0


async def test_one_account_leaves_a_quarter_of_the_memory_to_others() -> None:
    memory = MemoryBudget(8)
    with acting_for("loud"):
        loud = [asyncio.create_task(memory.take(2)) for _ in range(5)]
    await asyncio.sleep(0)

    with acting_for("quiet"):
        taken = await memory.take(2)

    assert (taken, memory.taken) == (("quiet", 2), 8)
    for each in loud:
        each.cancel()


async def test_an_account_gets_memory_before_the_next_body_of_one_that_had_more() -> None:
    memory = MemoryBudget(4)
    with acting_for("loud"):
        held = await memory.take(4)
        waiting = [asyncio.create_task(memory.take(2)) for _ in range(3)]
        await asyncio.sleep(0)
    with acting_for("quiet"):
        quiet = asyncio.create_task(memory.take(2))
    await asyncio.sleep(0)

    memory.give(*held)

    assert await quiet == ("quiet", 2)
    for each in waiting:
        each.cancel()


async def test_requests_of_one_account_that_wait_for_memory_do_not_fill_the_line_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load_shedding, "MAX_WAITING", 1)
    memory = MemoryBudget(2)
    with acting_for("loud"):
        held = await memory.take(2)
        waiting = asyncio.create_task(memory.take(2))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await memory.take(2)
    with acting_for("quiet"):
        quiet = asyncio.create_task(memory.take(2))
    await asyncio.sleep(0)

    memory.give(*held)

    assert await quiet == ("quiet", 2)
    waiting.cancel()


@pytest.mark.parametrize(
    ("path", "held"),
    [
        ("/v1/images/edits", False),
        ("/studio/templates", True),
        ("/studio/uploads", False),
        ("/v2/openapi/upload", False),
        ("/v3/files", False),
    ],
)
def test_forms_that_stay_in_memory_are_known_by_their_path(path: str, *, held: bool) -> None:
    assert _is_held("/studio", path) is held
