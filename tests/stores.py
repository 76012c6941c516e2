"""A service on a test database: use cases to fill it, and direct access to its tables."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import pytest

from fakes import ManualClock, RecordedSignals
from limner.application.accounts.manage import HashKey, ManageAccounts
from limner.application.generation.journal import IntendedAttempt, SpendJournal
from limner.application.generation.routing import Routing
from limner.application.images.keep import Keep
from limner.application.images.mask import CheckMask
from limner.application.images.references import KeepInlineImages
from limner.application.images.upload import KeepPicture, TakeUpload
from limner.application.tasks.accept import IdempotencyKey, SubmitLimits
from limner.application.tasks.cancel import Cancel
from limner.application.tasks.claim import claim
from limner.application.tasks.plan_task import PlanTask
from limner.application.tasks.settle import settle
from limner.application.tasks.submit import Submit, Submitted
from limner.db.engines.postgres import connect as connect_postgres
from limner.db.engines.sqlite import connect as connect_sqlite
from limner.db.open_store import SQLITE, open_store
from limner.db.records import Records
from limner.db.schema import metadata
from limner.db.sql import Db, Sql
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.keys import Key
from limner.db.tables.tasks import ClaimedTask
from limner.domain.accounts.credits import Balance
from limner.domain.ids import AttemptId, BlobId, TaskId
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.request import FileInput, ImageRequest, TaskType
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Ending, Result, Status, Task
from limner.intake.image_intake import ImageIntake
from limner.models import shipped_models
from limner.ports.provider import Provider
from limner.ports.templates import Templates
from limner.providers.sandbox import SandboxProvider
from limner.storage.blobs import ObjectBlobs, open_blobs

MODELS = shipped_models()  # read before a loop runs
LEASE_MS = 15_000
SUBMIT_LIMITS = SubmitLimits(image_tasks=10, queue_deadline_s=3600, run_deadline_s=900, transcode_webp=False)
ROUTE = Route("scripted/flux.1_kontext_pro", "scripted", "flux.1_kontext_pro", 900.0, UnknownOutcome.RESEND_ONCE)
PICTURE = Result(BlobId("ab" * 32), "image/png", "png", 256, 256)
SUCCEEDED = Ending(Status.SUCCESS, consumed=5, result=PICTURE, served_by={"provider": "scripted"})
FAILED = Ending(Status.FAILED, error_code=1001, error_msg="the vendor is down")

SPEC_FIELDS = frozenset(each.name for each in dataclass_fields(TaskSpec))
REQUEST = ImageRequest(
    type=TaskType.GENERATE_IMAGE,
    spec=TaskSpec(prompt="a red fox in the snow"),
    model=None,
    files=(),
    priority=1,
    echo={"prompt": "a red fox in the snow"},
)


def request_with(**changes: Any) -> ImageRequest:
    """The usual request with other fields, of the request or of its spec."""
    of_spec = {name: changes.pop(name) for name in [*changes] if name in SPEC_FIELDS}
    return replace(REQUEST, spec=replace(REQUEST.spec, **of_spec), **changes)


@asynccontextmanager
async def opened_store(url: str, *, local_clock: bool = True) -> AsyncIterator[Store]:
    """A store beside the one of the test, closed also where the test fails."""
    store = open_store(url, local_clock=local_clock)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def raw_database(url: str) -> Iterator[Db]:
    """A connection to the database that bypasses the service; each statement is its own transaction."""
    if url.startswith(SQLITE):
        sqlite = connect_sqlite(Path(url.removeprefix(SQLITE)))
        try:
            yield Db(sqlite, is_sqlite=True)
        finally:
            sqlite.close()
    else:
        with connect_postgres(url) as postgres:
            postgres.autocommit = True
            yield Db(postgres, is_sqlite=False)


WITH_ROWS_OF_THE_SCHEMA = {"queue_clock", "folder_templates", "folder_template_files"}


def delete_all_rows(url: str) -> None:
    """Delete all rows of the database: of each table before those that it refers to."""
    with raw_database(url) as db:
        if url.startswith(SQLITE):
            db.run(Sql("INSERT INTO prompt_index (prompt_index) VALUES ('delete-all')"))
        for table in reversed(metadata.sorted_tables):
            if table.name not in WITH_ROWS_OF_THE_SCHEMA:
                db.run(Sql(f"DELETE FROM {table.name}"))  # noqa: S608 - a word of ours
        db.run(Sql("UPDATE queue_clock SET place = 0"))


@dataclass
class ServiceHarness:
    """A store with the use cases of accounts, tasks and workers, on a manual clock."""

    store: Store
    url: str
    folder: Path
    templates: Templates
    blobs: ObjectBlobs
    clock: ManualClock = field(default_factory=ManualClock)
    signals: RecordedSignals = field(default_factory=RecordedSignals)
    providers: Mapping[str, Provider] = field(default_factory=lambda: {"sandbox": SandboxProvider()})
    engine: str = "sandbox"
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    submit_limits: SubmitLimits = SUBMIT_LIMITS

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def keep(self) -> KeepPicture:
        return KeepPicture(ImageIntake(), Keep(self.store, self.blobs, self.clock))

    @property
    def routing(self) -> Routing:
        return Routing(self.providers, self.engine, 900.0, UnknownOutcome.RESEND_ONCE, self.routes, models=MODELS)

    @property
    def plan(self) -> PlanTask:
        return PlanTask(ImageIntake(), self.templates, self.routing)

    @property
    def submit(self) -> Submit:
        inline = KeepInlineImages(self.keep, self.scratch, transcode_webp=False)
        return Submit(
            self.store,
            inline,
            CheckMask(self.store, self.blobs, ImageIntake(), self.scratch),
            self.plan,
            self.signals,
            self.clock,
            self.submit_limits,
        )

    @property
    def upload(self) -> TakeUpload:
        return TakeUpload(self.store, self.keep, self.clock, life_ms=3_600_000)

    @property
    def accounts(self) -> ManageAccounts:
        return ManageAccounts(self.store, self.clock, HashKey(b"pepper" * 6))

    @property
    def cancel(self) -> Cancel:
        return Cancel(self.store, self.signals, self.clock)

    async def open_account(self, name: str = "ada", opening: int = 1000, limit: int | None = None) -> Key:
        """A key of a new account."""
        account = await self.accounts.create(name, opening)
        if limit is not None:
            await self.store.run(lambda records: records.accounts.set_slots(account.id, "image", limit))
        made = await self.accounts.create_key(name, "first", ("generate", "read"))
        return made.key

    async def submit_task(self, key: Key, *, idempotency_key: str | None = None, **fields: Any) -> TaskId:
        """Submit a task; returns its id."""
        return (await self.submit_request(key, idempotency_key=idempotency_key, **fields)).task

    async def submit_request(
        self, key: Key, *, idempotency_key: str | None = None, digest: str = "same", **fields: Any
    ) -> Submitted:
        idempotency = IdempotencyKey(idempotency_key, digest) if idempotency_key else None
        return await self.submit(key, request_with(**fields), idempotency=idempotency)

    async def claim_tasks(self, owner: str = "worker", limit: int = 100) -> list[ClaimedTask]:
        now_ms = self.clock.now_ms()
        return list(await self.store.run(lambda records: claim(records, owner, now_ms, LEASE_MS, limit=limit)))

    async def rescue_tasks(self, owner: str = "rescuer", limit: int = 100) -> list[ClaimedTask]:
        now_ms = self.clock.now_ms()
        return list(await self.store.run(lambda records: records.tasks.rescue(owner, now_ms, LEASE_MS, limit)))

    async def settle_task(
        self, task: TaskId, ending: Ending = SUCCEEDED, *, owner: str | None = "worker"
    ) -> Task | None:
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: settle(records, task, ending, now_ms, owner=owner))

    async def write_intent(self, task: TaskId, number: int = 1, route: str = ROUTE.name) -> AttemptId:
        attempt = intended_attempt(task, number, self.clock.now_ms(), route)
        await self.store.run(lambda records: records.attempts.intend(attempt))
        return attempt.id

    async def task(self, task: TaskId) -> Task:
        found = await self.store.read(lambda records: records.tasks.get(task))
        assert found
        return found

    async def attempts(self, task: TaskId) -> list[Attempt]:
        return list(await self.store.read(lambda records: records.attempts.of(task)))

    async def balance(self, key: Key) -> Balance:
        return await self.store.read(lambda records: records.accounts.balance(key.account))

    async def movements(self, task: TaskId) -> list[str]:
        rows = await self.store.read(lambda records: records.ledger.of_task(task))
        return [row.movement for row in rows]

    async def ledger_faults(self) -> list[str]:
        return list(await self.store.read(lambda records: records.ledger.inconsistencies()))

    async def query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, read past the service."""
        return await asyncio.to_thread(_query, self.url, query, values)

    async def execute_sql(self, *statements: str, **values: Any) -> None:
        """Run statements past the service."""
        await asyncio.to_thread(_execute, self.url, statements, values)

    async def active_tasks(self, key: Key) -> int:
        rows = await self.query("SELECT active FROM buckets WHERE account = :account", account=key.account)
        return int(rows[0][0]) if rows else 0


def make_service(store: Store, url: str, folder: Path, templates: Templates) -> ServiceHarness:
    """A harness that keeps its blobs and scratch files in `folder`."""
    (folder / "scratch").mkdir()
    return ServiceHarness(store, url, folder, templates, open_blobs(f"file://{folder / 'blobs'}"))


def _query(url: str, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with raw_database(url) as db:
        return db.all(Sql(query), values)


def _execute(url: str, statements: Sequence[str], values: Mapping[str, Any]) -> None:
    with raw_database(url) as db:
        for statement in statements:
            db.run(Sql(statement), {name: value for name, value in values.items() if f":{name}" in statement})


on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@asynccontextmanager
async def held_open(service: ServiceHarness, work: Callable[[Records], Any]) -> AsyncIterator[None]:
    """A unit of work that has written and commits when the block ends."""
    written, may_commit = threading.Event(), threading.Event()

    def hold(records: Records) -> None:
        work(records)
        written.set()
        assert may_commit.wait(60)

    holding = asyncio.ensure_future(service.store.run(hold))
    try:
        assert await asyncio.to_thread(written.wait, 60)
        yield
    finally:
        may_commit.set()
        await holding


async def blocked_or_done(service: ServiceHarness, work: "asyncio.Future[Any]") -> None:
    """Return when `work` waits for a lock of PostgreSQL, or has ended without waiting for one."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not work.done() and not await service.query(waiting):
        pass


async def intend_attempt(
    journal: SpendJournal, task: TaskId, number: int, route: Route = ROUTE, owner: str | None = None
) -> AttemptId:
    """Write the intent of an attempt on this route."""
    turn = await journal.intend(task, number, (route,), owner)
    assert isinstance(turn, IntendedAttempt)
    return turn.attempt


def intended_attempt(task: TaskId, number: int, now_ms: int, route: str = ROUTE.name) -> Attempt:
    return Attempt(
        id=AttemptId(str(uuid.uuid4())),
        task=task,
        part="",
        number=number,
        route=route,
        provider=ROUTE.provider,
        upstream=ROUTE.upstream,
        state="intended",
        outcome=None,
        handle=None,
        result=None,
        reason=None,
        detail=None,
        charged=False,
        price_usd=None,
        cost_usd=None,
        intended_ms=now_ms,
        submitted_ms=None,
        delivered_ms=None,
        closed_ms=None,
    )


def with_file(source: Any, field: str = "file", media_type: str | None = None) -> dict[str, Any]:
    """The fields of a request with one reference picture."""
    return {"files": (FileInput(field, media_type, source),)}


def no_op(records: Records) -> None:
    """A unit of work that does nothing."""
