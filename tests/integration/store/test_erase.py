"""Erasing: no word and no picture is left, no figure is lost, and nobody else's bytes are touched."""

import asyncio
from typing import Any

import pytest

from fakes import picture_file
from integration.store.keeping import (
    UNUSED,
    account_eraser,
    brings,
    delivers,
    done,
    eraser,
    inline,
    janitor,
    prepared,
    stored,
)
from limner.application.generation.journal import SpendJournal
from limner.application.read import own_task
from limner.application.tasks.explain import Explain
from limner.db.tables.keys import Key
from limner.db.tables.tasks import CleanCopy
from limner.domain.ids import BlobId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import UploadedSource, UrlSource
from limner.domain.tasks.task import Status
from limner.providers.sandbox import card
from stores import BROKEN, House, blocked_or_done, held_open, on_postgres, ordered, with_file

GIVEN, MADE = card("given"), card("made")
SECRET = "the-unspeakable-badger"
WISHES: dict[str, Any] = {"prompt": f"a portrait of {SECRET}", "echo": {"prompt": f"a portrait of {SECRET}"}}


async def everything(house: House) -> str:
    """All rows of all tables, as text."""
    tables = ("tasks", "task_inputs", "attempts", "ledger", "uploads", "idempotency", "task_events", "erasures")
    tables += ("task_webhooks", "deliveries", "delivery_attempts")
    return str([await house.look(f"SELECT * FROM {table}") for table in tables])  # noqa: S608 - words of ours


async def test_words_and_pictures_go_and_a_receipt_stays(house: House) -> None:
    task = await done(house, await house.opens(), MADE, once="a key", **WISHES, **inline(GIVEN))
    sizes = await stored(house)

    receipt = await eraser(house)(None, task, "ada@example.org")

    assert (receipt.files, receipt.size, receipt.shared) == (3, sum(sizes.values()), 0)
    assert (receipt.by, receipt.at_ms) == ("ada@example.org", house.clock.now_ms())
    assert await stored(house) == {}
    assert await house.look("SELECT * FROM blobs") == []
    assert SECRET not in await everything(house)
    assert await house.store.read(lambda records: records.retention.erasure(task)) == receipt


async def test_figures_credits_and_the_journal_stay(house: House) -> None:
    key = await house.opens()
    task = await done(house, key, MADE, **WISHES)
    before = (await house.balance(key), await house.movements(task))

    await eraser(house)(None, task, "me")

    seen = await house.task(task)
    [attempt] = await house.attempts(task)
    assert (seen.status, seen.consumed, seen.result) == (Status.SUCCESS, 5, None)
    assert seen.served_by == {"provider": "scripted", "model": "drawer", "generative": True}
    assert (attempt.outcome, attempt.charged, attempt.cost_usd) == ("picture", True, 0.04)
    assert (attempt.result, attempt.handle, attempt.reason, attempt.detail) == (None, None, None, None)
    assert (await house.balance(key), await house.movements(task)) == before
    assert await house.faults() == []


async def test_an_erased_task_is_explained_by_its_receipt(house: House) -> None:
    task = await done(house, await house.opens(), MADE, **WISHES, **inline(GIVEN))
    receipt = await eraser(house)(None, task, "me")

    told = await Explain(house.store, house.templates)(None, task)

    assert told.erasure == receipt
    assert (told.composed, told.inputs, told.ignored) == (None, [], ())
    assert [each.outcome for each in told.attempts] == ["picture"]


async def test_what_went_wrong_is_told_without_the_words(house: House) -> None:
    key = await house.opens()
    task = await house.sends(key, **WISHES, **with_file(UrlSource(f"https://example.org/{SECRET}.png")))
    await house.claims()
    await house.settles(task, BROKEN)

    await eraser(house)(None, task, "me")

    seen = await house.task(task)
    assert (seen.status, seen.error_code, seen.error_msg) == (Status.FAILED, 1001, "erased")
    assert SECRET not in await everything(house)


async def test_an_address_that_was_to_be_told_goes_too(house: House) -> None:
    task = await house.sends(await house.opens())
    await house.store.run(lambda records: records.webhooks.expect(task, f"https://example.org/{SECRET}"))
    before = await everything(house)
    await house.settles(task, BROKEN, owner=None)

    await eraser(house)(None, task, "me")

    assert SECRET in before
    assert SECRET not in await everything(house)


async def test_the_same_bytes_of_another_account_stay(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    hers = await done(house, ada, MADE, **inline(GIVEN))
    his = await done(house, eve, MADE, **inline(GIVEN))

    receipt = await eraser(house)(None, hers, "ada")

    assert (receipt.files, receipt.size, receipt.shared) == (0, 0, 3)
    assert len(await stored(house)) == 3
    assert (await house.task(his)).result is not None
    assert (await eraser(house)(None, his, "eve")).files == 3
    assert await stored(house) == {}


async def test_an_upload_goes_with_the_task_that_alone_used_it(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    first = await done(house, key, MADE, **with_file(UploadedSource(upload.token)))
    second = await done(house, key, card("another"), **with_file(UploadedSource(upload.token)))

    await eraser(house)(None, first, "me")
    kept = await house.look("SELECT token FROM uploads")
    await eraser(house)(None, second, "me")

    assert kept == [(upload.token,)]
    assert await house.look("SELECT token FROM uploads") == []
    assert await stored(house) == {}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
async def test_a_task_that_has_not_ended_is_refused(house: House, status: Status) -> None:
    task = await house.sends(await house.opens(), **WISHES)
    if status is Status.RUNNING:
        await house.claims()

    with pytest.raises(Refusal) as refused:
        await eraser(house)(None, task, "me")

    assert (refused.value.code, refused.value.reason) == (Code.INVALID, f"task {task!r} is {status}")
    assert f"limner tasks cancel {task}" in refused.value.suggestion
    assert SECRET in await everything(house)


async def test_another_account_s_task_is_not_found(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    task = await done(house, ada, MADE)

    with pytest.raises(Refusal) as refused:
        await eraser(house)(eve.account, task, "eve")

    assert refused.value.code is Code.TASK_NOT_FOUND
    assert len(await stored(house)) == 1


async def test_to_erase_again_gives_the_same_receipt(house: House) -> None:
    task = await done(house, await house.opens(), MADE)
    first = await eraser(house)(None, task, "ada")
    house.clock.pass_time(60)

    second = await eraser(house)(None, task, "eve")

    assert second == first


async def test_a_picture_that_comes_after_the_erasure_is_not_kept(house: House) -> None:
    task = await house.sends(await house.opens(), **WISHES)
    await house.claims()
    await house.settles(task, BROKEN)
    await eraser(house)(None, task, "me")

    await delivers(house, task, MADE)
    [attempt] = await house.attempts(task)
    noted = await house.look("SELECT * FROM blob_uses") + await house.look("SELECT * FROM blob_pins")
    await janitor(house, UNUSED)()

    assert (attempt.charged, attempt.cost_usd, attempt.result) == (True, 0.04, None)
    assert noted == []
    assert await stored(house) == {}


async def test_a_vendor_s_handle_that_comes_after_the_erasure_is_not_kept(house: House) -> None:
    task = await house.sends(await house.opens(), **WISHES)
    await house.claims()
    attempt = await ordered(SpendJournal(house.store, house.clock), task, 1)
    await house.settles(task, BROKEN)
    await eraser(house)(None, task, "me")

    await SpendJournal(house.store, house.clock).submitted(attempt, {"prompt": SECRET})

    assert SECRET not in await everything(house)


@on_postgres
async def test_a_picture_that_comes_while_its_task_is_erased_is_not_kept(house: House) -> None:
    task = await house.sends(await house.opens(), **WISHES)
    await house.claims()
    attempt = await ordered(SpendJournal(house.store, house.clock), task, 1)
    await house.settles(task, BROKEN)
    erase = eraser(house)

    async with held_open(house, lambda records: erase._erase(records, own_task(records, None, task), "me", 1)):
        delivering = asyncio.ensure_future(brings(house, task, attempt, MADE))
        await blocked_or_done(house, delivering)
    await delivering

    [kept] = await house.attempts(task)
    assert (kept.charged, kept.result) == (True, None)
    assert await house.look("SELECT * FROM blob_uses") == []


async def test_a_clean_copy_that_comes_after_the_erasure_is_not_kept(house: House) -> None:
    task = await house.sends(await house.opens(), **inline(GIVEN))
    await house.claims()
    inputs = await house.store.read(lambda records: records.tasks.inputs(task))
    await house.settles(task, BROKEN)
    await prepared(house, task)
    [(made,)] = await house.look("SELECT clean FROM task_inputs")
    copy = CleanCopy(BlobId(made), "image/png", 256, 256)
    await eraser(house)(None, task, "me")

    await house.store.run(lambda records: records.tasks.save_clean_copy(task, inputs[0].position, copy))

    assert await house.look("SELECT * FROM blob_uses") == []


async def test_erasing_beside_who_brings_the_same_picture_leaves_his(house: House) -> None:
    """Whichever comes first, what is referred to at the end is there."""
    ada, eve = await house.opens("ada"), await house.opens("eve", 10_000, limit=1000)

    async def erases() -> None:
        for _ in range(10):
            await eraser(house)(None, await done_by(house, ada), "ada")

    async def brings() -> list[TaskId]:
        return [await house.sends(eve, **inline(GIVEN)) for _ in range(10)]

    async with asyncio.timeout(60):
        _, tasks = await asyncio.gather(erases(), brings())

    for task in tasks:
        [item] = await house.store.read(lambda records, task=task: records.tasks.inputs(task))
        assert item.blob
        assert await house.blobs.size(item.blob) == len(GIVEN)


async def done_by(house: House, key: Key) -> TaskId:
    task = await house.sends(key, **inline(GIVEN))
    await house.settles(task, BROKEN, owner=None)
    return task


# --- a whole account ----------------------------------------------------------------------------------------------


async def test_an_account_goes_with_its_name_its_uploads_and_all_its_tasks(house: House) -> None:
    key = await house.opens(SECRET)
    await house.upload(key, picture_file(house.folder))
    await done(house, key, MADE, **WISHES, **inline(GIVEN))
    await done(house, key, card("another"), **WISHES)
    await house.accounts.grant(SECRET, 5, f"for {SECRET}")
    balance = await house.balance(key)

    erased = await account_eraser(house)(SECRET, "the operator")

    assert (erased.tasks, erased.files) == (2, 5)
    assert await stored(house) == {}
    assert SECRET not in await everything(house)
    assert await house.look("SELECT name FROM accounts") == [(erased.name,)]
    assert await house.look("SELECT name FROM api_keys WHERE revoked_ms IS NOT NULL") == [("erased",)]
    assert await house.balance(key) == balance
    assert await house.faults() == []


async def test_an_account_with_work_under_way_is_refused_whole(house: House) -> None:
    key = await house.opens()
    await done(house, key, MADE)
    await house.sends(key)

    with pytest.raises(Refusal, match="1 tasks that have not ended"):
        await account_eraser(house)("ada", "the operator")

    assert len(await stored(house)) == 1


async def test_an_account_that_is_not_there_is_refused(house: House) -> None:
    with pytest.raises(Refusal, match="no account 'nobody'"):
        await account_eraser(house)("nobody", "the operator")
