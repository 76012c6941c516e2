"""The parts of a worker on the real store, with a scripted vendor."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes import ScriptedProvider, ScriptLine
from generating import executor
from limner.application.generation.interrupt import Reason
from limner.application.generation.journal import SpendJournal
from limner.application.generation.routing import Routing
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId
from limner.domain.routing.route import UnknownOutcome
from limner.domain.tasks.task import Task
from limner.models import shipped_models
from limner.worker.dispatcher import Dispatcher
from limner.worker.lease_owner import LeaseOwner
from limner.worker.lease_renewal import LeaseRenewer
from limner.worker.rescuer import Rescuer
from limner.worker.running_tasks import RunningTasks
from limner.worker.signals import LocalSignals
from limner.worker.worker import Worker
from stores import LEASE_MS, ServiceHarness


@dataclass
class WorkerHarness:
    """One worker and one account. Its loops do not run: a test calls their steps."""

    service: ServiceHarness
    key: Key
    vendor: ScriptedProvider = field(default_factory=ScriptedProvider)
    running: RunningTasks = field(default_factory=RunningTasks)
    me: LeaseOwner = field(default_factory=lambda: LeaseOwner("this machine", os.getpid(), "this run"))
    capacity: int = 10

    def __post_init__(self) -> None:
        service = self.service
        self.signals = LocalSignals(self.running)
        routing = Routing(
            {"scripted": self.vendor}, "scripted", 900.0, UnknownOutcome.RESEND_ONCE, models=shipped_models()
        )
        execute = executor(service, SpendJournal(service.store, service.clock), routing)
        self.dispatcher = Dispatcher(
            service.store,
            execute,
            self.signals,
            service.clock,
            self.running,
            self.owner,
            LEASE_MS,
            self.capacity,
            0.001,
        )
        self.leases = LeaseRenewer(service.store, service.clock, self.running, self.owner, LEASE_MS)
        self.rescuer = Rescuer(service.store, service.clock, self.dispatcher, self.me)
        self.worker = Worker(service.store, self.dispatcher, self.leases, self.rescuer, self.running, drain_s=0)

    @property
    def owner(self) -> str:
        return str(self.me)

    def script_vendor(self, *script: ScriptLine, **facts: Any) -> None:
        """Append these lines to the vendor's script."""
        self.vendor.script += script
        for name, value in facts.items():
            setattr(self.vendor, name, value)

    async def submit_tasks(self, many: int = 1) -> list[TaskId]:
        return [await self.service.submit_task(self.key) for _ in range(many)]

    async def claim(self) -> bool:
        return await self.dispatcher.claim(lambda records, *lease: records.tasks.claim(*lease))

    async def interrupt_all(self) -> None:
        """Interrupt all running tasks, at the end of a test."""
        self.running.interrupt_all(Reason.LEASE_LOST)
        await self.wait_until_idle()

    async def wait_until_idle(self) -> None:
        """Wait until all running tasks have ended."""
        assert await self.running.wait_until_idle(60)

    async def task(self, task: TaskId) -> Task:
        return await self.service.task(task)


@pytest.fixture
async def harness(service: ServiceHarness) -> WorkerHarness:
    return WorkerHarness(service, await service.open_account(limit=100))
