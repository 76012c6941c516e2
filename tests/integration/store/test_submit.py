"""Accepting tasks: durable once answered, credits held, repeats recognised."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest

from fakes import picture_file
from limner.application.tasks.accept import IdempotencyConflict, IdempotencyKey
from limner.application.tasks.submit import SUBMITS_OF_ACCOUNT, Submitted
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.idempotency import IDEMPOTENCY_TTL_MS, IdempotentTask
from limner.domain.accounts.credits import Balance
from limner.domain.ids import TaskId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import FileInput, InlineSource, ObjectSource, TaskSource, UploadedSource, UrlSource
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Status
from limner.domain.upload import BUCKET
from limner.ports.acting_account import acting_for
from limner.providers.sandbox import card
from stores import (
    PICTURE,
    REQUEST,
    ROUTE,
    SUCCEEDED,
    ServiceHarness,
    blocked_or_done,
    held_open,
    on_postgres,
    request_with,
    with_file,
)

T = TypeVar("T")


async def count(service: ServiceHarness, table: str) -> int:
    [(rows,)] = await service.query(f"SELECT count(*) FROM {table}")  # noqa: S608 - a word of ours
    return int(rows)


async def test_an_accepted_task_is_queued_held_for_counted_and_reported(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)

    answer = await service.submit_request(key)

    task = await service.task(answer.task)
    assert (task.status, task.account, task.model) == (Status.QUEUED, key.account, "flux.1_kontext_pro")
    assert (task.price, task.consumed, task.progress) == (5, 0, 0)
    assert answer == Submitted(task.id, "sandbox", replayed=False)
    assert await service.balance(key) == Balance(95, 5)
    assert await service.movements(task.id) == ["hold"]
    assert await service.active_tasks(key) == 1
    assert await service.query("SELECT task, status FROM task_events") == [(task.id, "queued")]
    assert service.signals.arrived == 1


async def test_more_reference_images_than_any_route_takes_are_refused_before_anything_is_held(
    service: ServiceHarness,
) -> None:
    key = await service.open_account(opening=100)
    route = replace(ROUTE, provider="sandbox", reference_cap=1)
    routing = replace(service.routing, routes={"flux.1_kontext_pro": (route,)})
    files = tuple(FileInput(f"files[{n}]", None, UrlSource(f"https://example.com/{n}.png")) for n in range(2))
    submit = replace(service.submit, plan=replace(service.plan, routing=routing))

    with pytest.raises(Refusal) as refused:
        await submit(key, replace(REQUEST, files=files))

    assert refused.value.code is Code.INVALID
    assert await service.balance(key) == Balance(100, 0)
    assert await count(service, "tasks") == 0
    assert (await submit(key, replace(REQUEST, files=files[:1]))).provider == "sandbox"


async def test_a_task_knows_when_it_must_have_begun_and_how_long_it_may_run(service: ServiceHarness) -> None:
    task = await service.task(await service.submit_task(await service.open_account()))

    assert task.queue_deadline_ms == service.clock.now_ms() + 3_600_000
    assert task.run_limit_ms == 900_000


async def test_the_echo_and_the_order_are_kept_as_they_were_said(service: ServiceHarness) -> None:
    key = await service.open_account()
    words = "狐狸 «renard» \U0001d11e \u2028 'quoted' \\ %s :name"

    task = await service.submit_task(key, prompt=words, echo={"prompt": words}, t_pose=True, ignored=("style",))

    [(order,)] = await service.query("SELECT task_order FROM tasks")
    spec = await service.store.read(lambda records: records.tasks.spec(task))
    assert (await service.task(task)).echo == {"prompt": words, "model_version": "flux.1_kontext_pro"}
    assert spec == TaskSpec(prompt=words, t_pose=True, ignored=("style",))
    assert json.loads(order) == {
        "prompt": words,
        "template": None,
        "t_pose": True,
        "sketch_to_render": False,
        "negative_prompt": None,
        "aspect_ratio": None,
        "ignored": ["style"],
    }


async def test_without_the_credit_nothing_is_written(service: ServiceHarness) -> None:
    key = await service.open_account(opening=4)

    with pytest.raises(Refusal) as refused:
        await service.submit_task(key)

    assert refused.value.code is Code.NO_CREDIT
    assert "costs 5 credits, 4 are left" in refused.value.reason
    assert await count(service, "tasks") == await service.active_tasks(key) == service.signals.arrived == 0
    assert await service.balance(key) == Balance(4, 0)


async def test_over_the_limit_nothing_is_written(service: ServiceHarness) -> None:
    key = await service.open_account(limit=1)
    await service.submit_task(key)

    with pytest.raises(Refusal) as refused:
        await service.submit_task(key)

    assert (refused.value.code, refused.value.retry_after_s) == (Code.TOO_MANY_TASKS, 5)
    assert await count(service, "tasks") == await service.active_tasks(key) == 1


async def test_concurrent_submits_are_accepted_up_to_the_limit_and_the_credits(service: ServiceHarness) -> None:
    limited, poor = (
        await service.open_account("limited", limit=6),
        await service.open_account("poor", opening=27, limit=100),
    )
    group_ = [service.submit_task(key) for _ in range(15) for key in (limited, poor)]

    outcomes = await asyncio.gather(*group_, return_exceptions=True)

    assert [await service.active_tasks(key) for key in (limited, poor)] == [6, 5]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {
        Code.TOO_MANY_TASKS,
        Code.NO_CREDIT,
    }
    assert await service.balance(poor) == Balance(2, 25)
    assert await service.ledger_faults() == []


async def test_a_finished_task_makes_room_for_the_next(service: ServiceHarness) -> None:
    key = await service.open_account(limit=1)
    first = await service.submit_task(key)
    await service.claim_tasks()
    await service.settle_task(first, SUCCEEDED)

    second = await service.submit_task(key)

    assert (await service.task(second)).status is Status.QUEUED


# --- pictures -----------------------------------------------------------------------------------------------------


async def test_an_uploaded_picture_is_named_by_its_token_or_as_an_object(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))

    by_token = await service.submit_task(key, **with_file(UploadedSource(upload.token)))
    by_object = await service.submit_task(key, **with_file(ObjectSource(BUCKET, upload.object_key)))

    for task in (by_token, by_object):
        [item] = await service.store.read(lambda records, task=task: records.tasks.inputs(task))
        assert (item.position, item.field, item.url, item.blob, item.clean) == (0, "file", None, upload.blob, None)
        assert (await service.task(task)).echo["file"] == {"object": {"bucket": BUCKET, "key": upload.object_key}}


async def test_the_picture_of_an_earlier_task_is_named_by_the_task(service: ServiceHarness) -> None:
    key = await service.open_account()
    made = await service.submit_task(key)
    await service.claim_tasks()
    blob = await service.keep(picture_file(service.folder), made)
    await service.settle_task(made, replace(SUCCEEDED, result=replace(PICTURE, blob=blob.blob)))

    task = await service.submit_task(key, **with_file(TaskSource(made), field="inputs[0]"))

    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert (item.position, item.field, item.url, item.blob) == (0, "inputs[0]", None, blob.blob)
    assert (await service.task(task)).echo["inputs"] == [{"task_id": made}]


async def test_one_of_several_pictures_of_a_task_is_named_too(service: ServiceHarness) -> None:
    key = await service.open_account()
    made = await service.submit_task(key)
    await service.claim_tasks()
    blob = await service.keep(picture_file(service.folder), made)
    second = replace(PICTURE, blob=blob.blob)
    await service.settle_task(made, replace(SUCCEEDED, result=replace(PICTURE, more=(second,))))

    task = await service.submit_task(key, **with_file(TaskSource(made, "generated_image_2"), field="inputs[0]"))

    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert item.blob == blob.blob
    assert (await service.task(task)).echo["inputs"] == [{"task_id": made, "picture": "generated_image_2"}]
    with pytest.raises(Refusal) as refused:
        await service.submit_task(key, **with_file(TaskSource(made, "generated_image_3"), field="inputs[0]"))
    assert (refused.value.code, refused.value.field) == (Code.FILE_NOT_FOUND, "inputs[0]")
    assert "generated_image, generated_image_2" in (refused.value.suggestion or "")


async def test_a_task_of_another_account_is_no_picture(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    theirs = await service.submit_task(ada)

    with pytest.raises(Refusal) as refused:
        await service.submit_task(eve, **with_file(TaskSource(theirs), field="input"))

    assert (refused.value.code, refused.value.field) == (Code.TASK_NOT_FOUND, "input")
    assert await service.balance(eve) == Balance(1000, 0)


async def test_an_inline_picture_is_kept_before_its_task_is(service: ServiceHarness) -> None:
    key = await service.open_account()
    data = base64.b64encode(card("inline")).decode()

    task = await service.submit_task(key, **with_file(InlineSource(data), field="files[0]"))

    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert item.blob
    assert await service.blobs.size(item.blob) == len(card("inline"))
    assert await service.query("SELECT id FROM blobs") == [(item.blob,)]
    assert list(service.scratch.iterdir()) == []


async def test_an_inline_picture_of_a_request_without_credit_is_never_kept(service: ServiceHarness) -> None:
    key = await service.open_account(opening=1)
    data = base64.b64encode(card("inline")).decode()

    with pytest.raises(Refusal) as refused:
        await service.submit_task(key, **with_file(InlineSource(data)))

    assert refused.value.code is Code.NO_CREDIT
    assert not (service.folder / "blobs" / "sha256").exists()


@pytest.mark.parametrize("age_s", [0, 3_600, 3_601])
async def test_an_upload_serves_until_its_time_is_over(service: ServiceHarness, age_s: int) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    service.clock.pass_time(age_s)

    sending = service.submit_task(key, **with_file(UploadedSource(upload.token)))

    if age_s < 3_600:
        assert (await service.task(await sending)).status is Status.QUEUED
        return
    with pytest.raises(Refusal, match="has expired") as refused:
        await sending
    assert (refused.value.code, refused.value.field) == (Code.FILE_NOT_FOUND, "file.file_token")


async def test_another_account_s_upload_is_not_known(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    upload = await service.upload(ada, picture_file(service.folder))

    for source in (UploadedSource(upload.token), ObjectSource(BUCKET, upload.object_key)):
        with pytest.raises(Refusal, match="does not exist") as refused:
            await service.submit_task(eve, **with_file(source))
        assert refused.value.code is Code.FILE_NOT_FOUND

    assert await count(service, "tasks") == 0


@pytest.mark.parametrize(
    "source",
    [
        UploadedSource(UploadToken("00000000-0000-4000-8000-000000000000")),
        UploadedSource(UploadToken("no uuid \x00 at all")),
        ObjectSource("somebody's bucket", "key"),
        ObjectSource(BUCKET, "no/such\x00/key"),
    ],
)
async def test_a_picture_that_is_nowhere_is_refused_and_nothing_is_held(
    service: ServiceHarness, source: UploadedSource | ObjectSource
) -> None:
    key = await service.open_account(opening=100)

    with pytest.raises(Refusal) as refused:
        await service.submit_task(key, **with_file(source))

    assert refused.value.code is Code.FILE_NOT_FOUND
    assert await service.balance(key) == Balance(100, 0)
    assert await service.active_tasks(key) == 0


async def test_an_address_is_only_looked_at_now_and_fetched_later(service: ServiceHarness) -> None:
    task = await service.submit_task(await service.open_account(), **with_file(UrlSource("https://example.com/a.png")))

    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert (item.url, item.blob) == ("https://example.com/a.png", None)


# --- the same again -----------------------------------------------------------------------------------------------


async def test_the_same_key_and_request_get_the_same_task_and_one_hold(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)

    first, second = (
        await service.submit_request(key, idempotency_key="k"),
        await service.submit_request(key, idempotency_key="k"),
    )

    assert (first.replayed, second.replayed) == (False, True)
    assert second.task == first.task
    assert await service.balance(key) == Balance(95, 5)
    assert service.signals.arrived == 1


async def test_twins_at_the_same_moment_get_one_task(service: ServiceHarness) -> None:
    key = await service.open_account(opening=100)

    answers = await asyncio.gather(*(service.submit_request(key, idempotency_key="k") for _ in range(8)))

    assert len({answer.task for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert await service.balance(key) == Balance(95, 5)
    assert await service.ledger_faults() == []


async def test_another_request_under_the_same_key_is_a_conflict(service: ServiceHarness) -> None:
    key = await service.open_account()
    await service.submit_request(key, idempotency_key="k", digest="one")

    with pytest.raises(IdempotencyConflict) as refused:
        await service.submit_request(key, idempotency_key="k", digest="another")

    assert (refused.value.code, refused.value.field) == (Code.INVALID, "Idempotency-Key")
    assert await count(service, "tasks") == 1


async def test_two_accounts_may_choose_the_same_key(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")

    first, second = (
        await service.submit_request(ada, idempotency_key="k"),
        await service.submit_request(eve, idempotency_key="k"),
    )

    assert first.task != second.task
    assert not second.replayed


async def test_a_repeat_is_answered_when_limit_and_credit_are_used_up(service: ServiceHarness) -> None:
    key = await service.open_account(opening=5, limit=1)
    first = await service.submit_request(key, idempotency_key="k")

    assert await service.submit_request(key, idempotency_key="k") == replace(first, replayed=True)


async def test_a_repeat_with_an_inline_picture_is_answered_when_the_credit_is_used_up(service: ServiceHarness) -> None:
    key = await service.open_account(opening=5)
    file = with_file(InlineSource(base64.b64encode(card("inline")).decode()))
    first = await service.submit_request(key, idempotency_key="k", **file)

    assert await service.submit_request(key, idempotency_key="k", **file) == replace(first, replayed=True)


async def test_a_repeat_is_answered_when_the_upload_it_names_has_expired(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    file = with_file(UploadedSource(upload.token))
    first = await service.submit_request(key, idempotency_key="k", **file)
    service.clock.pass_time(7_200)

    assert await service.submit_request(key, idempotency_key="k", **file) == replace(first, replayed=True)


async def test_a_refused_request_may_be_sent_again_under_its_key(service: ServiceHarness) -> None:
    key = await service.open_account(opening=0)
    with pytest.raises(Refusal):
        await service.submit_request(key, idempotency_key="k")
    await service.accounts.grant("ada", 5, None)

    assert not (await service.submit_request(key, idempotency_key="k")).replayed


async def test_a_twin_gets_its_chance_when_the_first_is_refused(service: ServiceHarness) -> None:
    """Two at once with the credit for none: neither may leave the key bound to a task that never was."""
    key = await service.open_account(opening=4)

    outcomes = await asyncio.gather(
        *(service.submit_request(key, idempotency_key="k") for _ in range(2)), return_exceptions=True
    )

    assert [getattr(outcome, "code", None) for outcome in outcomes] == [Code.NO_CREDIT] * 2
    assert await count(service, "idempotency") == 0


@pytest.mark.parametrize(("later_ms", "replayed"), [(IDEMPOTENCY_TTL_MS - 1, True), (IDEMPOTENCY_TTL_MS, False)])
async def test_a_key_is_remembered_for_a_day(service: ServiceHarness, later_ms: int, replayed: bool) -> None:  # noqa: FBT001
    key = await service.open_account(opening=100)
    first = await service.submit_request(key, idempotency_key="k")
    service.clock.ms += later_ms

    again = await service.submit_request(key, idempotency_key="k", digest="same" if replayed else "something new")

    assert again.replayed is replayed
    assert (again.task == first.task) is replayed
    assert await service.submit_request(
        key, idempotency_key="k", digest="same" if replayed else "something new"
    ) == replace(again, replayed=True)


async def test_an_expired_key_that_is_used_many_times_at_once_creates_one_task(service: ServiceHarness) -> None:
    key = await service.open_account()
    first = await service.submit_request(key, idempotency_key="k")
    service.clock.ms += IDEMPOTENCY_TTL_MS

    answers = await asyncio.gather(*(service.submit_request(key, idempotency_key="k") for _ in range(8)))

    assert len({answer.task for answer in answers} - {first.task}) == 1
    assert len({answer.task for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1


@on_postgres
async def test_an_expired_key_is_bound_anew_by_one_of_two_transactions(service: ServiceHarness) -> None:
    key = await service.open_account()
    old, first, second = (TaskId(f"00000000-0000-4000-8000-00000000000{n}") for n in range(3))

    def bind(task: TaskId, now_ms: int) -> Callable[[Records], IdempotentTask | None]:
        return lambda records: records.idempotency.bind(key.account, "k", "d", task, now_ms)

    await service.store.run(bind(old, 1))
    async with held_open(service, bind(first, 1 + IDEMPOTENCY_TTL_MS)):
        binding = asyncio.ensure_future(service.store.run(bind(second, 1 + IDEMPOTENCY_TTL_MS)))
        await blocked_or_done(service, binding)

    assert await binding == IdempotentTask("d", first)


async def test_a_binding_says_what_it_was_bound_to(service: ServiceHarness) -> None:
    key = await service.open_account()
    first, second = TaskId("00000000-0000-4000-8000-000000000001"), TaskId("00000000-0000-4000-8000-000000000002")

    def bind(task: TaskId, digest: str) -> object:
        def work(records: Records) -> object:
            return records.idempotency.bind(key.account, "k", digest, task, 1)

        return work

    assert await service.store.run(bind(first, "a")) is None
    known = await service.store.run(bind(second, "b"))
    assert (known.digest, known.task) == ("a", first)


async def test_the_request_alone_decides_and_no_key_means_always_new(service: ServiceHarness) -> None:
    key = await service.open_account()
    submit = service.submit

    first = await submit(key, REQUEST)
    second = await submit(key, REQUEST, idempotency=IdempotencyKey("k", "d"))

    assert first.task != second.task


class CountingStore:
    """Notes how many units of work are under way at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running = self.most = 0

    async def run(self, work: Callable[[Records], T]) -> T:
        self._running += 1
        self.most = max(self.most, self._running)
        await asyncio.sleep(0)
        try:
            return await self._store.run(work)
        finally:
            self._running -= 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_of_one_account_s_tasks_few_are_written_at_once(service: ServiceHarness) -> None:
    key = await service.open_account(limit=100)
    counted = CountingStore(service.store)
    submit = replace(service.submit, store=cast("Store", counted))

    with acting_for(key.account):
        accepted = await asyncio.gather(*(submit(key, request_with()) for _ in range(30)))

    assert len({each.task for each in accepted}) == 30
    assert counted.most == SUBMITS_OF_ACCOUNT
