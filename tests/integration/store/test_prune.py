"""What is removed by age, and that nothing else is."""

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from fakes import picture_file
from integration.store.retention_steps import (
    EVERYTHING,
    NOTHING,
    buy_picture,
    delete_unreferenced,
    inline_picture,
    janitor,
    prepare_references,
    run_task,
    stored_blobs,
)
from limner.application.generation.journal import KeptImage, SpendJournal
from limner.application.images.keep import PIN_MS, Keep
from limner.application.retention import delete_unreferenced as deleting
from limner.application.retention.delete_unreferenced import ABANDONED_MS, CONCURRENT_REQUESTS, START_WITHIN_MS
from limner.application.retention.prune import ABANDONED_UPLOAD_MS, BATCH, PARTIAL_FILE_MS, Pruned
from limner.application.tasks.settle import settle
from limner.domain.ids import BlobId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import UploadedSource
from limner.domain.tasks.task import Ending, Status
from limner.ports.parts import MultipartUpload
from limner.providers.sandbox import card
from limner.storage.blobs import ObjectBlobs
from limner.storage.parts import open_parts
from stores import (
    FAILED,
    PICTURE,
    SUCCEEDED,
    ServiceHarness,
    blocked_or_done,
    held_open,
    intend_attempt,
    on_postgres,
    opened_store,
    with_file,
)

A_DAY_S = 24 * 3600
A_DAY_MS = A_DAY_S * 1000
GIVEN, MADE = card("given"), card("made")


async def test_nothing_is_removed_before_its_time(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.upload(key, picture_file(service.folder))
    task = await run_task(service, key, MADE, idempotency_key="a key", **inline_picture(GIVEN))
    week = replace(NOTHING, inputs_ms=7 * A_DAY_MS, results_ms=7 * A_DAY_MS, events_ms=7 * A_DAY_MS)

    pruned = await janitor(service, week)()

    assert pruned == Pruned(0, 0, 0, 0, 0, 0, 0, 0)
    assert len(await stored_blobs(service)) == 4
    assert (await service.task(task)).result is not None


async def test_for_ever_is_for_ever(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE, **inline_picture(GIVEN))
    service.clock.pass_time(3650 * A_DAY_S)

    await janitor(service, EVERYTHING)()

    assert len(await stored_blobs(service)) == 3
    assert len(await service.query("SELECT * FROM task_events WHERE task = :task", task=task)) >= 2


async def test_reference_pictures_and_their_clean_copies_go_when_their_time_is_over(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE, **inline_picture(GIVEN))
    policy = replace(EVERYTHING, inputs_ms=A_DAY_MS, unused_ms=0)
    service.clock.pass_time(A_DAY_S)

    pruned = await janitor(service, policy)()

    result = (await service.task(task)).result
    assert (pruned.inputs, pruned.files) == (1, 2)
    assert result
    assert list(await stored_blobs(service)) == [result.blob]
    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert (item.blob, item.clean) == (None, None)


async def test_a_picture_that_was_removed_leaves_its_task_and_its_figures(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await run_task(service, key, MADE)
    service.clock.pass_time(A_DAY_S)

    pruned = await janitor(service, replace(EVERYTHING, results_ms=A_DAY_MS, unused_ms=0))()

    seen = await service.task(task)
    assert (pruned.results, pruned.files, pruned.size) == (1, 1, len(MADE))
    assert (seen.status, seen.result, seen.removed_ms, seen.consumed) == (
        Status.SUCCESS,
        None,
        service.clock.now_ms(),
        5,
    )
    assert seen.served_by
    [attempt] = await service.attempts(task)
    assert (attempt.outcome, attempt.cost_usd, attempt.result) == ("picture", 0.04, None)
    assert await stored_blobs(service) == {}
    assert await service.ledger_faults() == []


async def test_a_task_under_way_keeps_everything(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    task = await service.submit_task(key, **with_file(UploadedSource(upload.token)))
    await service.claim_tasks()
    await prepare_references(service, task)
    await buy_picture(service, task, MADE)
    service.clock.pass_time(365 * A_DAY_S)

    pruned = await janitor(service)()

    assert (pruned.uploads, pruned.files) == (1, 0)
    assert len(await stored_blobs(service)) == 3


async def test_a_picture_that_came_after_its_task_had_ended_is_kept_as_long_as_others(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    await service.settle_task(task, FAILED)
    await buy_picture(service, task, MADE)
    policy = replace(NOTHING, results_ms=A_DAY_MS)

    before = await janitor(service, policy)()
    service.clock.pass_time(A_DAY_S)
    after = await janitor(service, policy)()

    assert (before.results, before.files, after.results, after.files) == (0, 0, 1, 1)


async def test_bytes_that_somebody_else_has_too_stay(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    old = await run_task(service, ada, MADE, **inline_picture(GIVEN))
    service.clock.pass_time(A_DAY_S)
    young = await run_task(service, eve, MADE, **inline_picture(GIVEN))
    policy = replace(NOTHING, inputs_ms=A_DAY_MS, results_ms=A_DAY_MS)

    pruned = await janitor(service, policy)()

    assert (pruned.inputs, pruned.results, pruned.files) == (1, 1, 0)
    assert (await service.task(old)).result is None
    assert (await service.task(young)).result is not None
    assert len(await stored_blobs(service)) == 3
    service.clock.pass_time(A_DAY_S)
    assert (await janitor(service, policy)()).files == 3


async def test_what_was_made_of_a_picture_and_given_again_stays(service: ServiceHarness) -> None:
    """The picture that one task brought is the reference of another."""
    key = await service.open_account()
    await run_task(service, key, MADE)
    service.clock.pass_time(A_DAY_S)
    task = await service.submit_task(key, **inline_picture(MADE))

    await janitor(service, replace(NOTHING, results_ms=A_DAY_MS))()

    await service.claim_tasks()
    await prepare_references(service, task)
    assert len(await stored_blobs(service)) == 2


async def test_unused_bytes_are_kept_for_the_time_that_was_set(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.upload(key, picture_file(service.folder))
    service.clock.pass_time(3601)
    policy = replace(EVERYTHING, unused_ms=A_DAY_MS)

    let_go = await janitor(service, policy)()
    service.clock.pass_time(A_DAY_S - 1)
    before = await janitor(service, policy)()
    service.clock.pass_time(1)
    after = await janitor(service, policy)()

    assert (let_go.uploads, let_go.files, before.files, after.files) == (1, 0, 0, 1)


async def test_an_expired_upload_goes_and_is_refused_before_and_after(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    service.clock.pass_time(3600)

    refusals = []
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await service.submit_task(key, **with_file(UploadedSource(upload.token)))
        refusals.append(refused.value.code)
        await janitor(service)()

    assert refusals == [Code.FILE_NOT_FOUND] * 2
    assert await service.query("SELECT * FROM uploads") == []
    assert await stored_blobs(service) == {}


async def test_idempotency_keys_are_forgotten_after_a_day_and_not_before(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_task(key, idempotency_key="first")
    service.clock.pass_time(3600)
    await service.submit_task(key, idempotency_key="second")

    service.clock.pass_time(A_DAY_S - 3600)
    pruned = await janitor(service, EVERYTHING)()

    assert pruned.keys == 1
    assert await service.query("SELECT key FROM idempotency") == [("second",)]


async def test_old_events_go_and_young_ones_stay(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_task(key)
    service.clock.pass_time(A_DAY_S)
    young = await service.submit_task(key)

    pruned = await janitor(service, replace(EVERYTHING, events_ms=A_DAY_MS))()

    assert pruned.events == 1
    assert await service.query("SELECT task FROM task_events") == [(young,)]


async def test_a_backlog_is_removed_to_the_end_and_in_small_pieces(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100_000, limit=1000)
    many = 2 * BATCH + 3
    for number in range(many):
        task = await service.submit_task(key, idempotency_key=str(number))
        await service.settle_task(task, FAILED, owner=None)
    service.clock.pass_time(A_DAY_S)

    pruned = await janitor(service)()

    assert (pruned.keys, pruned.events) == (many, 2 * many)
    assert len(service.clock.slept) >= 6


# --- bytes that nobody came to refer to ----------------------------------------------------------------------------


async def test_bytes_whose_writer_died_before_it_referred_to_them_go_when_its_pin_is_void(
    service: ServiceHarness,
) -> None:
    path = picture_file(service.folder)
    await Keep(service.store, service.blobs, service.clock)(path, "image/png", "an-upload-nobody-made")

    early = await janitor(service)()
    service.clock.pass_time(PIN_MS / 1000)
    late = await janitor(service)()

    assert (early.files, late.files) == (0, 1)
    assert await stored_blobs(service) == {}
    assert await service.query("SELECT * FROM blob_pins") == []


async def test_a_pin_of_a_task_under_way_holds_however_long_it_takes(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    await Keep(service.store, service.blobs, service.clock)(picture_file(service.folder), "image/png", task)
    service.clock.pass_time(10 * A_DAY_S)

    under_way = await janitor(service)()
    await service.settle_task(task, FAILED)
    over = await janitor(service)()

    assert (under_way.files, over.files) == (0, 1)


async def test_a_blob_marked_by_a_dead_janitor_is_deleted_by_the_next_at_once(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = service.clock.now_ms()
    await service.store.run(lambda records: delete_unreferenced(service, "first").mark(records, [upload.blob], now_ms))

    alive = await janitor(service, name="second")()
    dead = await janitor(service, name="second", dead=["first"])()

    assert (alive.files, dead.files) == (0, 1)
    assert await stored_blobs(service) == {}


async def test_a_blob_marked_by_a_silent_janitor_on_another_machine_is_deleted_later(service: ServiceHarness) -> None:
    upload = await service.upload(await service.open_account(), picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = service.clock.now_ms()
    marked = await service.store.run(
        lambda records: delete_unreferenced(service, "first").mark(records, [upload.blob], now_ms)
    )

    service.clock.pass_time(ABANDONED_MS / 1000)
    second = await janitor(service, name="second")()
    again = await service.upload(await service.open_account("eve"), picture_file(service.folder))
    late = await delete_unreferenced(service, "first").delete(marked, now_ms)

    assert (second.files, late.files) == (1, 0)
    assert list(await stored_blobs(service)) == [again.blob]


async def test_a_janitor_that_was_held_up_deletes_nothing_and_leaves_it_to_the_next_round(
    service: ServiceHarness,
) -> None:
    upload = await service.upload(await service.open_account(), picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    slow, now_ms = delete_unreferenced(service, "slow"), service.clock.now_ms()
    marked = await service.store.run(lambda records: slow.mark(records, [upload.blob], now_ms))

    service.clock.pass_time(START_WITHIN_MS / 1000 + 1)
    late = await slow.delete(marked, now_ms)
    before = list(await stored_blobs(service))
    next_round = await janitor(service)()

    assert (late.files, before, next_round.files) == (0, [upload.blob], 1)


@dataclass
class MeanwhileStore:
    """A store of blobs in which something happens while the first deletion runs."""

    blobs: ObjectBlobs
    meanwhile: Callable[[], Awaitable[Any]] | None
    requests: int = 0

    async def delete(self, blobs: Collection[BlobId]) -> None:
        self.requests += 1
        await self.blobs.delete(blobs)
        if self.meanwhile:
            first, self.meanwhile = self.meanwhile, None
            await first()


async def unreferenced(service: ServiceHarness, count: int) -> list[tuple[BlobId, bytes]]:
    """Blobs that lie in the store and that nothing refers to."""
    key, pictures = await service.open_account("owner"), [card(f"loose {number}") for number in range(count)]
    uploads = [await service.upload(key, await written(service, picture)) for picture in pictures]
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    return [(upload.blob, picture) for upload, picture in zip(uploads, pictures, strict=True)]


async def written(service: ServiceHarness, picture: bytes) -> Path:
    path = service.folder / f"{hashlib.sha256(picture).hexdigest()}.png"
    await asyncio.to_thread(path.write_bytes, picture)
    return path


async def test_bytes_that_another_janitor_took_over_and_that_were_put_again_are_not_deleted(
    service: ServiceHarness,
) -> None:
    loose = await unreferenced(service, CONCURRENT_REQUESTS + 1)
    eve, again = await service.open_account("eve"), dict(loose)

    async def another_janitor_and_new_uploads() -> None:
        await delete_unreferenced(service, "second", dead=["first"])(service.clock.now_ms())
        for picture in again.values():
            await service.upload(eve, await written(service, picture))

    slow = MeanwhileStore(service.blobs, another_janitor_and_new_uploads)
    first = replace(delete_unreferenced(service, "first"), blobs=cast("ObjectBlobs", slow))
    await first(service.clock.now_ms())

    assert slow.requests >= 1
    assert set(await stored_blobs(service)) == again.keys()
    assert await service.query("SELECT count(*) FROM blobs WHERE condemned_ms IS NOT NULL") == [(0,)]


async def test_a_janitor_that_takes_long_keeps_its_claim(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests together outlast the claim, none of them does."""
    monkeypatch.setattr(deleting, "ABANDONED_MS", 50_000)
    blobs = [blob for blob, _ in await unreferenced(service, CONCURRENT_REQUESTS + 1)]
    now_ms = service.clock.now_ms()
    first, second = delete_unreferenced(service, "first"), delete_unreferenced(service, "second")
    await service.store.run(lambda records: first.mark(records, blobs, now_ms))

    service.clock.pass_time(40)
    renewed = await service.store.run(lambda records: records.blobs.renew_marks(blobs, "first", service.clock.now_ms()))
    service.clock.pass_time(40)
    taken_over = await second(service.clock.now_ms())

    assert len(renewed) == len(blobs)
    assert taken_over.files == 0


async def test_a_deletion_that_is_not_answered_is_given_up_and_stays_claimed(service: ServiceHarness) -> None:
    blobs = [blob for blob, _ in await unreferenced(service, CONCURRENT_REQUESTS + 1)]
    silent = MeanwhileStore(service.blobs, asyncio.get_running_loop().create_future)
    janitor_ = replace(delete_unreferenced(service, "first"), blobs=cast("ObjectBlobs", silent), request_timeout_s=0.0)

    with pytest.raises(TimeoutError):
        await janitor_(service.clock.now_ms())

    marked = await service.query("SELECT count(*) FROM blobs WHERE condemned_by = 'first'")
    assert len(blobs) == CONCURRENT_REQUESTS + 1
    assert marked == [(CONCURRENT_REQUESTS,)], "the rest is left to the next round"


@on_postgres
async def test_a_janitor_on_a_host_whose_clock_is_ahead_leaves_claims_alone(url: str, service: ServiceHarness) -> None:
    async with opened_store(url, local_clock=False) as store:
        [(blob, _)] = await unreferenced(service, 1)
        now_ms = time.time_ns() // 1_000_000
        marked = await store.run(lambda records: records.blobs.mark_for_deletion([blob], "first", now_ms))
        ahead_ms = now_ms + 2 * ABANDONED_MS

        taken = await store.run(lambda records: records.blobs.take_over_marks("second", [], ahead_ms, ABANDONED_MS, 10))

    assert [each.blob for each in marked] == [blob]
    assert taken == []


async def test_who_brings_bytes_that_are_being_deleted_waits_and_puts_them_anew(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = service.clock.now_ms()
    first = delete_unreferenced(service, "first")
    marked = await service.store.run(lambda records: first.mark(records, [upload.blob], now_ms))
    sleep = service.clock.sleep

    async def meanwhile(seconds: float) -> None:
        await first.delete(marked, now_ms)
        await sleep(seconds)

    service.clock.sleep = meanwhile  # type: ignore[method-assign]
    again = await service.upload(key, picture_file(service.folder))

    assert again.blob == upload.blob
    assert list(await stored_blobs(service)) == [upload.blob]


async def test_half_written_files_go_when_their_writer_must_be_dead(service: ServiceHarness) -> None:
    folder = service.folder / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True)
    old, young, other = folder / "abcd#1", folder / "abce#2", folder / "notes.txt"
    for path in (old, young, other):
        path.write_bytes(b"half")
    aged(old, service.clock.now_ms() - PARTIAL_FILE_MS)
    aged(young, service.clock.now_ms() - PARTIAL_FILE_MS + 60_000)
    aged(other, 0)

    removed = await janitor(service).reclaim()

    assert removed == 1
    assert sorted(path.name for path in folder.iterdir()) == ["abce#2", "notes.txt"]


async def test_parts_of_an_upload_that_nobody_went_on_with_go(service: ServiceHarness) -> None:
    parts, assembly = open_parts(f"file://{service.folder / 'blobs'}"), MultipartUpload(UploadToken("a-token"), "an-id")
    service.clock.ms = time.time_ns() // 1_000_000  # the store tells a file's age by its own clock
    await parts.begin(assembly)
    await parts.put(assembly, 1, picture_file(service.folder))

    young = await janitor(service).reclaim()
    service.clock.pass_time(ABANDONED_UPLOAD_MS / 1000 + 60)
    old = await janitor(service).reclaim()

    assert (young, old) == (0, 2)
    assert not await parts.holds(assembly)


def aged(path: Path, at_ms: int) -> None:
    os.utime(path, ns=(at_ms * 1_000_000, at_ms * 1_000_000))


async def test_a_result_without_a_journal_line_is_kept_and_removed_all_the_same(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    await service.settle_task(task, Ending(SUCCEEDED.status, 5, SUCCEEDED.result, SUCCEEDED.served_by))

    kept = await janitor(service, replace(NOTHING, results_ms=A_DAY_MS))()
    service.clock.pass_time(A_DAY_S)
    removed = await janitor(service, replace(NOTHING, results_ms=A_DAY_MS))()

    assert (kept.results, removed.results) == (0, 1)


async def test_a_picture_that_was_delivered_before_its_task_failed_is_removed_in_its_time(
    service: ServiceHarness,
) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    await buy_picture(service, task, MADE)
    await service.settle_task(task, FAILED)

    removed = await janitor(service)()

    assert removed.results == 1
    assert await stored_blobs(service) == {}


@on_postgres
async def test_a_picture_that_is_delivered_beside_a_settle_is_removed_in_its_time(service: ServiceHarness) -> None:
    """By a worker that lost its lease: whether its delivery or the settle is committed first."""
    tasks = [await service.submit_task(await service.open_account(name)) for name in ("ada", "eve")]
    await service.claim_tasks()
    settled_first, delivered_first = tasks
    attempts = {task: await intend_attempt(SpendJournal(service.store, service.clock), task, 1) for task in tasks}
    now_ms = service.clock.now_ms()
    result = asdict(KeptImage(PICTURE, {}))

    async with held_open(service, lambda records: settle(records, settled_first, FAILED, now_ms, owner="worker")):
        late = asyncio.ensure_future(
            service.store.run(lambda records: records.attempts.delivered(attempts[settled_first], result, 0.04, now_ms))
        )
        await blocked_or_done(service, late)
    await late
    async with held_open(
        service, lambda records: records.attempts.delivered(attempts[delivered_first], result, 0.04, now_ms)
    ):
        settling = asyncio.ensure_future(service.settle_task(delivered_first, FAILED))
        await blocked_or_done(service, settling)
    await settling

    assert (await janitor(service)()).results == 2
    assert await service.query("SELECT * FROM blob_uses") == []
