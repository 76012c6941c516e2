"""Kept, erased later, made from: what the calls of the library leave in the database."""

from itertools import pairwise
from typing import Any

from integration.store.retention_steps import eraser, inline_picture, janitor, run_task, stored_blobs
from limner.application.library.erase_later import EraseLater
from limner.application.library.keep_tasks import KeepTask
from limner.application.library.lineage import MOST_TASKS, ReadLineage
from limner.db.records import Records
from limner.db.tables.library.prompt_index import BATCH
from limner.domain.ids import TaskId
from limner.domain.tasks.request import TaskSource
from limner.providers.sandbox import card
from limner.worker.eraser import Eraser
from stores import FAILED, ServiceHarness, with_file

GIVEN, MADE = card("given"), card("made")


async def test_retention_leaves_a_kept_task_alone_until_it_is_kept_no_longer(service: ServiceHarness) -> None:
    key = await service.open_account()
    kept, plain = [await run_task(service, key, each, **inline_picture(GIVEN)) for each in (MADE, card("other"))]
    await KeepTask(service.store)(key.account, kept, kept=True)
    service.clock.pass_time(10**6)

    await janitor(service)()
    left = ((await service.task(kept)).result, (await service.task(plain)).result)
    await KeepTask(service.store)(key.account, kept, kept=False)
    await janitor(service)()

    assert left[0] is not None
    assert left[1] is None
    assert (await service.task(kept)).result is None
    assert await stored_blobs(service) == {}


async def test_a_worker_erases_what_is_due_and_nothing_else(service: ServiceHarness) -> None:
    key = await service.open_account()
    due, undone, later = [await run_task(service, key, card(str(n))) for n in range(3)]
    erase_later = EraseLater(service.store, service.clock)
    options: dict[str, Any] = {"even_kept": False, "actor": "key 1"}
    await erase_later(key.account, [due, undone], grace_s=10, **options)
    await erase_later(key.account, [later], grace_s=100, **options)
    await erase_later.undo(key.account, [undone], actor="key 1")
    worker = Eraser(service.store, eraser(service), service.clock)

    await worker.erase_due()
    before = (await service.task(due)).result
    service.clock.pass_time(10)
    await worker.erase_due()

    assert before is not None
    assert [(await service.task(each)).result is None for each in (due, undone, later)] == [True, False, False]
    receipt = await service.store.read(lambda records: records.retention.erasure(due))
    assert receipt is not None
    assert receipt.by == "the account"
    acts = [row[0] for row in await service.query("SELECT act FROM audit ORDER BY id")]
    assert acts[-4:] == ["task.erase_later", "task.erase_later", "task.erase_undone", "task.erase"]


async def test_tasks_of_one_account_are_erased_after_the_first_of_others(service: ServiceHarness) -> None:
    many, few = await service.open_account(limit=100), await service.open_account("eve")
    first = [await run_task(service, many, MADE) for _ in range(4)]
    late = await run_task(service, few, MADE)
    erase_later = EraseLater(service.store, service.clock)
    options: dict[str, Any] = {"even_kept": False, "actor": "a key"}
    await erase_later(many.account, first, grace_s=1, **options)
    await erase_later(few.account, [late], grace_s=2, **options)

    due = await service.store.read(lambda records: records.task_marks.due_for_erasing(service.clock.now_ms() + 3000, 2))

    assert late in due


async def test_a_reference_is_traced_by_its_task_and_by_its_bytes(service: ServiceHarness) -> None:
    key, other = await service.open_account(), await service.open_account("eve")
    first = await run_task(service, key, MADE)
    named = await service.submit_task(key, **with_file(TaskSource(first)))
    sent = await service.submit_task(key, **inline_picture(MADE))
    foreign = await service.submit_task(other, **inline_picture(MADE))
    unknown = await service.submit_task(key, **inline_picture(GIVEN))

    rows = await service.query("SELECT task, parent FROM task_parents")

    assert sorted(rows) == sorted([(named, first), (sent, first)])
    assert (await ReadLineage(service.store)(other.account, foreign)).edges == []
    assert (await ReadLineage(service.store)(key.account, unknown)).edges == []


async def test_a_lineage_is_bounded(service: ServiceHarness) -> None:
    key = await service.open_account(opening=10_000, limit=1000)
    tasks = [await service.submit_task(key) for _ in range(MOST_TASKS + 5)]

    def chain(records: Records) -> None:
        for parent, task in pairwise(tasks):
            records.lineage.add(task, {"file": parent})

    await service.store.run(chain)
    whole, part = [await ReadLineage(service.store)(key.account, each) for each in (tasks[100], tasks[-1])]

    assert len(whole.tasks) <= MOST_TASKS
    assert not part.complete
    assert all({edge.task, edge.parent} <= {seen.task.id for seen in part.tasks} for edge in part.edges)


async def test_a_task_that_was_erased_stays_in_the_lineage_without_its_words(service: ServiceHarness) -> None:
    key = await service.open_account()
    first = await run_task(service, key, MADE)
    service.clock.ms += 1
    child: TaskId = await service.submit_task(key, **with_file(TaskSource(first)))
    await service.cancel(key.account, child)

    await eraser(service)(None, first, "me")
    found = await ReadLineage(service.store)(key.account, child)

    assert [(edge.parent, edge.task) for edge in found.edges] == [(first, child)]
    assert [seen.task.listed for seen in found.tasks] == [False, True]


async def test_the_index_is_merged_step_by_step(service: ServiceHarness) -> None:
    key = await service.open_account(limit=1000)
    tasks = [await service.submit_task(key, prompt=f"badger {n}") for n in range(BATCH + 1)]
    await service.claim_tasks()
    for task in tasks:
        await service.settle_task(task, FAILED)
        await eraser(service)(None, task, "me")

    await janitor(service).merge_prompt_index()

    if service.url.startswith("sqlite"):
        stored = await service.query("SELECT block FROM prompt_index_data WHERE id > 10")
        assert b"badger" not in b"".join(block for (block,) in stored)
