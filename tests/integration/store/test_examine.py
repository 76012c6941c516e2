"""What a deep look finds, what it says to do, and what it mends when it is told to."""

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest

from fakes import picture_file
from integration.store.retention_steps import (
    UNUSED,
    buy_picture,
    delete_unreferenced,
    deliver_attempt,
    inline_picture,
    janitor,
    prepare_references,
    run_task,
    stored_blobs,
)
from limner.application.retention.check_consistency import SILENT_MS, CheckConsistency, Finding
from limner.application.retention.delete_unreferenced import ABANDONED_MS
from limner.domain.ids import BlobId
from limner.domain.tasks.request import UploadedSource
from limner.ports.blobs import Stored
from limner.providers.sandbox import card
from stores import FAILED, ServiceHarness, with_file

GIVEN, MADE = card("given"), card("made")


def doctor(service: ServiceHarness, dead: Collection[str] = ()) -> CheckConsistency:
    return CheckConsistency(service.store, service.blobs, service.clock, lambda owner: owner in dead)


async def complaints(
    service: ServiceHarness, dead: Collection[str] = (), *, hashes: bool = False
) -> dict[str, Finding]:
    return {each.check: each for each in await doctor(service, dead)(hashes=hashes) if not each.well}


async def repaired(service: ServiceHarness, dead: Collection[str] = ()) -> dict[str, Finding]:
    return {each.check: each for each in await doctor(service, dead)(repair=True) if each.repaired}


def file_of(service: ServiceHarness, blob: BlobId) -> Path:
    return service.folder / "blobs" / "sha256" / blob[:2] / blob


@pytest.fixture
async def busy(service: ServiceHarness) -> ServiceHarness:
    """A service with some data of every kind."""
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    await run_task(service, key, MADE, idempotency_key="a key", **inline_picture(GIVEN))
    failed = await service.submit_task(key, **with_file(UploadedSource(upload.token)))
    await service.claim_tasks()
    attempt = await service.write_intent(failed)
    await service.settle_task(failed, FAILED)
    await deliver_attempt(service, failed, attempt, card("late"))
    running = await service.submit_task(key, **inline_picture(card("another")))
    await service.claim_tasks()
    await prepare_references(service, running)
    await buy_picture(service, running, card("not settled yet"))
    await service.submit_task(key)
    return service


async def test_a_consistent_service_has_no_finding(busy: ServiceHarness) -> None:
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


async def test_it_is_so_after_the_janitor_was_there_and_nothing_is_left_to_mend(busy: ServiceHarness) -> None:
    busy.clock.pass_time(1)
    await janitor(busy)()

    assert await complaints(busy, hashes=True) == {}
    assert await repaired(busy) == {}


async def test_a_picture_that_is_gone_is_reported_with_who_refers_to_it(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE)
    [blob] = await stored_blobs(service)
    file_of(service, blob).unlink()

    found = await complaints(service)

    assert list(found) == ["pictures"]
    assert found["pictures"].which == (f"{blob} (result of {task})",)
    assert "1 referenced pictures that are missing" in found["pictures"].detail
    assert "limner tasks erase" in found["pictures"].remedy
    assert await repaired(service) == {}


async def test_a_picture_that_is_cut_short_is_reported(service: ServiceHarness) -> None:
    await run_task(service, await service.open_account(), MADE)
    [blob] = await stored_blobs(service)
    file_of(service, blob).write_bytes(MADE[:100])

    found = await complaints(service)

    assert list(found) == ["pictures"]
    assert "truncated" in found["pictures"].detail


async def test_a_changed_byte_is_found_by_who_reads_every_byte(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE)
    [blob] = await stored_blobs(service)
    file_of(service, blob).write_bytes(MADE[:-1] + b"?")

    assert await complaints(service) == {}
    found = await complaints(service, hashes=True)
    assert list(found) == ["hashes"]
    assert found["hashes"].which == (f"{blob} (result of {task})",)


async def test_a_row_that_lost_its_book_entry_is_reported_as_missing(service: ServiceHarness) -> None:
    await run_task(service, await service.open_account(), MADE)
    [blob] = await stored_blobs(service)
    file_of(service, blob).unlink()
    await service.execute_sql("DELETE FROM blobs")

    assert "are missing" in (await complaints(service))["pictures"].detail


async def test_a_file_that_nobody_knows_is_handed_to_the_janitor(service: ServiceHarness) -> None:
    await run_task(service, await service.open_account(), MADE)
    stray = BlobId("ab" * 32)
    file_of(service, stray).parent.mkdir(parents=True, exist_ok=True)
    file_of(service, stray).write_bytes(b"from a backup")

    found = await complaints(service)
    mended = await repaired(service)
    service.clock.pass_time(1)
    pruned = await janitor(service, UNUSED)()

    assert found["pictures"].which == (stray,)
    assert list(mended) == ["pictures"]
    assert mended["pictures"].well
    assert (pruned.files, len(await stored_blobs(service))) == (1, 1)
    assert await complaints(service) == {}


async def test_a_reference_that_was_not_noted_is_noted(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE, **inline_picture(GIVEN))
    await service.execute_sql("DELETE FROM blob_uses WHERE kind = 'result'")

    found = await complaints(service)
    mended = await repaired(service)
    await janitor(service)()

    assert "references" in found
    assert f"(result of {task})" in found["references"].which[0]
    assert "references" in mended
    assert await complaints(service) == {}


async def test_a_note_without_a_reference_is_taken_back_and_its_bytes_go(service: ServiceHarness) -> None:
    await service.upload(await service.open_account(), picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "UPDATE blobs SET let_go_ms = NULL")

    found = await complaints(service)
    await repaired(service)
    service.clock.pass_time(1)

    assert list(found) == ["references"]
    assert (await janitor(service)()).files == 1
    assert await complaints(service) == {}


async def test_bytes_that_the_janitor_would_never_look_at_are_handed_to_it(service: ServiceHarness) -> None:
    await service.upload(await service.open_account(), picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses", "UPDATE blobs SET let_go_ms = NULL")

    found = await complaints(service)
    mended = await repaired(service)

    assert "would not find" in found["pictures"].detail
    assert list(mended) == ["pictures"]
    assert await complaints(service) == {}


async def test_a_deletion_that_was_not_finished_is_reported(service: ServiceHarness) -> None:
    upload = await service.upload(await service.open_account(), picture_file(service.folder))
    await service.execute_sql("DELETE FROM uploads", "DELETE FROM blob_uses")
    now_ms = service.clock.now_ms()
    await service.store.run(lambda records: delete_unreferenced(service).mark(records, [upload.blob], now_ms))
    service.clock.pass_time(ABANDONED_MS / 1000)

    found = await complaints(service)
    await janitor(service)()

    assert "deletion was begun" in found["pictures"].detail
    assert "limner prune" in found["pictures"].remedy
    assert await complaints(service) == {}


async def test_tasks_of_a_dead_worker_are_reported_and_set_free(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.claim_tasks("the dead")

    assert await complaints(service) == {}
    found = await complaints(service, dead=["the dead"])
    await repaired(service, dead=["the dead"])

    assert found["leases"].which == (task,)
    assert [each.task.id for each in await service.rescue_tasks()] == [task]


async def test_tasks_that_nobody_took_over_are_reported_though_not_mended(service: ServiceHarness) -> None:
    running = await service.submit_task(await service.open_account())
    await service.claim_tasks()
    waiting = await service.submit_task(await service.open_account("eve"))
    service.clock.pass_time(3600 + SILENT_MS / 1000 + 1)

    found = await complaints(service)

    assert (found["leases"].which, found["queue"].which) == ((running,), (waiting,))
    assert await repaired(service) == {}


async def test_an_order_that_was_left_open_is_closed(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE)
    await service.execute_sql("UPDATE attempts SET state = 'submitted', outcome = NULL, closed_ms = NULL")

    found = await complaints(service)
    await repaired(service)

    assert found["journal"].which[0] == task
    assert [each.state for each in await service.attempts(task)] == ["closed"]


async def test_a_count_is_mended_and_a_balance_is_not(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_task(key)
    await service.execute_sql("UPDATE buckets SET active = 7", "UPDATE accounts SET available = available + 1")

    found = await complaints(service)
    mended = (await repaired(service))["credits"]

    assert len(found["credits"].which) == 2
    assert not mended.well
    assert len(mended.which) == 1
    assert await service.active_tasks(key) == 1


async def test_a_picture_that_is_put_or_removed_while_it_looks_is_no_trouble(service: ServiceHarness) -> None:
    """The store is listed first, so what comes or goes meanwhile is looked at again."""
    key = await service.open_account()
    await run_task(service, key, MADE)
    await service.upload(key, picture_file(service.folder))
    service.clock.pass_time(3601)
    names = service.blobs.names

    async def listed() -> AsyncIterator[Sequence[Stored]]:
        async for page in names():
            yield page
        await janitor(service)()
        await run_task(service, key, card("new"))

    service.blobs.names = listed  # type: ignore[method-assign]

    assert await complaints(service) == {}
