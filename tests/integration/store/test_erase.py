"""Erasing: no word and no picture is left, no figure is lost, and nobody else's bytes are touched."""

import asyncio
from typing import Any

import pytest

from fakes import picture_file
from integration.store.retention_steps import (
    UNUSED,
    account_eraser,
    buy_picture,
    deliver_attempt,
    eraser,
    inline_picture,
    janitor,
    prepare_references,
    run_task,
    stored_blobs,
)
from limner.application.explain import Explain
from limner.application.generation.journal import SpendJournal
from limner.application.read import own_task
from limner.db.tables.keys import Key
from limner.db.tables.tasks import CleanCopy
from limner.domain.ids import BlobId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import UploadedSource, UrlSource
from limner.domain.tasks.task import Status
from limner.providers.sandbox import card
from stores import FAILED, ServiceHarness, blocked_or_done, held_open, intend_attempt, on_postgres, with_file

GIVEN, MADE = card("given"), card("made")
SECRET = "the-unspeakable-badger"
FIELDS: dict[str, Any] = {"prompt": f"a portrait of {SECRET}", "echo": {"prompt": f"a portrait of {SECRET}"}}


async def everything(service: ServiceHarness) -> str:
    """All rows of all tables, as text."""
    tables = ("tasks", "task_inputs", "attempts", "ledger", "uploads", "idempotency", "task_events", "erasures")
    tables += ("task_webhooks", "deliveries", "delivery_attempts")
    return str([await service.query(f"SELECT * FROM {table}") for table in tables])  # noqa: S608 - words of ours


async def test_words_and_pictures_go_and_a_receipt_stays(service: ServiceHarness) -> None:
    task = await run_task(
        service, await service.open_account(), MADE, idempotency_key="a key", **FIELDS, **inline_picture(GIVEN)
    )
    sizes = await stored_blobs(service)

    receipt = await eraser(service)(None, task, "ada@example.org")

    assert (receipt.files, receipt.size, receipt.shared) == (3, sum(sizes.values()), 0)
    assert (receipt.by, receipt.at_ms) == ("ada@example.org", service.clock.now_ms())
    assert await stored_blobs(service) == {}
    assert await service.query("SELECT * FROM blobs") == []
    assert SECRET not in await everything(service)
    assert await service.store.read(lambda records: records.retention.erasure(task)) == receipt


async def test_figures_credits_and_the_journal_stay(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await run_task(service, key, MADE, **FIELDS)
    before = (await service.balance(key), await service.movements(task))

    await eraser(service)(None, task, "me")

    seen = await service.task(task)
    [attempt] = await service.attempts(task)
    assert (seen.status, seen.consumed, seen.result) == (Status.SUCCESS, 5, None)
    assert seen.served_by == {"provider": "scripted", "model": "drawer", "generative": True}
    assert (attempt.outcome, attempt.charged, attempt.cost_usd) == ("picture", True, 0.04)
    assert (attempt.result, attempt.handle, attempt.reason, attempt.detail) == (None, None, None, None)
    assert (await service.balance(key), await service.movements(task)) == before
    assert await service.ledger_faults() == []


async def test_an_erased_task_is_explained_by_its_receipt(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE, **FIELDS, **inline_picture(GIVEN))
    receipt = await eraser(service)(None, task, "me")

    reported = await Explain(service.store, service.templates, service.routing)(None, task)

    assert reported.erasure == receipt
    assert (reported.composed, reported.inputs, reported.ignored) == (None, [], ())
    assert [each.outcome for each in reported.attempts] == ["picture"]


async def test_what_went_wrong_is_reported_without_the_words(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await service.submit_task(key, **FIELDS, **with_file(UrlSource(f"https://example.org/{SECRET}.png")))
    await service.claim_tasks()
    await service.settle_task(task, FAILED)

    await eraser(service)(None, task, "me")

    seen = await service.task(task)
    assert (seen.status, seen.error_code, seen.error_msg) == (Status.FAILED, 1001, "erased")
    assert SECRET not in await everything(service)


async def test_an_address_that_was_to_be_reported_goes_too(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account())
    await service.store.run(lambda records: records.webhooks.set_task_url(task, f"https://example.org/{SECRET}"))
    before = await everything(service)
    await service.settle_task(task, FAILED, owner=None)

    await eraser(service)(None, task, "me")

    assert SECRET in before
    assert SECRET not in await everything(service)


async def test_the_same_bytes_of_another_account_stay(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    hers = await run_task(service, ada, MADE, **inline_picture(GIVEN))
    his = await run_task(service, eve, MADE, **inline_picture(GIVEN))

    receipt = await eraser(service)(None, hers, "ada")

    assert (receipt.files, receipt.size, receipt.shared) == (0, 0, 3)
    assert len(await stored_blobs(service)) == 3
    assert (await service.task(his)).result is not None
    assert (await eraser(service)(None, his, "eve")).files == 3
    assert await stored_blobs(service) == {}


async def test_an_upload_goes_with_the_task_that_alone_used_it(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    first = await run_task(service, key, MADE, **with_file(UploadedSource(upload.token)))
    second = await run_task(service, key, card("another"), **with_file(UploadedSource(upload.token)))

    await eraser(service)(None, first, "me")
    kept = await service.query("SELECT token FROM uploads")
    await eraser(service)(None, second, "me")

    assert kept == [(upload.token,)]
    assert await service.query("SELECT token FROM uploads") == []
    assert await stored_blobs(service) == {}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
async def test_a_task_that_has_not_ended_is_refused(service: ServiceHarness, status: Status) -> None:
    task = await service.submit_task(await service.open_account(), **FIELDS)
    if status is Status.RUNNING:
        await service.claim_tasks()

    with pytest.raises(Refusal) as refused:
        await eraser(service)(None, task, "me")

    assert (refused.value.code, refused.value.reason) == (Code.INVALID, f"task {task!r} is {status}")
    assert f"limner tasks cancel {task}" in refused.value.suggestion
    assert SECRET in await everything(service)


async def test_another_account_s_task_is_not_found(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    task = await run_task(service, ada, MADE)

    with pytest.raises(Refusal) as refused:
        await eraser(service)(eve.account, task, "eve")

    assert refused.value.code is Code.TASK_NOT_FOUND
    assert len(await stored_blobs(service)) == 1


async def test_to_erase_again_gives_the_same_receipt(service: ServiceHarness) -> None:
    task = await run_task(service, await service.open_account(), MADE)
    first = await eraser(service)(None, task, "ada")
    service.clock.pass_time(60)

    second = await eraser(service)(None, task, "eve")

    assert second == first


async def test_a_picture_that_comes_after_the_erasure_is_not_kept(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account(), **FIELDS)
    await service.claim_tasks()
    await service.settle_task(task, FAILED)
    await eraser(service)(None, task, "me")

    await buy_picture(service, task, MADE)
    [attempt] = await service.attempts(task)
    noted = await service.query("SELECT * FROM blob_uses") + await service.query("SELECT * FROM blob_pins")
    await janitor(service, UNUSED)()

    assert (attempt.charged, attempt.cost_usd, attempt.result) == (True, 0.04, None)
    assert noted == []
    assert await stored_blobs(service) == {}


async def test_a_vendor_s_handle_that_comes_after_the_erasure_is_not_kept(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account(), **FIELDS)
    await service.claim_tasks()
    attempt = await intend_attempt(SpendJournal(service.store, service.clock), task, 1)
    await service.settle_task(task, FAILED)
    await eraser(service)(None, task, "me")

    await SpendJournal(service.store, service.clock).submitted(attempt, {"prompt": SECRET})

    assert SECRET not in await everything(service)


@on_postgres
async def test_a_picture_that_comes_while_its_task_is_erased_is_not_kept(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account(), **FIELDS)
    await service.claim_tasks()
    attempt = await intend_attempt(SpendJournal(service.store, service.clock), task, 1)
    await service.settle_task(task, FAILED)
    erase = eraser(service)

    async with held_open(service, lambda records: erase._erase(records, own_task(records, None, task), "me", 1)):
        delivering = asyncio.ensure_future(deliver_attempt(service, task, attempt, MADE))
        await blocked_or_done(service, delivering)
    await delivering

    [kept] = await service.attempts(task)
    assert (kept.charged, kept.result) == (True, None)
    assert await service.query("SELECT * FROM blob_uses") == []


async def test_a_clean_copy_that_comes_after_the_erasure_is_not_kept(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account(), **inline_picture(GIVEN))
    await service.claim_tasks()
    inputs = await service.store.read(lambda records: records.tasks.inputs(task))
    await service.settle_task(task, FAILED)
    await prepare_references(service, task)
    [(made,)] = await service.query("SELECT clean FROM task_inputs")
    copy = CleanCopy(BlobId(made), "image/png", 256, 256)
    await eraser(service)(None, task, "me")

    await service.store.run(lambda records: records.tasks.save_clean_copy(task, inputs[0].position, copy))

    assert await service.query("SELECT * FROM blob_uses") == []


async def test_erasing_beside_who_brings_the_same_picture_leaves_his(service: ServiceHarness) -> None:
    """Whichever comes first, what is referred to at the end is there."""
    ada, eve = await service.open_account("ada"), await service.open_account("eve", 10_000, limit=1000)

    async def erases() -> None:
        for _ in range(10):
            await eraser(service)(None, await done_by(service, ada), "ada")

    async def deliver_attempt() -> list[TaskId]:
        return [await service.submit_task(eve, **inline_picture(GIVEN)) for _ in range(10)]

    async with asyncio.timeout(60):
        _, tasks = await asyncio.gather(erases(), deliver_attempt())

    for task in tasks:
        [item] = await service.store.read(lambda records, task=task: records.tasks.inputs(task))
        assert item.blob
        assert await service.blobs.size(item.blob) == len(GIVEN)


async def done_by(service: ServiceHarness, key: Key) -> TaskId:
    task = await service.submit_task(key, **inline_picture(GIVEN))
    await service.settle_task(task, FAILED, owner=None)
    return task


# --- a whole account ----------------------------------------------------------------------------------------------


async def test_an_account_goes_with_its_name_its_uploads_and_all_its_tasks(service: ServiceHarness) -> None:
    key = await service.open_account(SECRET)
    await service.upload(key, picture_file(service.folder))
    await run_task(service, key, MADE, **FIELDS, **inline_picture(GIVEN))
    await run_task(service, key, card("another"), **FIELDS)
    await service.accounts.grant(SECRET, 5, f"for {SECRET}")
    balance = await service.balance(key)

    erased = await account_eraser(service)(SECRET, "the operator")

    assert (erased.tasks, erased.files) == (2, 5)
    assert await stored_blobs(service) == {}
    assert SECRET not in await everything(service)
    assert await service.query("SELECT name FROM accounts") == [(erased.name,)]
    assert await service.query("SELECT name FROM api_keys WHERE revoked_ms IS NOT NULL") == [("erased",)]
    assert await service.balance(key) == balance
    assert await service.ledger_faults() == []


async def test_an_account_with_work_under_way_is_refused_whole(service: ServiceHarness) -> None:
    key = await service.open_account()
    await run_task(service, key, MADE)
    await service.submit_task(key)

    with pytest.raises(Refusal, match="1 tasks that have not ended"):
        await account_eraser(service)("ada", "the operator")

    assert len(await stored_blobs(service)) == 1


async def test_an_account_that_is_not_there_is_refused(service: ServiceHarness) -> None:
    with pytest.raises(Refusal, match="no account 'nobody'"):
        await account_eraser(service)("nobody", "the operator")
