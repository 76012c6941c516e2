"""Any order of events: whatever happens to tasks, the money is right, and each belongs to one worker and ends once."""

import asyncio
import random
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fakes import ManualClock
from limner.application.generation.journal import DeliveredImage, KeptImage, SpendJournal
from limner.db.open_store import open_store
from limner.db.sql import Db, Sql
from limner.db.tables.keys import Key
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AttemptId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.task import Ending, Status
from limner.ports.templates import Templates
from limner.worker.rescuer import expire_overdue
from stores import (
    FAILED,
    LEASE_MS,
    PICTURE,
    ROUTE,
    SUCCEEDED,
    ServiceHarness,
    delete_all_rows,
    intend_attempt,
    make_service,
    raw_database,
)

T = TypeVar("T")

NAMES = ("ada", "eve", "bob")
OWNERS = ("one", "two", "three")
LIMIT = 4
PRICES = {"flux.1_kontext_pro": 5, "midjourney": 10}
ENDINGS = (SUCCEEDED, FAILED, Ending(Status.BANNED), Ending(Status.CANCELLED))
ids = random.Random()
"""Ids break ties in the queue: a life can only be lived again if they come again."""

LIVES = settings(max_examples=40, stateful_step_count=30, suppress_health_check=list(HealthCheck))


@dataclass
class Expected:
    """What a task must look like, by what happened to it."""

    account: str
    price: int
    status: Status = Status.QUEUED
    owner: str | None = None
    lease_until_ms: int = 0
    queue_deadline_ms: int = 0
    consumed: int = 0
    attempts: list[AttemptId] = field(default_factory=list)


class Life(RuleBasedStateMachine):
    """`service`, `runner` and `eye` belong to the class: every run begins with an empty database."""

    service: ClassVar[ServiceHarness]
    runner: ClassVar[asyncio.Runner]
    eye: ClassVar[Db]

    def __init__(self) -> None:
        super().__init__()
        delete_all_rows(self.service.url)
        ids.seed(0)
        self.clock = ManualClock()
        self.service.clock = self.clock
        self.keys: dict[str, Key] = {}
        self.given: dict[str, int] = {}
        self.tasks: dict[TaskId, Expected] = {}
        self.promised: dict[tuple[str, str], TaskId] = {}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # --- what the model knows -------------------------------------------------------------------------------------

    def under_way(self, name: str) -> list[Expected]:
        return [task for task in self.tasks.values() if task.account == name and not task.status.final]

    def some(self, *statuses: Status) -> list[TaskId]:
        return [task for task, expected in self.tasks.items() if expected.status in statuses]

    def available(self, name: str) -> int:
        spent = sum(task.consumed for task in self.tasks.values() if task.account == name)
        return self.given[name] - spent - sum(task.price for task in self.under_way(name))

    def finish(self, task: TaskId, ending: Ending) -> None:
        expected = self.tasks[task]
        expected.status, expected.owner = ending.status, None
        expected.consumed = expected.price if ending.status is Status.SUCCESS else 0

    # --- what can happen ------------------------------------------------------------------------------------------

    @initialize(
        opening=st.lists(st.integers(20, 60), min_size=len(NAMES), max_size=len(NAMES)),
        names=st.lists(st.sampled_from(NAMES), min_size=3, max_size=8),
        taken=st.integers(0, 4),
    )
    def a_day_begins(self, opening: list[int], names: list[str], taken: int) -> None:
        for name, amount in zip(NAMES, opening, strict=True):
            self.keys[name] = self.do(self.service.open_account(name, amount, limit=LIMIT))
            self.given[name] = amount
        for name in names:
            self.a_task_is_submitted(name, "flux.1_kontext_pro", 1, None)
        if taken:
            self.a_worker_claims("one", taken)

    @rule(name=st.sampled_from(NAMES), amount=st.integers(-40, 40))
    def credits_are_granted(self, name: str, amount: int) -> None:
        try:
            self.do(self.service.accounts.grant(name, amount, None))
        except Refusal:
            assert amount == 0 or self.available(name) + amount < 0
        else:
            self.given[name] += amount

    @rule(
        name=st.sampled_from(NAMES),
        model=st.sampled_from(sorted(PRICES)),
        priority=st.integers(1, 3),
        idempotency_key=st.sampled_from([None, None, "a", "b"]),
    )
    def somebody_submits(self, name: str, model: str, priority: int, idempotency_key: str | None) -> None:
        self.a_task_is_submitted(name, model, priority, idempotency_key)

    def a_task_is_submitted(self, name: str, model: str, priority: int, once: str | None) -> None:
        price, available, full = PRICES[model], self.available(name), len(self.under_way(name)) >= LIMIT
        earlier = self.promised.get((name, once)) if once else None
        answer = self.do(self._submit(name, once, model, priority))
        if earlier:
            assert answer == earlier
        elif full or available < price:
            assert answer is (Code.TOO_MANY_TASKS if full else Code.NO_CREDIT)
        else:
            assert isinstance(answer, str)
            assert answer not in self.tasks
            self.tasks[answer] = Expected(name, price, queue_deadline_ms=self.clock.ms + 3_600_000)
            if once:
                self.promised[name, once] = answer

    async def _submit(self, name: str, once: str | None, model: str, priority: int) -> TaskId | Code:
        try:
            return await self.service.submit_task(self.keys[name], idempotency_key=once, model=model, priority=priority)
        except Refusal as refusal:
            return refusal.code

    @precondition(lambda self: self.some(Status.QUEUED))
    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 4))
    def somebody_claims(self, owner: str, limit: int) -> None:
        self.a_worker_claims(owner, limit)

    def a_worker_claims(self, owner: str, limit: int) -> None:
        waiting = {task for task, expected in self.tasks.items() if expected.status is Status.QUEUED}
        claimed = [each.task.id for each in self.do(self.service.claim_tasks(owner, limit))]
        assert len(claimed) == min(limit, len(waiting))
        assert set(claimed) <= waiting
        self._taken(claimed, owner)

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(owner=st.sampled_from(OWNERS))
    def a_worker_rescues(self, owner: str) -> None:
        lost = {
            task
            for task, expected in self.tasks.items()
            if expected.status is Status.RUNNING and expected.lease_until_ms < self.clock.ms
        }
        rescued = [each.task.id for each in self.do(self.service.rescue_tasks(owner))]
        assert set(rescued) == lost
        assert len(rescued) == len(lost)
        self._taken(rescued, owner)

    def _taken(self, tasks: list[TaskId], owner: str) -> None:
        for task in tasks:
            expected = self.tasks[task]
            expected.status, expected.owner = Status.RUNNING, owner
            expected.lease_until_ms = self.clock.ms + LEASE_MS

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(owner=st.sampled_from(OWNERS), percent=st.integers(0, 99))
    def a_worker_renews_all_it_ever_had(self, owner: str, percent: int) -> None:
        now_ms = self.clock.ms
        reported = dict.fromkeys(self.tasks, percent)
        ours, _ = self.do(
            self.service.store.run(lambda records: records.tasks.renew(owner, now_ms, LEASE_MS, reported))
        )
        assert ours == {task for task, expected in self.tasks.items() if expected.owner == owner}
        for task in ours:
            self.tasks[task].lease_until_ms = now_ms + LEASE_MS

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(owner=st.sampled_from(OWNERS))
    def a_worker_hands_back(self, owner: str) -> None:
        every = list(self.tasks)
        self.do(self.service.store.run(lambda records: records.tasks.release_leases(owner, every)))
        self._freed(owner)

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(owner=st.sampled_from(OWNERS))
    def a_worker_is_found_dead(self, owner: str) -> None:
        self.do(self.service.store.run(lambda records: records.tasks.end_leases_of([owner])))
        self._freed(owner)

    def _freed(self, owner: str) -> None:
        for expected in self.tasks.values():
            if expected.owner == owner:
                expected.lease_until_ms = 0

    @precondition(lambda self: self.some(Status.RUNNING))
    @rule(data=st.data())
    def an_attempt_goes_a_step(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.some(Status.RUNNING)))
        attempts, journal = self.tasks[task].attempts, SpendJournal(self.service.store, self.clock)
        step = data.draw(st.sampled_from(["intend", "submitted", "delivered", "failed"]))
        match step:
            case "submitted" if attempts:
                self.do(journal.submitted(attempts[-1], {"id": "job"}))
            case "delivered" if attempts:
                self.do(journal.delivered(DeliveredImage(attempts[-1], ROUTE, KeptImage(PICTURE, {}), 10, None)))
            case "failed" if attempts:
                self.do(journal.failed(attempts[-1], Failure(FailureKind.TRANSIENT, "down"), None))
            case _:
                attempts.append(self.do(intend_attempt(journal, task, len(attempts) + 1)))

    @precondition(lambda self: self.some(*Status))
    @rule(data=st.data(), owner=st.sampled_from([*OWNERS, None]), ending=st.sampled_from(ENDINGS))
    def somebody_settles(self, data: st.DataObject, owner: str | None, ending: Ending) -> None:
        likely = self.some(Status.RUNNING) if owner else self.some(Status.QUEUED)
        task = data.draw(st.sampled_from(likely or self.some(*Status)))
        expected = self.tasks[task]
        if ending.status is Status.SUCCESS:
            ending = replace(ending, consumed=expected.price)
        settled = self.do(self.service.settle_task(task, ending, owner=owner))
        allowed = expected.status is Status.QUEUED if owner is None else expected.owner == owner
        assert (settled is not None) is allowed
        if settled:
            self.finish(task, ending)

    @precondition(lambda self: self.some(*Status))
    @rule(data=st.data())
    def its_owner_cancels(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.some(Status.QUEUED, Status.RUNNING) or self.some(*Status)))
        expected = self.tasks[task]
        answered = self.do(self.service.cancel(self.keys[expected.account].account, task))
        if expected.status is Status.QUEUED:
            self.finish(task, Ending(Status.CANCELLED))
        assert answered.status is expected.status
        assert answered.cancel_requested or expected.status is not Status.RUNNING

    @rule(seconds=st.sampled_from([1, 14, 16, 1800, 3601]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_time(seconds)

    @rule()
    def what_waited_too_long_expires(self) -> None:
        now_ms = self.clock.ms
        self.do(expire_overdue(self.service.store, now_ms))
        for task, expected in self.tasks.items():
            if expected.status is Status.QUEUED and expected.queue_deadline_ms < now_ms:
                self.finish(task, Ending(Status.EXPIRED))

    # --- what must hold at every moment ---------------------------------------------------------------------------

    @invariant()
    def the_ledger_is_consistent(self) -> None:
        assert self.do(self.service.ledger_faults()) == []

    @invariant()
    def every_balance_is_what_happened(self) -> None:
        for name, key in self.keys.items():
            held = sum(task.price for task in self.under_way(name))
            balance = self.do(self.service.balance(key))
            assert balance == Balance(self.available(name), held)
            assert balance.available >= 0

    @invariant()
    def every_count_is_exact(self) -> None:
        counts = dict(self.eye.all(Sql("SELECT account, active FROM buckets")))
        for name, key in self.keys.items():
            assert counts.get(key.account, 0) == len(self.under_way(name)) <= LIMIT

    @invariant()
    def every_task_is_where_it_should_be_and_one_worker_s(self) -> None:
        rows = self.eye.all(Sql("SELECT id, status, lease_owner, consumed FROM tasks"))
        expected = {task: (each.status, each.owner, each.consumed) for task, each in self.tasks.items()}
        assert {TaskId(task): (status, owner, consumed) for task, status, owner, consumed in rows} == expected

    @invariant()
    def every_end_nets_to_the_price_or_to_nothing(self) -> None:
        nets = dict(self.eye.all(Sql("SELECT task, sum(-available) FROM ledger WHERE task IS NOT NULL GROUP BY task")))
        for task, expected in self.tasks.items():
            if expected.status.final:
                assert nets[task] in (0, expected.price)
                assert (nets[task] == expected.price) is (expected.status is Status.SUCCESS)

    @invariant()
    def what_has_ended_has_no_open_attempt(self) -> None:
        still_open = "SELECT a.task FROM attempts a JOIN tasks t ON t.id = a.task WHERE a.state <> 'closed'"
        finished = f"{still_open} AND t.status NOT IN ('queued', 'running')"
        assert self.eye.all(Sql(finished)) == []


def test_whatever_happens_to_tasks_the_money_is_right(
    url: str, tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
    monkeypatch.setattr("limner.application.ids.random_bits", ids.getrandbits)

    async def opened() -> ServiceHarness:
        return make_service(open_store(url, local_clock=True), url, tmp_path, templates)

    with asyncio.Runner() as loop, raw_database(url) as db:

        class LifeHere(Life):
            service = loop.run(opened())
            runner = loop
            eye = db

        run_state_machine_as_test(LifeHere, settings=LIVES)
        loop.run(LifeHere.service.store.close())
