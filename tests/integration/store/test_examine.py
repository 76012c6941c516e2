"""What a deep look finds, what it says to do, and what it mends when it is told to."""

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest

from fakes import picture_file
from integration.store.keeping import UNUSED, brings, delivers, done, inline, janitor, prepared, stored, sweep
from limner.application.retention.check_consistency import SILENT_MS, CheckConsistency, Finding
from limner.application.retention.delete_unreferenced import ABANDONED_MS
from limner.domain.ids import BlobId
from limner.domain.tasks.request import UploadedSource
from limner.ports.blobs import Stored
from limner.providers.sandbox import card
from stores import BROKEN, House, with_file

GIVEN, MADE = card("given"), card("made")


def doctor(house: House, dead: Collection[str] = ()) -> CheckConsistency:
    return CheckConsistency(house.store, house.blobs, house.clock, lambda owner: owner in dead)


async def complaints(house: House, dead: Collection[str] = (), *, hashes: bool = False) -> dict[str, Finding]:
    return {each.check: each for each in await doctor(house, dead)(hashes=hashes) if not each.well}


async def repaired(house: House, dead: Collection[str] = ()) -> dict[str, Finding]:
    return {each.check: each for each in await doctor(house, dead)(repair=True) if each.repaired}


def file_of(house: House, blob: BlobId) -> Path:
    return house.folder / "blobs" / "sha256" / blob[:2] / blob


@pytest.fixture
async def busy(house: House) -> House:
    """A house in which a bit of everything has happened."""
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    await done(house, key, MADE, once="a key", **inline(GIVEN))
    failed = await house.sends(key, **with_file(UploadedSource(upload.token)))
    await house.claims()
    attempt = await house.intends(failed)
    await house.settles(failed, BROKEN)
    await brings(house, failed, attempt, card("late"))
    running = await house.sends(key, **inline(card("another")))
    await house.claims()
    await prepared(house, running)
    await delivers(house, running, card("not settled yet"))
    await house.sends(key)
    return house


async def test_a_house_in_order_is_found_in_order(busy: House) -> None:
    findings = await doctor(busy)(hashes=True)

    assert [each.check for each in findings] == [
        "credits",
        "leases",
        "queue",
        "journal",
        "references",
        "pictures",
        "hashes",
    ]
    assert [each for each in findings if not each.well] == []


async def test_it_is_so_after_the_janitor_was_there_and_nothing_is_left_to_mend(busy: House) -> None:
    busy.clock.pass_time(1)
    await janitor(busy)()

    assert await complaints(busy, hashes=True) == {}
    assert await repaired(busy) == {}


async def test_a_picture_that_is_gone_is_told_with_who_refers_to_it(house: House) -> None:
    task = await done(house, await house.opens(), MADE)
    [blob] = await stored(house)
    file_of(house, blob).unlink()

    found = await complaints(house)

    assert list(found) == ["pictures"]
    assert found["pictures"].which == (f"{blob} (result of {task})",)
    assert "1 pictures that are referred to and not there" in found["pictures"].detail
    assert "limner tasks erase" in found["pictures"].remedy
    assert await repaired(house) == {}


async def test_a_picture_that_is_cut_short_is_told(house: House) -> None:
    await done(house, await house.opens(), MADE)
    [blob] = await stored(house)
    file_of(house, blob).write_bytes(MADE[:100])

    found = await complaints(house)

    assert list(found) == ["pictures"]
    assert "cut short" in found["pictures"].detail


async def test_a_changed_byte_is_found_by_who_reads_every_byte(house: House) -> None:
    task = await done(house, await house.opens(), MADE)
    [blob] = await stored(house)
    file_of(house, blob).write_bytes(MADE[:-1] + b"?")

    assert await complaints(house) == {}
    found = await complaints(house, hashes=True)
    assert list(found) == ["hashes"]
    assert found["hashes"].which == (f"{blob} (result of {task})",)


async def test_a_row_that_lost_its_book_entry_is_told_as_missing(house: House) -> None:
    await done(house, await house.opens(), MADE)
    [blob] = await stored(house)
    file_of(house, blob).unlink()
    await house.tamper("DELETE FROM blobs")

    assert "not there" in (await complaints(house))["pictures"].detail


async def test_a_file_that_nobody_knows_is_handed_to_the_janitor(house: House) -> None:
    await done(house, await house.opens(), MADE)
    stray = BlobId("ab" * 32)
    file_of(house, stray).parent.mkdir(parents=True, exist_ok=True)
    file_of(house, stray).write_bytes(b"from a backup")

    found = await complaints(house)
    mended = await repaired(house)
    house.clock.pass_time(1)
    pruned = await janitor(house, UNUSED)()

    assert found["pictures"].which == (stray,)
    assert list(mended) == ["pictures"]
    assert mended["pictures"].well
    assert (pruned.files, len(await stored(house))) == (1, 1)
    assert await complaints(house) == {}


async def test_a_reference_that_was_not_noted_is_noted(house: House) -> None:
    task = await done(house, await house.opens(), MADE, **inline(GIVEN))
    await house.tamper("DELETE FROM blob_uses WHERE kind = 'result'")

    found = await complaints(house)
    mended = await repaired(house)
    await janitor(house)()

    assert "references" in found
    assert f"(result of {task})" in found["references"].which[0]
    assert "references" in mended
    assert await complaints(house) == {}


async def test_a_note_without_a_reference_is_taken_back_and_its_bytes_go(house: House) -> None:
    await house.upload(await house.opens(), picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "UPDATE blobs SET let_go_ms = NULL")

    found = await complaints(house)
    await repaired(house)
    house.clock.pass_time(1)

    assert list(found) == ["references"]
    assert (await janitor(house)()).files == 1
    assert await complaints(house) == {}


async def test_bytes_that_the_janitor_would_never_look_at_are_handed_to_it(house: House) -> None:
    await house.upload(await house.opens(), picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses", "UPDATE blobs SET let_go_ms = NULL")

    found = await complaints(house)
    mended = await repaired(house)

    assert "never look at" in found["pictures"].detail
    assert list(mended) == ["pictures"]
    assert await complaints(house) == {}


async def test_a_deletion_that_was_not_finished_is_told(house: House) -> None:
    upload = await house.upload(await house.opens(), picture_file(house.folder))
    await house.tamper("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = house.clock.now_ms()
    await house.store.run(lambda records: sweep(house).condemn(records, [upload.blob], now_ms))
    house.clock.pass_time(ABANDONED_MS / 1000)

    found = await complaints(house)
    await janitor(house)()

    assert "deletion was begun" in found["pictures"].detail
    assert "limner prune" in found["pictures"].remedy
    assert await complaints(house) == {}


async def test_tasks_of_a_dead_worker_are_told_and_set_free(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.claims("the dead")

    assert await complaints(house) == {}
    found = await complaints(house, dead=["the dead"])
    await repaired(house, dead=["the dead"])

    assert found["leases"].which == (task,)
    assert [each.task.id for each in await house.rescues()] == [task]


async def test_tasks_that_nobody_took_over_are_told_though_not_mended(house: House) -> None:
    running = await house.sends(await house.opens())
    await house.claims()
    waiting = await house.sends(await house.opens("eve"))
    house.clock.pass_time(3600 + SILENT_MS / 1000 + 1)

    found = await complaints(house)

    assert (found["leases"].which, found["queue"].which) == ((running,), (waiting,))
    assert await repaired(house) == {}


async def test_an_order_that_was_left_open_is_closed(house: House) -> None:
    task = await done(house, await house.opens(), MADE)
    await house.tamper("UPDATE attempts SET state = 'submitted', outcome = NULL, closed_ms = NULL")

    found = await complaints(house)
    await repaired(house)

    assert found["journal"].which[0] == task
    assert [each.state for each in await house.attempts(task)] == ["closed"]


async def test_a_count_is_mended_and_a_balance_is_not(house: House) -> None:
    key = await house.opens()
    await house.sends(key)
    await house.tamper("UPDATE buckets SET active = 7", "UPDATE accounts SET available = available + 1")

    found = await complaints(house)
    mended = (await repaired(house))["credits"]

    assert len(found["credits"].which) == 2
    assert not mended.well
    assert len(mended.which) == 1
    assert await house.active(key) == 1


async def test_a_picture_that_is_put_or_removed_while_it_looks_is_no_trouble(house: House) -> None:
    """The store is listed first, so what comes or goes meanwhile is looked at again."""
    key = await house.opens()
    await done(house, key, MADE)
    await house.upload(key, picture_file(house.folder))
    house.clock.pass_time(3601)
    names = house.blobs.names

    async def listed() -> AsyncIterator[Sequence[Stored]]:
        async for page in names():
            yield page
        await janitor(house)()
        await done(house, key, card("new"))

    house.blobs.names = listed  # type: ignore[method-assign]

    assert await complaints(house) == {}
