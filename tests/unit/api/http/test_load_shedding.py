"""How much is worked on at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from limner.api.http import load_shedding
from limner.api.http.load_shedding import (
    FILE_MEMORY,
    LARGE_BODY,
    MIN_CAPACITY,
    MIN_OBSERVED_S,
    ConcurrencyLimit,
    LoadShedding,
    MemoryBudget,
)
from limner.api.http.middleware import LARGEST_JSON, MIB
from limner.api.v2.errors import answer
from limner.domain.refusal import Refusal

MEMORY = 8 * MIB


@dataclass
class Inside:
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
class Door:
    """Requests come in here, and their statuses go out."""

    load: LoadShedding

    async def ask(
        self, method: str = "POST", path: str = "/task", receive: Receive | None = None, **headers: str
    ) -> int:
        told: list[Message] = []
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": named}

        async def hear(message: Message) -> None:
            told.append(message)

        await self.load(scope, receive or nothing, hear)
        return int(told[0]["status"])


async def nothing() -> Message:
    return {"type": "http.request"}


def refused(_scope: Scope, refusal: Refusal) -> Any:
    return answer(refusal)


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
def door(inside: Inside) -> Door:
    return Door(LoadShedding(inside, refused, at_once=2, memory=MEMORY, reading={"/task/batch"}))


async def enter_many(inside: Inside, ask: Callable[[], Any], count: int) -> list["asyncio.Task[int]"]:
    """So many requests that are being worked on."""
    before = len(inside.entered)
    asked = [asyncio.create_task(ask()) for _ in range(count)]
    await inside.has_entered(before + count)
    return asked


async def test_what_is_too_much_is_refused_at_once_and_room_is_made_by_who_is_done(inside: Inside, door: Door) -> None:
    at_work = await enter_many(inside, door.ask, 2)
    refused_status = await door.ask()
    inside.go.set()

    assert refused_status == 503
    assert await asyncio.gather(*at_work) == [200, 200]
    assert await door.ask() == 200


async def test_reads_have_room_of_their_own_and_so_have_changes(inside: Inside, door: Door) -> None:
    await enter_many(inside, door.ask, 2)
    await enter_many(inside, lambda: door.ask("GET"), 1)
    await enter_many(inside, lambda: door.ask("POST", "/task/batch"), 1)

    assert [await door.ask("HEAD"), await door.ask()] == [503, 503]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_whether_it_lives_is_always_told(inside: Inside, door: Door, path: str) -> None:
    await enter_many(inside, lambda: door.ask("GET"), 2)

    assert len(await enter_many(inside, lambda: door.ask("GET", path), 20)) == 20


async def test_who_waits_for_a_client_takes_no_room(inside: Inside, door: Door) -> None:
    inside.reads, came = True, asyncio.Event()

    async def slow() -> Message:
        await came.wait()
        return {"type": "http.request"}

    slow_ones = await enter_many(inside, lambda: door.ask(receive=slow), 50)
    inside.reads = False
    quick_ones = await enter_many(inside, door.ask, 2)
    came.set()
    inside.go.set()

    assert await asyncio.gather(*slow_ones, *quick_ones) == [200] * 52
    assert await door.ask() == 200


async def test_an_application_that_breaks_gives_its_room_back(inside: Inside, door: Door) -> None:
    async def breaks(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise LookupError

    broken = Door(LoadShedding(breaks, refused, at_once=1, memory=MEMORY))
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


def overloaded(room: int = 1000) -> tuple[ConcurrencyLimit, Watch]:
    """A lane in which so many are that its pace is watched."""
    watch = Watch()
    lane = ConcurrencyLimit(room, watch)
    for _ in range(MIN_CAPACITY):
        lane.enter()
    return lane, watch


def served(lane: ConcurrencyLimit, watch: Watch, count: int, each_s: float) -> None:
    """So many come one after the other, beside those that are in the lane."""
    for _ in range(count):
        lane.enter()
        watch.at_s += each_s
        lane.leave()


def filled(lane: ConcurrencyLimit, at_most: int = 5000) -> int:
    """How many are in the lane when it is full."""
    while not lane.is_full():
        lane.enter()
        assert lane._busy < at_most
    return lane._busy


@pytest.mark.parametrize(("each_s", "holds"), [(1 / 8, 41), (1 / 64, 321), (1 / 1024, 1000)])
def test_as_many_are_let_in_as_are_soon_done_at_the_pace_of_the_last_seconds(each_s: float, holds: int) -> None:
    lane, watch = overloaded()
    served(lane, watch, int(4 / each_s), each_s)

    assert filled(lane) == holds


def test_before_anything_is_known_about_the_pace_the_room_alone_counts() -> None:
    lane, watch = overloaded(room=100)
    watch.at_s += MIN_OBSERVED_S / 2

    assert filled(lane) == 100


def test_a_few_are_let_in_at_any_pace() -> None:
    lane, watch = overloaded()
    watch.at_s += 60

    assert filled(lane) == MIN_CAPACITY


def test_a_rate_without_load_says_nothing_about_the_capacity() -> None:
    watch = Watch()
    lane = ConcurrencyLimit(100, watch)
    lane.enter()  # somebody who stays, as a long download
    served(lane, watch, 10, 60.0)

    assert filled(lane) == 100


def test_slow_requests_are_forgotten_after_the_overload() -> None:
    lane, watch = overloaded(room=100)
    watch.at_s += 60
    for _ in range(MIN_CAPACITY):
        lane.leave()

    assert filled(lane) == 100


def test_a_pace_that_changes_is_noticed_within_seconds() -> None:
    lane, watch = overloaded()
    served(lane, watch, 30_000, 1 / 1024)
    served(lane, watch, 100, 1 / 8)

    assert filled(lane) == 41


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "taken"),
    [
        ("POST", {"content_length": "100"}, 0),
        ("POST", {"content_length": str(LARGE_BODY)}, 2 * LARGE_BODY),
        ("POST", {"transfer_encoding": "chunked"}, 2 * LARGEST_JSON),
        ("POST", {"content_type": "multipart/form-data; boundary=b", "content_length": "9000000"}, FILE_MEMORY),
        ("PUT", {"content_length": "9000000"}, FILE_MEMORY),
        ("GET", {"content_length": "9000000"}, 0),
        ("POST", {"content_length": str(LARGEST_JSON + 1)}, 0),
        ("POST", {"content_length": "9" * 5000}, 0),
        ("POST", {"content_length": "many"}, 0),
    ],
)
async def test_a_large_body_counts_for_what_it_takes(
    inside: Inside, method: str, headers: dict[str, str], taken: int
) -> None:
    door = Door(LoadShedding(inside, refused, at_once=9, memory=100 * MIB))
    await enter_many(inside, lambda: door.ask(method, **headers), 1)

    assert door.load._memory.taken == taken


async def test_large_bodies_wait_for_memory_in_line(inside: Inside, door: Door) -> None:
    first = await enter_many(inside, lambda: door.ask("PUT", "/one"), 1)
    waiting = [asyncio.create_task(door.ask(content_length=str(n * MIB))) for n in (4, 3)]
    await asyncio.sleep(0)
    small = await enter_many(inside, door.ask, 1)
    entered_before = len(inside.entered)
    inside.go.set()

    assert entered_before == 2
    assert await asyncio.gather(*first, *waiting, *small) == [200] * 4
    assert door.load._memory.taken == 0


async def test_who_waits_too_long_is_refused(inside: Inside, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_shedding, "WAIT_S", 0.01)
    await enter_many(inside, lambda: door.ask(content_length=str(4 * MIB)), 1)

    assert await door.ask("PUT") == 503


async def test_the_line_has_an_end(inside: Inside, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_shedding, "MAX_WAITING", 3)
    await enter_many(inside, lambda: door.ask(content_length=str(4 * MIB)), 1)
    waiting = [asyncio.create_task(door.ask("PUT")) for _ in range(3)]
    await asyncio.sleep(0)

    assert await door.ask("PUT") == 503
    inside.go.set()
    assert await asyncio.gather(*waiting) == [200] * 3


async def test_a_body_larger_than_all_memory_is_worked_on_alone() -> None:
    memory = MemoryBudget(10)
    taken = await memory.take(1000)
    memory.give(taken)

    assert (taken, memory.taken) == (10, 0)


async def test_who_gives_up_waiting_takes_nothing_with_him() -> None:
    memory = MemoryBudget(10)
    await memory.take(10)
    impatient, patient = [asyncio.create_task(memory.take(10)) for _ in range(2)]
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    memory.give(10)

    assert await patient == 10
    memory.give(10)
    assert memory.taken == 0
