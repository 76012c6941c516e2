"""What is removed by age, and that nothing else is."""

import asyncio
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fakes import picture_file
from integration.store.keeping import (
    EVERYTHING,
    NOTHING,
    delivers,
    done,
    inline,
    janitor,
    prepared,
    stored,
    sweep,
)
from limner.application.generation.journal import KeptImage, SpendJournal
from limner.application.images.keep import PIN_MS, Keep
from limner.application.retention.delete_unreferenced import ABANDONED_MS, START_WITHIN_MS
from limner.application.retention.prune import AT_ONCE, HALF_WRITTEN_MS, UNFINISHED_MS, Pruned
from limner.application.tasks.settle import settle
from limner.domain.ids import UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import UploadedSource
from limner.domain.tasks.task import Ending, Status
from limner.ports.parts import MultipartUpload
from limner.providers.sandbox import card
from limner.storage.parts import open_parts
from stores import BROKEN, DRAWN, PICTURE, House, blocked_or_done, held_open, on_postgres, ordered, with_file

A_DAY_S = 24 * 3600
A_DAY_MS = A_DAY_S * 1000
GIVEN, MADE = card("given"), card("made")


async def test_nothing_is_removed_before_its_time(house: House) -> None:
    key = await house.opens()
    await house.upload(key, picture_file(house.folder))
    task = await done(house, key, MADE, once="a key", **inline(GIVEN))
    week = replace(NOTHING, inputs_ms=7 * A_DAY_MS, results_ms=7 * A_DAY_MS, events_ms=7 * A_DAY_MS)

    pruned = await janitor(house, week)()

    assert pruned == Pruned(0, 0, 0, 0, 0, 0, 0, 0)
    assert len(await stored(house)) == 4
    assert (await house.task(task)).result is not None


async def test_for_ever_is_for_ever(house: House) -> None:
    task = await done(house, await house.opens(), MADE, **inline(GIVEN))
    house.clock.pass_time(3650 * A_DAY_S)

    await janitor(house, EVERYTHING)()

    assert len(await stored(house)) == 3
    assert len(await house.look("SELECT * FROM task_events WHERE task = :task", task=task)) >= 2


async def test_reference_pictures_and_their_clean_copies_go_when_their_time_is_over(house: House) -> None:
    task = await done(house, await house.opens(), MADE, **inline(GIVEN))
    policy = replace(EVERYTHING, inputs_ms=A_DAY_MS, unused_ms=0)
    house.clock.pass_time(A_DAY_S)

    pruned = await janitor(house, policy)()

    result = (await house.task(task)).result
    assert (pruned.inputs, pruned.files) == (1, 2)
    assert result
    assert list(await stored(house)) == [result.blob]
    [item] = await house.store.read(lambda records: records.tasks.inputs(task))
    assert (item.blob, item.clean) == (None, None)


async def test_a_picture_that_was_removed_leaves_its_task_and_its_figures(house: House) -> None:
    key = await house.opens()
    task = await done(house, key, MADE)
    house.clock.pass_time(A_DAY_S)

    pruned = await janitor(house, replace(EVERYTHING, results_ms=A_DAY_MS, unused_ms=0))()

    seen = await house.task(task)
    assert (pruned.results, pruned.files, pruned.size) == (1, 1, len(MADE))
    assert (seen.status, seen.result, seen.removed_ms, seen.consumed) == (
        Status.SUCCESS,
        None,
        house.clock.now_ms(),
        5,
    )
    assert seen.served_by
    [attempt] = await house.attempts(task)
    assert (attempt.outcome, attempt.cost_usd, attempt.result) == ("picture", 0.04, None)
    assert await stored(house) == {}
    assert await house.faults() == []


async def test_a_task_under_way_keeps_everything(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    task = await house.sends(key, **with_file(UploadedSource(upload.token)))
    await house.claims()
    await prepared(house, task)
    await delivers(house, task, MADE)
    house.clock.pass_time(365 * A_DAY_S)

    pruned = await janitor(house)()

    assert (pruned.uploads, pruned.files) == (1, 0)
    assert len(await stored(house)) == 3


async def test_a_picture_that_came_after_its_task_had_ended_is_kept_as_long_as_others(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.claims()
    await house.settles(task, BROKEN)
    await delivers(house, task, MADE)
    policy = replace(NOTHING, results_ms=A_DAY_MS)

    before = await janitor(house, policy)()
    house.clock.pass_time(A_DAY_S)
    after = await janitor(house, policy)()

    assert (before.results, before.files, after.results, after.files) == (0, 0, 1, 1)


async def test_bytes_that_somebody_else_has_too_stay(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    old = await done(house, ada, MADE, **inline(GIVEN))
    house.clock.pass_time(A_DAY_S)
    young = await done(house, eve, MADE, **inline(GIVEN))
    policy = replace(NOTHING, inputs_ms=A_DAY_MS, results_ms=A_DAY_MS)

    pruned = await janitor(house, policy)()

    assert (pruned.inputs, pruned.results, pruned.files) == (1, 1, 0)
    assert (await house.task(old)).result is None
    assert (await house.task(young)).result is not None
    assert len(await stored(house)) == 3
    house.clock.pass_time(A_DAY_S)
    assert (await janitor(house, policy)()).files == 3


async def test_what_was_made_of_a_picture_and_given_again_stays(house: House) -> None:
    """The picture that one task brought is the reference of another."""
    key = await house.opens()
    await done(house, key, MADE)
    house.clock.pass_time(A_DAY_S)
    task = await house.sends(key, **inline(MADE))

    await janitor(house, replace(NOTHING, results_ms=A_DAY_MS))()

    await house.claims()
    await prepared(house, task)
    assert len(await stored(house)) == 2


async def test_unused_bytes_are_kept_for_the_time_that_was_set(house: House) -> None:
    key = await house.opens()
    await house.upload(key, picture_file(house.folder))
    house.clock.pass_time(3601)
    policy = replace(EVERYTHING, unused_ms=A_DAY_MS)

    let_go = await janitor(house, policy)()
    house.clock.pass_time(A_DAY_S - 1)
    before = await janitor(house, policy)()
    house.clock.pass_time(1)
    after = await janitor(house, policy)()

    assert (let_go.uploads, let_go.files, before.files, after.files) == (1, 0, 0, 1)


async def test_an_expired_upload_goes_and_is_refused_before_and_after(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    house.clock.pass_time(3600)

    refusals = []
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await house.sends(key, **with_file(UploadedSource(upload.token)))
        refusals.append(refused.value.code)
        await janitor(house)()

    assert refusals == [Code.FILE_NOT_FOUND] * 2
    assert await house.look("SELECT * FROM uploads") == []
    assert await stored(house) == {}


async def test_idempotency_keys_are_forgotten_after_a_day_and_not_before(house: House) -> None:
    key = await house.opens()
    await house.sends(key, once="first")
    house.clock.pass_time(3600)
    await house.sends(key, once="second")

    house.clock.pass_time(A_DAY_S - 3600)
    pruned = await janitor(house, EVERYTHING)()

    assert pruned.keys == 1
    assert await house.look("SELECT key FROM idempotency") == [("second",)]


async def test_old_events_go_and_young_ones_stay(house: House) -> None:
    key = await house.opens()
    await house.sends(key)
    house.clock.pass_time(A_DAY_S)
    young = await house.sends(key)

    pruned = await janitor(house, replace(EVERYTHING, events_ms=A_DAY_MS))()

    assert pruned.events == 1
    assert await house.look("SELECT task FROM task_events") == [(young,)]


async def test_a_backlog_is_removed_to_the_end_and_in_small_pieces(house: House) -> None:
    key = await house.opens(opening=100_000, limit=1000)
    many = 2 * AT_ONCE + 3
    for number in range(many):
        task = await house.sends(key, once=str(number))
        await house.settles(task, BROKEN, owner=None)
    house.clock.pass_time(A_DAY_S)

    pruned = await janitor(house)()

    assert (pruned.keys, pruned.events) == (many, 2 * many)
    assert len(house.clock.slept) >= 6


# --- bytes that nobody came to refer to ----------------------------------------------------------------------------


async def test_bytes_whose_writer_died_before_it_referred_to_them_go_when_its_pin_is_void(house: House) -> None:
    path = picture_file(house.folder)
    await Keep(house.store, house.blobs, house.clock)(path, "image/png", "an-upload-nobody-made")

    early = await janitor(house)()
    house.clock.pass_time(PIN_MS / 1000)
    late = await janitor(house)()

    assert (early.files, late.files) == (0, 1)
    assert await stored(house) == {}
    assert await house.look("SELECT * FROM blob_pins") == []


async def test_a_pin_of_a_task_under_way_holds_however_long_it_takes(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.claims()
    await Keep(house.store, house.blobs, house.clock)(picture_file(house.folder), "image/png", task)
    house.clock.pass_time(10 * A_DAY_S)

    under_way = await janitor(house)()
    await house.settles(task, BROKEN)
    over = await janitor(house)()

    assert (under_way.files, over.files) == (0, 1)


async def test_what_a_dead_janitor_condemned_is_deleted_by_the_next_at_once(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = house.clock.now_ms()
    await house.store.run(lambda records: sweep(house, "first").condemn(records, [upload.blob], now_ms))

    alive = await janitor(house, name="second")()
    dead = await janitor(house, name="second", dead=["first"])()

    assert (alive.files, dead.files) == (0, 1)
    assert await stored(house) == {}


async def test_what_a_silent_janitor_condemned_far_away_is_deleted_after_a_while(house: House) -> None:
    upload = await house.upload(await house.opens(), picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = house.clock.now_ms()
    condemned = await house.store.run(lambda records: sweep(house, "first").condemn(records, [upload.blob], now_ms))

    house.clock.pass_time(ABANDONED_MS / 1000)
    second = await janitor(house, name="second")()
    again = await house.upload(await house.opens("eve"), picture_file(house.folder))
    late = await sweep(house, "first").delete(condemned, now_ms)

    assert (second.files, late.files) == (1, 0)
    assert list(await stored(house)) == [again.blob]


async def test_a_janitor_that_was_held_up_deletes_nothing_and_leaves_it_to_the_next_round(house: House) -> None:
    upload = await house.upload(await house.opens(), picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses")
    slow, now_ms = sweep(house, "slow"), house.clock.now_ms()
    condemned = await house.store.run(lambda records: slow.condemn(records, [upload.blob], now_ms))

    house.clock.pass_time(START_WITHIN_MS / 1000 + 1)
    late = await slow.delete(condemned, now_ms)
    before = list(await stored(house))
    next_round = await janitor(house)()

    assert (late.files, before, next_round.files) == (0, [upload.blob], 1)


async def test_who_brings_bytes_that_are_being_deleted_waits_and_puts_them_anew(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = house.clock.now_ms()
    first = sweep(house, "first")
    condemned = await house.store.run(lambda records: first.condemn(records, [upload.blob], now_ms))
    sleep = house.clock.sleep

    async def meanwhile(seconds: float) -> None:
        await first.delete(condemned, now_ms)
        await sleep(seconds)

    house.clock.sleep = meanwhile  # type: ignore[method-assign]
    again = await house.upload(key, picture_file(house.folder))

    assert again.blob == upload.blob
    assert list(await stored(house)) == [upload.blob]


async def test_half_written_files_go_when_their_writer_must_be_dead(house: House) -> None:
    folder = house.folder / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True)
    old, young, other = folder / "abcd#1", folder / "abce#2", folder / "notes.txt"
    for path in (old, young, other):
        path.write_bytes(b"half")
    aged(old, house.clock.now_ms() - HALF_WRITTEN_MS)
    aged(young, house.clock.now_ms() - HALF_WRITTEN_MS + 60_000)
    aged(other, 0)

    removed = await janitor(house).reclaim()

    assert removed == 1
    assert sorted(path.name for path in folder.iterdir()) == ["abce#2", "notes.txt"]


async def test_parts_of_an_upload_that_nobody_went_on_with_go(house: House) -> None:
    parts, assembly = open_parts(f"file://{house.folder / 'blobs'}"), MultipartUpload(UploadToken("a-token"), "an-id")
    house.clock.ms = time.time_ns() // 1_000_000  # the store tells a file's age by its own clock
    await parts.begin(assembly)
    await parts.put(assembly, 1, picture_file(house.folder))

    young = await janitor(house).reclaim()
    house.clock.pass_time(UNFINISHED_MS / 1000 + 60)
    old = await janitor(house).reclaim()

    assert (young, old) == (0, 2)
    assert not await parts.holds(assembly)


def aged(path: Path, at_ms: int) -> None:
    os.utime(path, ns=(at_ms * 1_000_000, at_ms * 1_000_000))


async def test_a_result_without_a_journal_line_is_kept_and_removed_all_the_same(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.claims()
    await house.settles(task, Ending(DRAWN.status, 5, DRAWN.result, DRAWN.served_by))

    kept = await janitor(house, replace(NOTHING, results_ms=A_DAY_MS))()
    house.clock.pass_time(A_DAY_S)
    removed = await janitor(house, replace(NOTHING, results_ms=A_DAY_MS))()

    assert (kept.results, removed.results) == (0, 1)


async def test_a_picture_that_was_delivered_before_its_task_failed_is_removed_in_its_time(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.claims()
    await delivers(house, task, MADE)
    await house.settles(task, BROKEN)

    removed = await janitor(house)()

    assert removed.results == 1
    assert await stored(house) == {}


@on_postgres
async def test_a_picture_that_is_delivered_beside_a_settle_is_removed_in_its_time(house: House) -> None:
    """By a worker that lost its lease: whether its delivery or the settle is committed first."""
    tasks = [await house.sends(await house.opens(name)) for name in ("ada", "eve")]
    await house.claims()
    settled_first, delivered_first = tasks
    attempts = {task: await ordered(SpendJournal(house.store, house.clock), task, 1) for task in tasks}
    now_ms = house.clock.now_ms()
    result = asdict(KeptImage(PICTURE, {}))

    async with held_open(house, lambda records: settle(records, settled_first, BROKEN, now_ms, owner="worker")):
        late = asyncio.ensure_future(
            house.store.run(lambda records: records.attempts.delivered(attempts[settled_first], result, 0.04, now_ms))
        )
        await blocked_or_done(house, late)
    await late
    async with held_open(
        house, lambda records: records.attempts.delivered(attempts[delivered_first], result, 0.04, now_ms)
    ):
        settling = asyncio.ensure_future(house.settles(delivered_first, BROKEN))
        await blocked_or_done(house, settling)
    await settling

    assert (await janitor(house)()).results == 2
    assert await house.look("SELECT * FROM blob_uses") == []
