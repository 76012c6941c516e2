"""Accepting tasks: once answered it is kept, once kept it is held for, and a repeat is told from a new request."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from fakes import picture_file
from limner.application.tasks.submit import IdempotencyConflict, IdempotencyKey, Submitted
from limner.db.records import Records
from limner.db.tables.idempotency import IDEMPOTENCY_TTL_MS, IdempotentTask
from limner.domain.accounts.credits import Balance
from limner.domain.ids import TaskId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import InlineSource, ObjectSource, TaskSource, UploadedSource, UrlSource
from limner.domain.tasks.task import Status
from limner.domain.upload import BUCKET
from limner.providers.sandbox import card
from stores import DRAWN, PICTURE, REQUEST, House, blocked_or_done, held_open, on_postgres, with_file


async def count(house: House, table: str) -> int:
    [(rows,)] = await house.look(f"SELECT count(*) FROM {table}")  # noqa: S608 - a word of ours
    return int(rows)


async def test_an_accepted_task_is_queued_held_for_counted_and_told(house: House) -> None:
    key = await house.opens(opening=100)

    answer = await house.answered(key)

    task = await house.task(answer.task)
    assert (task.status, task.account, task.model) == (Status.QUEUED, key.account, "flux.1_kontext_pro")
    assert (task.price, task.consumed, task.progress) == (5, 0, 0)
    assert answer == Submitted(task.id, "sandbox", replayed=False)
    assert await house.balance(key) == Balance(95, 5)
    assert await house.movements(task.id) == ["hold"]
    assert await house.active(key) == 1
    assert await house.look("SELECT task, status FROM task_events") == [(task.id, "queued")]
    assert house.signals.arrived == 1


async def test_a_task_knows_when_it_must_have_begun_and_how_long_it_may_run(house: House) -> None:
    task = await house.task(await house.sends(await house.opens()))

    assert task.queue_deadline_ms == house.clock.now_ms() + 3_600_000
    assert task.run_limit_ms == 900_000


async def test_the_echo_and_the_order_are_kept_as_they_were_said(house: House) -> None:
    key = await house.opens()
    words = "狐狸 «renard» \U0001d11e \u2028 'quoted' \\ %s :name"

    task = await house.sends(key, prompt=words, echo={"prompt": words}, t_pose=True, ignored=("style",))

    order = await house.store.read(lambda records: records.tasks.order(task))
    assert (await house.task(task)).echo == {"prompt": words, "model_version": "flux.1_kontext_pro"}
    assert order == {
        "prompt": words,
        "template": None,
        "t_pose": True,
        "sketch_to_render": False,
        "negative_prompt": None,
        "aspect_ratio": None,
        "ignored": ["style"],
    }


async def test_without_the_credit_nothing_is_written(house: House) -> None:
    key = await house.opens(opening=4)

    with pytest.raises(Refusal) as refused:
        await house.sends(key)

    assert refused.value.code is Code.NO_CREDIT
    assert "costs 5 credits, 4 are left" in refused.value.reason
    assert await count(house, "tasks") == await house.active(key) == house.signals.arrived == 0
    assert await house.balance(key) == Balance(4, 0)


async def test_over_the_limit_nothing_is_written(house: House) -> None:
    key = await house.opens(limit=1)
    await house.sends(key)

    with pytest.raises(Refusal) as refused:
        await house.sends(key)

    assert (refused.value.code, refused.value.retry_after_s) == (Code.TOO_MANY_TASKS, 5)
    assert await count(house, "tasks") == await house.active(key) == 1


async def test_a_crowd_gets_in_exactly_as_far_as_limit_and_credit_go(house: House) -> None:
    limited, poor = await house.opens("limited", limit=6), await house.opens("poor", opening=27, limit=100)
    crowd = [house.sends(key) for _ in range(15) for key in (limited, poor)]

    outcomes = await asyncio.gather(*crowd, return_exceptions=True)

    assert [await house.active(key) for key in (limited, poor)] == [6, 5]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {
        Code.TOO_MANY_TASKS,
        Code.NO_CREDIT,
    }
    assert await house.balance(poor) == Balance(2, 25)
    assert await house.faults() == []


async def test_a_finished_task_makes_room_for_the_next(house: House) -> None:
    key = await house.opens(limit=1)
    first = await house.sends(key)
    await house.claims()
    await house.settles(first, DRAWN)

    second = await house.sends(key)

    assert (await house.task(second)).status is Status.QUEUED


# --- pictures -----------------------------------------------------------------------------------------------------


async def test_an_uploaded_picture_is_named_by_its_token_or_as_an_object(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))

    by_token = await house.sends(key, **with_file(UploadedSource(upload.token)))
    by_object = await house.sends(key, **with_file(ObjectSource(BUCKET, upload.object_key)))

    for task in (by_token, by_object):
        [item] = await house.store.read(lambda records, task=task: records.tasks.inputs(task))
        assert (item.position, item.field, item.url, item.blob, item.clean) == (0, "file", None, upload.blob, None)
        assert (await house.task(task)).echo["file"] == {"object": {"bucket": BUCKET, "key": upload.object_key}}


async def test_the_picture_of_an_earlier_task_is_named_by_the_task(house: House) -> None:
    key = await house.opens()
    made = await house.sends(key)
    await house.claims()
    blob = await house.keep(picture_file(house.folder), made)
    await house.settles(made, replace(DRAWN, result=replace(PICTURE, blob=blob.blob)))

    task = await house.sends(key, **with_file(TaskSource(made), field="inputs[0]"))

    [item] = await house.store.read(lambda records: records.tasks.inputs(task))
    assert (item.position, item.field, item.url, item.blob) == (0, "inputs[0]", None, blob.blob)
    assert (await house.task(task)).echo["inputs"] == [{"task_id": made}]


async def test_a_task_of_another_account_is_no_picture(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    theirs = await house.sends(ada)

    with pytest.raises(Refusal) as refused:
        await house.sends(eve, **with_file(TaskSource(theirs), field="input"))

    assert (refused.value.code, refused.value.field) == (Code.TASK_NOT_FOUND, "input")
    assert await house.balance(eve) == Balance(1000, 0)


async def test_an_inline_picture_is_kept_before_its_task_is(house: House) -> None:
    key = await house.opens()
    data = base64.b64encode(card("inline")).decode()

    task = await house.sends(key, **with_file(InlineSource(data), field="files[0]"))

    [item] = await house.store.read(lambda records: records.tasks.inputs(task))
    assert item.blob
    assert await house.blobs.size(item.blob) == len(card("inline"))
    assert await house.look("SELECT id FROM blobs") == [(item.blob,)]
    assert list(house.scratch.iterdir()) == []


async def test_an_inline_picture_of_a_request_without_credit_is_never_kept(house: House) -> None:
    key = await house.opens(opening=1)
    data = base64.b64encode(card("inline")).decode()

    with pytest.raises(Refusal) as refused:
        await house.sends(key, **with_file(InlineSource(data)))

    assert refused.value.code is Code.NO_CREDIT
    assert not (house.folder / "blobs" / "sha256").exists()


@pytest.mark.parametrize("age_s", [0, 3_600, 3_601])
async def test_an_upload_serves_until_its_time_is_over(house: House, age_s: int) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    house.clock.pass_time(age_s)

    sending = house.sends(key, **with_file(UploadedSource(upload.token)))

    if age_s < 3_600:
        assert (await house.task(await sending)).status is Status.QUEUED
        return
    with pytest.raises(Refusal, match="has expired") as refused:
        await sending
    assert (refused.value.code, refused.value.field) == (Code.FILE_NOT_FOUND, "file.file_token")


async def test_another_account_s_upload_is_not_known(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    upload = await house.upload(ada, picture_file(house.folder))

    for source in (UploadedSource(upload.token), ObjectSource(BUCKET, upload.object_key)):
        with pytest.raises(Refusal, match="does not exist") as refused:
            await house.sends(eve, **with_file(source))
        assert refused.value.code is Code.FILE_NOT_FOUND

    assert await count(house, "tasks") == 0


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
    house: House, source: UploadedSource | ObjectSource
) -> None:
    key = await house.opens(opening=100)

    with pytest.raises(Refusal) as refused:
        await house.sends(key, **with_file(source))

    assert refused.value.code is Code.FILE_NOT_FOUND
    assert await house.balance(key) == Balance(100, 0)
    assert await house.active(key) == 0


async def test_an_address_is_only_looked_at_now_and_fetched_later(house: House) -> None:
    task = await house.sends(await house.opens(), **with_file(UrlSource("https://example.com/a.png")))

    [item] = await house.store.read(lambda records: records.tasks.inputs(task))
    assert (item.url, item.blob) == ("https://example.com/a.png", None)


# --- the same again -----------------------------------------------------------------------------------------------


async def test_the_same_key_and_request_get_the_same_task_and_one_hold(house: House) -> None:
    key = await house.opens(opening=100)

    first, second = await house.answered(key, once="k"), await house.answered(key, once="k")

    assert (first.replayed, second.replayed) == (False, True)
    assert second.task == first.task
    assert await house.balance(key) == Balance(95, 5)
    assert house.signals.arrived == 1


async def test_twins_at_the_same_moment_get_one_task(house: House) -> None:
    key = await house.opens(opening=100)

    answers = await asyncio.gather(*(house.answered(key, once="k") for _ in range(8)))

    assert len({answer.task for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert await house.balance(key) == Balance(95, 5)
    assert await house.faults() == []


async def test_another_request_under_the_same_key_is_a_conflict(house: House) -> None:
    key = await house.opens()
    await house.answered(key, once="k", digest="one")

    with pytest.raises(IdempotencyConflict) as refused:
        await house.answered(key, once="k", digest="another")

    assert (refused.value.code, refused.value.field) == (Code.INVALID, "Idempotency-Key")
    assert await count(house, "tasks") == 1


async def test_two_accounts_may_choose_the_same_key(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")

    first, second = await house.answered(ada, once="k"), await house.answered(eve, once="k")

    assert first.task != second.task
    assert not second.replayed


async def test_a_repeat_is_answered_when_limit_and_credit_are_used_up(house: House) -> None:
    key = await house.opens(opening=5, limit=1)
    first = await house.answered(key, once="k")

    assert await house.answered(key, once="k") == replace(first, replayed=True)


async def test_a_repeat_with_an_inline_picture_is_answered_when_the_credit_is_used_up(house: House) -> None:
    key = await house.opens(opening=5)
    file = with_file(InlineSource(base64.b64encode(card("inline")).decode()))
    first = await house.answered(key, once="k", **file)

    assert await house.answered(key, once="k", **file) == replace(first, replayed=True)


async def test_a_repeat_is_answered_when_the_upload_it_names_has_expired(house: House) -> None:
    key = await house.opens()
    upload = await house.upload(key, picture_file(house.folder))
    file = with_file(UploadedSource(upload.token))
    first = await house.answered(key, once="k", **file)
    house.clock.pass_time(7_200)

    assert await house.answered(key, once="k", **file) == replace(first, replayed=True)


async def test_a_refused_request_may_be_sent_again_under_its_key(house: House) -> None:
    key = await house.opens(opening=0)
    with pytest.raises(Refusal):
        await house.answered(key, once="k")
    await house.accounts.grant("ada", 5, None)

    assert not (await house.answered(key, once="k")).replayed


async def test_a_twin_gets_its_chance_when_the_first_is_refused(house: House) -> None:
    """Two at once with the credit for none: neither may leave the key bound to a task that never was."""
    key = await house.opens(opening=4)

    outcomes = await asyncio.gather(*(house.answered(key, once="k") for _ in range(2)), return_exceptions=True)

    assert [getattr(outcome, "code", None) for outcome in outcomes] == [Code.NO_CREDIT] * 2
    assert await count(house, "idempotency") == 0


@pytest.mark.parametrize(("later_ms", "replayed"), [(IDEMPOTENCY_TTL_MS - 1, True), (IDEMPOTENCY_TTL_MS, False)])
async def test_a_key_is_remembered_for_a_day(house: House, later_ms: int, replayed: bool) -> None:  # noqa: FBT001
    key = await house.opens(opening=100)
    first = await house.answered(key, once="k")
    house.clock.ms += later_ms

    again = await house.answered(key, once="k", digest="same" if replayed else "something new")

    assert again.replayed is replayed
    assert (again.task == first.task) is replayed
    assert await house.answered(key, once="k", digest="same" if replayed else "something new") == replace(
        again, replayed=True
    )


async def test_an_expired_key_that_is_used_many_times_at_once_creates_one_task(house: House) -> None:
    key = await house.opens()
    first = await house.answered(key, once="k")
    house.clock.ms += IDEMPOTENCY_TTL_MS

    answers = await asyncio.gather(*(house.answered(key, once="k") for _ in range(8)))

    assert len({answer.task for answer in answers} - {first.task}) == 1
    assert len({answer.task for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1


@on_postgres
async def test_an_expired_key_is_bound_anew_by_one_of_two_transactions(house: House) -> None:
    key = await house.opens()
    old, first, second = (TaskId(f"00000000-0000-4000-8000-00000000000{n}") for n in range(3))

    def bind(task: TaskId, now_ms: int) -> Callable[[Records], IdempotentTask | None]:
        return lambda records: records.idempotency.bind(key.account, "k", "d", task, now_ms)

    await house.store.run(bind(old, 1))
    async with held_open(house, bind(first, 1 + IDEMPOTENCY_TTL_MS)):
        binding = asyncio.ensure_future(house.store.run(bind(second, 1 + IDEMPOTENCY_TTL_MS)))
        await blocked_or_done(house, binding)

    assert await binding == IdempotentTask("d", first)


async def test_a_binding_says_what_it_was_bound_to(house: House) -> None:
    key = await house.opens()
    first, second = TaskId("00000000-0000-4000-8000-000000000001"), TaskId("00000000-0000-4000-8000-000000000002")

    def bind(task: TaskId, digest: str) -> object:
        def work(records: Records) -> object:
            return records.idempotency.bind(key.account, "k", digest, task, 1)

        return work

    assert await house.store.run(bind(first, "a")) is None
    known = await house.store.run(bind(second, "b"))
    assert (known.digest, known.task) == ("a", first)


async def test_the_request_alone_decides_and_no_key_means_always_new(house: House) -> None:
    key = await house.opens()
    submit = house.submit

    first = await submit(key, REQUEST)
    second = await submit(key, REQUEST, idempotency=IdempotencyKey("k", "d"))

    assert first.task != second.task
