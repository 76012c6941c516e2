"""Fakes for tests: manual clocks, a scripted vendor, recorded signals."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner.domain.ids import TaskId
from limner.domain.routing.failure import Failure
from limner.ports.provider import Accepted, Delivered, GenerationRequest, JobCancellation, Pending, Picture, Report
from limner.providers.sandbox import card

NOON_MS = 1_800_000_000_000
"""The time at which a test starts."""


@dataclass
class ManualClock:
    """A clock that a test moves; a sleep moves it as well, and returns at once."""

    ms: int = NOON_MS
    slept: list[float] = field(default_factory=list)
    asleep: asyncio.Event = field(default_factory=asyncio.Event)

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self._note(seconds)
        self.pass_time(seconds)
        await asyncio.sleep(0)

    async def wait_for_sleeps(self, times: int = 1) -> None:
        """Wait until so many sleeps have started."""
        while len(self.slept) < times:
            self.asleep.clear()
            await self.asleep.wait()

    def _note(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()

    def pass_time(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@dataclass
class FrozenClock(ManualClock):
    """A manual clock on which a sleep never ends."""

    async def sleep(self, seconds: float) -> None:
        self._note(seconds)
        await asyncio.get_running_loop().create_future()


@dataclass
class RecordedSignals:
    """Records the signals that it gets."""

    arrived: int = 0
    cancelled: list[TaskId] = field(default_factory=list)

    def work_arrived(self) -> None:
        self.arrived += 1

    async def wait_for_work(self, at_most_s: float) -> None:
        raise AssertionError("no wait was expected")

    def cancel_run(self, task: TaskId) -> None:
        self.cancelled.append(task)


Answer = Delivered | Accepted | Pending | Failure
ScriptLine = Answer | Callable[[GenerationRequest], Any]


@dataclass
class ScriptedProvider:
    """Gives one answer of its script per call. A line may be a function of the order, sync or async."""

    script: list[ScriptLine] = field(default_factory=list)
    name: str = "scripted"
    resumable: bool = True
    free: bool = False
    submits: list[GenerationRequest] = field(default_factory=list)
    polls: list[Mapping[str, Any]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for_calls(self, times: int = 1) -> None:
        """Wait until there were so many calls, submits and polls together."""
        while len(self.submits) + len(self.polls) < times:
            self.called.clear()
            await self.called.wait()

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        self.submits.append(order)
        answer: Delivered | Accepted | Failure = await self._next(order)
        return answer

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        self.polls.append(handle)
        answer: Delivered | Pending | Failure = await self._next(order)
        return answer

    async def close(self) -> None:
        """Has nothing to release."""

    async def _next(self, order: GenerationRequest) -> Any:
        self.called.set()
        assert self.script, "the provider was called more often than its script says"
        line = self.script.pop(0)
        answer = line(order) if callable(line) else line
        return await answer if asyncio.iscoroutine(answer) else answer


@dataclass
class CancellingVendor(ScriptedProvider):
    """A vendor that can be asked to stop a job."""

    cancelled: list[Mapping[str, Any]] = field(default_factory=list)

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        self.cancelled.append(handle)
        return JobCancellation(accepted=True, detail="HTTP 202")


def picture(order: GenerationRequest) -> Delivered:
    """A script line: a valid picture, drawn from the prompt."""
    return _delivered(order, card(order.prompt))


def invalid_picture(order: GenerationRequest) -> Delivered:
    """A script line: bytes that are not a picture."""
    return _delivered(order, b"<html>502 Bad Gateway</html>")


def gif(order: GenerationRequest) -> Delivered:
    """A script line: a picture in a format that is not taken."""
    return _delivered(order, b"GIF89a\x40\0\x30\0\0\0\0;")


def content_of(delivered: Delivered) -> bytes:
    """The bytes of a delivered picture, which is a file or small."""
    source = delivered.picture.source
    return source if isinstance(source, bytes) else source.read_bytes()


async def never_answers(order: GenerationRequest) -> Delivered:
    """A script line: the vendor never answers."""
    never: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
    return await never


def _delivered(order: GenerationRequest, data: bytes) -> Delivered:
    path = _file(order.workdir)
    path.write_bytes(data)
    return Delivered(Picture(path), {"generative": True}, cost_usd=0.04)


def _file(workdir: Path) -> Path:
    return workdir / f"delivered-{sum(1 for _ in workdir.iterdir())}"


def picture_file(folder: Path) -> Path:
    """A reference picture as a file."""
    path = folder / "reference.png"
    path.write_bytes(card("a reference"))
    return path
