"""Checks whether the rows agree with each other, and the store with the rows.

Nothing is changed unless a repair is asked for, and then only what cannot lose anything: counts, marks and leases,
never money, a status or bytes. It may run beside the service: whatever looks wrong is read again before it is
reported.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from limner.application.retention.delete_unreferenced import ABANDONED_MS
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.operations.consistency import BlobRef, BlobRow, ReferencedBlobs
from limner.domain.ids import BlobId
from limner.ports.blobs import BlobMissing, BlobStore
from limner.ports.clock import Clock

PAGE = 1000
"""Rows read in one unit of work."""

SILENT_MS = 60_000
"""A lease or deadline that ended this long ago and was not acted on shows that no worker runs."""

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: when it is not `well`, `which` items are wrong, and the `remedy`."""

    check: str
    well: bool
    detail: str
    remedy: str = ""
    which: tuple[str, ...] = ()
    repaired: bool = False


Repair = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """Items with the same inconsistency. `repair` corrects them, where that is safe."""

    what: str
    which: Sequence[str]
    remedy: str
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class CheckConsistency:
    """`is_dead` says whether the process that owns a lease has ended."""

    store: Store
    blobs: BlobStore
    clock: Clock
    is_dead: Callable[[str], bool]

    async def __call__(self, *, hashes: bool = False, repair: bool = False) -> list[Finding]:
        """All findings. `hashes` also reads every referenced file; `repair` corrects what is safe to correct."""
        checks = {
            "credits": self._credits,
            "leases": self._leases,
            "queue": self._queue,
            "journal": self._journal,
            "references": self._references,
            "pictures": self._pictures,
        }
        if hashes:
            checks["hashes"] = self._hashes
        return [await self._check(name, look, repair=repair) for name, look in checks.items()]

    async def _check(
        self, name: str, look: Callable[[], Awaitable[tuple[str, list[Inconsistency]]]], *, repair: bool
    ) -> Finding:
        summary, inconsistencies = await look()
        repaired = [each for each in inconsistencies if repair and each.repair]
        for each in repaired:
            assert each.repair  # noqa: S101 - chosen for having one
            await each.repair()
        if repaired:
            summary, inconsistencies = await look()
        finding = _finding(name, summary, inconsistencies)
        return replace(finding, repaired=bool(repaired), detail=_with_repairs(finding.detail, repaired))

    async def _shared_now_ms(self) -> int:
        return await self.store.read(lambda records: records.shared_now_ms(self.clock.now_ms()))

    # --- money, work ----------------------------------------------------------------------------------------------

    async def _credits(self) -> tuple[str, list[Inconsistency]]:
        contradictions = await self.store.read(lambda records: records.ledger.inconsistencies())
        inconsistency = Inconsistency(
            "contradictions in the ledger, the balances or the counts",
            contradictions,
            "--repair corrects a count of unfinished tasks, but no balance: look at the account's rows with "
            "`limner credits show`, and restore a backup or correct it with `limner credits grant`.",
            lambda: self.store.run(lambda records: records.consistency.recount_slots()),
        )
        return "every balance is the sum of its rows, every count is right", _present(inconsistency)

    async def _leases(self) -> tuple[str, list[Inconsistency]]:
        now_ms = await self._shared_now_ms()
        leases = await self.store.read(lambda records: records.consistency.leases())
        stale = await self.store.read(lambda records: records.consistency.stale_leases())
        dead = sorted({lease.owner for lease in leases if self.is_dead(lease.owner)})
        of_dead = [lease.task for lease in leases if lease.owner in dead]
        silent = [e.task for e in leases if e.owner not in dead and e.until_ms < now_ms - SILENT_MS]
        return f"{len(leases)} tasks are running", _present(
            Inconsistency(
                "tasks leased by a dead worker",
                of_dead,
                "Start a worker (`limner serve` or `limner worker`): it continues them at once.",
                lambda: self.store.run(lambda records: _free(records, dead)),
            ),
            Inconsistency("tasks whose lease ran out", silent, "Start a worker: it takes them over."),
            Inconsistency("tasks that have a lease and are not running", stale, "This is a bug: please report it."),
        )

    async def _queue(self) -> tuple[str, list[Inconsistency]]:
        now_ms = self.clock.now_ms()
        overdue = await self.store.read(lambda records: records.consistency.overdue_tasks(now_ms - SILENT_MS))
        inconsistency = Inconsistency(
            "queued tasks past their deadline", overdue, "Start a worker: it ends and refunds them."
        )
        return "no queued task is past its deadline", _present(inconsistency)

    async def _journal(self) -> tuple[str, list[Inconsistency]]:
        now_ms = self.clock.now_ms()
        left_open = await self.store.read(lambda records: records.consistency.tasks_with_open_attempts())
        no_outcome = await self.store.read(lambda records: records.consistency.tasks_without_outcome())
        no_picture = await self.store.read(lambda records: records.consistency.tasks_without_picture())

        def close(records: Records) -> None:
            for task in left_open:
                records.attempts.close_open(task, now_ms)

        return "every attempt is closed with an outcome, or its task is unfinished", _present(
            Inconsistency(
                "finished tasks with an open attempt",
                left_open,
                "--repair closes these attempts as given up.",
                lambda: self.store.run(close),
            ),
            Inconsistency(
                "tasks with a closed attempt without an outcome", no_outcome, "See `limner tasks explain TASK`."
            ),
            Inconsistency(
                "successful tasks without a picture in the journal", no_picture, "See `limner tasks explain TASK`."
            ),
        )

    # --- bytes ----------------------------------------------------------------------------------------------------

    async def _references(self) -> tuple[str, list[Inconsistency]]:
        made, missing, needless = await self._compare()
        stray = await self.store.read(lambda records: records.consistency.orphaned_refs())
        wrong = {*missing, *needless, *stray}
        now_ms = self.clock.now_ms()
        inconsistency = Inconsistency(
            "references that are not recorded, or recorded and not there",
            sorted(f"{use.blob} ({use.kind} of {use.holder})" for use in wrong),
            "--repair records what the tasks and uploads refer to.",
            lambda: self.store.run(
                lambda records: records.consistency.repair_refs(missing, {*needless, *stray}, now_ms)
            ),
        )
        return f"{made} references are recorded", _present(inconsistency)

    async def _compare(self) -> tuple[int, set[BlobRef], set[BlobRef]]:
        """The number of references, those that are not recorded, and records of references that do not exist."""
        count, missing, needless = 0, set[BlobRef](), set[BlobRef]()
        for ask in (_of_tasks, _of_uploads):
            last = ""
            while (page := await self._references_after(ask, last)).last:
                last = page.last
                count += len(page.actual)
                missing |= page.actual - page.recorded
                needless |= page.recorded - page.actual
        return count, missing, needless

    async def _references_after(self, ask: "Ask", last: str) -> ReferencedBlobs:
        return await self.store.read(lambda records: ask(records, last))

    async def _pictures(self) -> tuple[str, list[Inconsistency]]:
        # The store first: a blob has its row before it is put.
        there = {each.blob: each.size async for names in self.blobs.names() for each in names}
        rows = {each.blob: each for each in await self._blob_rows()}
        unrecorded = await self.store.read(lambda records: records.consistency.unrecorded_blobs())
        now_ms = await self._shared_now_ms()
        left = await self.store.read(lambda records: records.consistency.marked_before(now_ms - ABANDONED_MS))
        gone = [*(b.blob for b in rows.values() if b.used and b.blob not in there), *(set(unrecorded) - there.keys())]
        cut = [b.blob for b in rows.values() if b.used and there.get(b.blob, b.size) != b.size]
        unknown = [blob for blob in there if blob not in rows]
        lost = [b.blob for b in rows.values() if not (b.used or b.pinned or b.released or b.marked)]
        loose = sum(not (b.used or b.pinned) for b in rows.values())
        summary = (
            f"{len(there)} files of {sum(there.values()):,} bytes; {loose} unreferenced, to be removed in their time"
        )
        adopted = {blob: there[blob] for blob in unknown}
        return summary, _present(
            await self._missing("referenced pictures that are missing", gone),
            await self._missing("referenced pictures that are truncated", cut),
            Inconsistency(
                "files without a row in the database",
                await self._still_there(unknown),
                "A crash leaves none; a power cut may leave one, a restored backup has some. --repair adds rows for "
                "them, and the janitor removes those that nothing refers to after LIMNER_KEEP_UNUSED_HOURS. Do not "
                "repair if the files belong to another database.",
                lambda: self.store.run(lambda records: _adopt(records, adopted, now_ms)),
            ),
            Inconsistency(
                "unreferenced files that the janitor would not find",
                lost,
                "--repair marks them for the janitor.",
                lambda: self.store.run(lambda records: records.consistency.mark_unreferenced(lost, now_ms)),
            ),
            Inconsistency(
                "files whose deletion was begun and not finished",
                left,
                "Start a worker, or run `limner prune`: it finishes the deletion.",
            ),
        )

    async def _blob_rows(self) -> list[BlobRow]:
        found: list[BlobRow] = []
        while page := await self._page(found[-1].blob if found else ""):
            found += page
        return found

    async def _page(self, after: str) -> Sequence[BlobRow]:
        return await self.store.read(lambda records: records.consistency.blob_rows(after, PAGE))

    async def _missing(self, what: str, blobs: Collection[BlobId]) -> Inconsistency:
        """Those of `blobs` that are, at a second look, still referred to and not complete."""
        which = [line for blob in sorted(blobs) if not await self._is_whole(blob) for line in await self._users(blob)]
        remedy = (
            "Restore these files from a backup: their names are their SHA-256. Or erase the tasks that refer to them: "
            "`limner tasks erase TASK`."
        )
        return Inconsistency(what, which, remedy)

    async def _is_whole(self, blob: BlobId) -> bool:
        try:
            size = await self.blobs.size(blob)
        except BlobMissing:
            return False
        rows = await self.store.read(lambda records: records.consistency.blob_row(blob))
        return rows is None or rows.size == size

    async def _users(self, blob: BlobId) -> list[str]:
        uses = await self.store.read(lambda records: records.consistency.refs_of(blob))
        return [f"{blob} ({use.kind} of {use.holder})" for use in uses]

    async def _still_there(self, blobs: Collection[BlobId]) -> list[str]:
        """Those that were not deleted or recorded in the meantime."""
        return [blob for blob in blobs if not await self._is_rows(blob) and await self._has(blob)]

    async def _is_rows(self, blob: BlobId) -> bool:
        return await self.store.read(lambda records: records.consistency.blob_row(blob)) is not None

    async def _has(self, blob: BlobId) -> bool:
        try:
            await self.blobs.size(blob)
        except BlobMissing:
            return False
        return True

    async def _hashes(self) -> tuple[str, list[Inconsistency]]:
        used = [each.blob for each in await self._blob_rows() if each.used]
        damaged = [line for blob in used if not await self._is_genuine(blob) for line in await self._users(blob)]
        remedy = "Restore these files from a backup: their names are their SHA-256. Then check the disk."
        inconsistency = Inconsistency("files whose content does not match their name", damaged, remedy)
        return f"{len(used)} files read", _present(inconsistency)

    async def _is_genuine(self, blob: BlobId) -> bool:
        """Whether the bytes match their name. Missing files are reported by another check."""
        digest = hashlib.sha256()
        try:
            size = await self.blobs.size(blob)
            async for piece in self.blobs.stream(blob, 0, size):
                await asyncio.to_thread(digest.update, piece)
        except BlobMissing:
            return True
        return digest.hexdigest() == blob


Ask = Callable[[Records, str], ReferencedBlobs]


def _of_tasks(records: Records, after: str) -> ReferencedBlobs:
    return records.consistency.references_of_tasks(after, PAGE)


def _of_uploads(records: Records, after: str) -> ReferencedBlobs:
    return records.consistency.references_of_uploads(after, PAGE)


def _free(records: Records, dead: Sequence[str]) -> None:
    records.tasks.end_leases_of(dead)


def _adopt(records: Records, blobs: dict[BlobId, int], now_ms: int) -> None:
    for blob, size in blobs.items():
        records.consistency.add_unrecorded(blob, size, now_ms)


def _present(*possible: Inconsistency) -> list[Inconsistency]:
    return [each for each in possible if each.which]


def _finding(check: str, summary: str, inconsistencies: Sequence[Inconsistency]) -> Finding:
    if not inconsistencies:
        return Finding(check, well=True, detail=summary)
    detail = "; ".join(f"{len(each.which)} {each.what}" for each in inconsistencies)
    which = tuple(one for each in inconsistencies for one in each.which[:SHOWN])
    return Finding(
        check, well=False, detail=detail, remedy=" ".join(each.remedy for each in inconsistencies), which=which
    )


def _with_repairs(detail: str, repaired: Sequence[Inconsistency]) -> str:
    if not repaired:
        return detail
    return f"repaired: {'; '.join(f'{len(each.which)} {each.what}' for each in repaired)}. Now: {detail}"
