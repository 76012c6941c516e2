"""A worker's parts around the real store, with a vendor that follows a script."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes import Line, ScriptedProvider
from limner.application.execute import Execute
from limner.application.interrupt import Reason
from limner.application.journal import Journal
from limner.application.pursue import Pursue
from limner.application.references import Prepare
from limner.application.routing import Routing
from limner.domain.ids import TaskId
from limner.domain.route import UnknownOutcome
from limner.domain.task import Task
from limner.intake.door import ImageIntake
from limner.ports.records import Key
from limner.worker.dispatcher import Dispatcher
from limner.worker.identity import Identity
from limner.worker.leases import LeaseKeeper
from limner.worker.rescuer import Rescuer
from limner.worker.running import Running
from limner.worker.signals import LocalSignals
from limner.worker.worker import Worker
from stores import LEASE_MS, House


@dataclass
class Shop:
    """One worker and one account. Its loops do not run by themselves: a test takes the steps it wants."""

    house: House
    key: Key
    vendor: ScriptedProvider = field(default_factory=ScriptedProvider)
    running: Running = field(default_factory=Running)
    me: Identity = field(default_factory=lambda: Identity("this machine", os.getpid(), "this run"))
    capacity: int = 10

    def __post_init__(self) -> None:
        house = self.house
        self.signals = LocalSignals(self.running)
        routing = Routing({"scripted": self.vendor}, "scripted", 900.0, UnknownOutcome.RESEND_ONCE)
        prepare = Prepare(house.store, house.blobs, ImageIntake(), house.clock, transcode_webp=False)
        pursue = Pursue(Journal(house.store, house.clock), routing, house.blobs, ImageIntake(), house.clock)
        execute = Execute(house.store, prepare, pursue, routing, house.templates, house.clock, house.scratch)
        self.dispatcher = Dispatcher(
            house.store, execute, self.signals, house.clock, self.running, self.owner, LEASE_MS, self.capacity, 0.001
        )
        self.leases = LeaseKeeper(house.store, house.clock, self.running, self.owner, LEASE_MS)
        self.rescuer = Rescuer(house.store, house.clock, self.dispatcher, self.me)
        self.worker = Worker(house.store, self.dispatcher, self.leases, self.rescuer, self.running, drain_s=0)

    @property
    def owner(self) -> str:
        return str(self.me)

    def tells(self, *script: Line, **facts: Any) -> None:
        """Put these lines into the vendor's script."""
        self.vendor.script += script
        for name, value in facts.items():
            setattr(self.vendor, name, value)

    async def sends(self, many: int = 1) -> list[TaskId]:
        return [await self.house.sends(self.key) for _ in range(many)]

    async def claims(self) -> bool:
        return await self.dispatcher.take(lambda records, *lease: records.tasks.claim(*lease))

    async def stops(self) -> None:
        """Let go of all that is in hand, at the end of a test."""
        self.running.interrupt_all(Reason.LEASE_LOST)
        await self.ends()

    async def ends(self) -> None:
        """Wait until all that is in hand came to its end."""
        assert await self.running.settled(60)

    async def task(self, task: TaskId) -> Task:
        return await self.house.task(task)


@pytest.fixture
async def shop(house: House) -> Shop:
    return Shop(house, await house.opens(limit=100))
