"""Lists of tasks: every filter, pages without gaps or repeats, and a search that finds every script."""

from itertools import chain
from typing import Any

import pytest

from integration.store.retention_steps import eraser
from limner.application.library.listing import ListedTasks, ListTasks
from limner.db.tables.keys import Key
from limner.db.tables.library.prompt_index import BATCH
from limner.domain.ids import KeyId, TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.search import search_terms
from limner.domain.tasks.task import Status
from stores import FAILED, ServiceHarness


async def submit(service: ServiceHarness, key: Key, prompt: str, **fields: Any) -> TaskId:
    service.clock.ms += 1
    return await service.submit_task(key, prompt=prompt, echo={"prompt": prompt}, **fields)


async def page(
    service: ServiceHarness, key: Key, /, *, search: str = "", after: str | None = None, limit: int = 50, **filters: Any
) -> ListedTasks:
    wanted = TaskFilter(search=search_terms(search), **filters)
    return await ListTasks(service.store)(key.account, wanted, after=after, limit=limit)


async def ids(service: ServiceHarness, key: Key, /, **filters: Any) -> list[TaskId]:
    return [seen.task.id for seen in (await page(service, key, **filters)).tasks]


async def all_pages(service: ServiceHarness, key: Key, limit: int, **filters: Any) -> list[list[TaskId]]:
    pages, after = [], None
    while True:
        found = await page(service, key, after=after, limit=limit, **filters)
        pages.append([seen.task.id for seen in found.tasks])
        after = found.next
        if after is None:
            return pages


async def test_the_newest_comes_first(service: ServiceHarness) -> None:
    key = await service.open_account()
    made = [await submit(service, key, f"cat {n}") for n in range(3)]

    assert await ids(service, key) == made[::-1]


@pytest.mark.parametrize("search", ["", "cat"])
async def test_pages_have_no_gap_and_no_repeat(service: ServiceHarness, search: str) -> None:
    key = await service.open_account()
    made = [await submit(service, key, f"cat {n}") for n in range(7)]

    pages = await all_pages(service, key, 3, search=search)

    assert [len(each) for each in pages] == [3, 3, 1]
    assert [*chain(*pages)] == made[::-1]


@pytest.mark.parametrize("search", ["", "cat"])
async def test_a_page_begins_where_the_one_before_ended_though_tasks_come_and_go(
    service: ServiceHarness, search: str
) -> None:
    key = await service.open_account()
    made = [await submit(service, key, f"cat {n}") for n in range(4)]
    first = await page(service, key, search=search, limit=2)
    await submit(service, key, "a cat that came later")
    await service.claim_tasks()
    await service.settle_task(made[2], FAILED)
    await eraser(service)(None, made[2], "me")

    second = await page(service, key, search=search, limit=2, after=first.next)

    assert [seen.task.id for seen in second.tasks] == [made[1], made[0]]
    assert second.next is None


async def test_tasks_of_one_millisecond_are_on_one_page_each(service: ServiceHarness) -> None:
    key = await service.open_account()
    made = {await service.submit_task(key) for _ in range(5)}

    pages = await all_pages(service, key, 2)

    assert sorted(chain(*pages)) == sorted(made)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("fox", {"a red FOX in the snow"}),
        ("red s", {"a red FOX in the snow"}),
        ("cafe", {"un café à Paris"}),
        ("狐狸", {"雪地里的红狐狸"}),
        ("红狐", {"雪地里的红狐狸"}),
        ("雪", {"雪地里的红狐狸"}),
        ("एक", {"एक लाल लोमड़ी"}),
        ("snow' & !x:* \"", set[str]()),
        ("snow' | \" *", {"a red FOX in the snow"}),
        ("fox dog", set[str]()),
        ("ox", set[str]()),
    ],
)
async def test_a_search_finds_words_of_every_script(service: ServiceHarness, search: str, found: set[str]) -> None:
    key = await service.open_account()
    for prompt in ("a red FOX in the snow", "un café à Paris", "雪地里的红狐狸", "एक लाल लोमड़ी"):
        await submit(service, key, prompt)

    tasks = (await page(service, key, search=search)).tasks

    assert {seen.task.echo["prompt"] for seen in tasks} == found


async def test_nobody_finds_what_others_wrote(service: ServiceHarness) -> None:
    key, other = await service.open_account("ada"), await service.open_account("eve")
    task = await submit(service, key, "a secret badger")
    await submit(service, other, "a public badger")

    assert await ids(service, key, search="badger") == [task]
    assert await ids(service, other, search="secret") == []
    assert await ids(service, other, search=key.account) == []
    assert task not in await ids(service, other)
    assert await ids(service, other, key=key.id) == []


async def test_each_filter_leaves_out_what_does_not_meet_it(service: ServiceHarness) -> None:
    key = await service.open_account()
    second = (await service.accounts.create_key("ada", "second", ("generate", "read"))).key
    plain = await submit(service, key, "a cat")
    dressed = await submit(service, second, "a cat", template="figure", model="gemini_2.5_flash_image_preview")
    created_ms = (await service.task(dressed)).created_ms
    await service.claim_tasks(limit=1)
    await service.settle_task(plain, FAILED)
    filters: dict[str, tuple[Any, Any]] = {
        "model": ("gemini_2.5_flash_image_preview", "flux.1_kontext_pro"),
        "template": ("figure", None),
        "statuses": ((Status.QUEUED,), (Status.FAILED, Status.BANNED)),
        "key": (KeyId(second.id), KeyId(key.id)),
        "since_ms": (created_ms, None),
        "until_ms": (None, created_ms),
    }

    for search in ("", "cat"):
        for name, (of_dressed, of_plain) in filters.items():
            if of_dressed is not None:
                assert await ids(service, key, search=search, **{name: of_dressed}) == [dressed], name
            if of_plain is not None:
                assert await ids(service, key, search=search, **{name: of_plain}) == [plain], name


async def test_what_was_erased_is_in_no_list_and_no_search(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await submit(service, key, "the-unspeakable-badger")
    await service.claim_tasks()
    await service.settle_task(task, FAILED)

    await eraser(service)(None, task, "me")

    assert await ids(service, key) == []
    assert await ids(service, key, search="badger") == []
    assert await service.query("SELECT * FROM prompt_words") == []


async def test_a_task_without_words_is_listed_and_not_searched(service: ServiceHarness) -> None:
    key = await service.open_account()
    task = await submit(service, key, "", template="figure")

    assert await ids(service, key) == [task]
    assert await ids(service, key, search="figure") == []


@pytest.mark.parametrize(
    "after", ["", "?", "dDEyMw", "cw", "eDE", "czEyMw" * 30, "dDEuMDAwMDAwMDAtMDAwMC00MDAwLTgwMDA"]
)
async def test_what_is_no_cursor_is_refused(service: ServiceHarness, after: str) -> None:
    key = await service.open_account()

    with pytest.raises(Refusal) as refused:
        await page(service, key, after=after)

    assert (refused.value.code, refused.value.field) == (Code.INVALID, "after")


async def test_a_cursor_of_a_search_is_none_of_a_list(service: ServiceHarness) -> None:
    key = await service.open_account()
    for n in range(2):
        await submit(service, key, f"cat {n}")
    searched, listed = await page(service, key, search="cat", limit=1), await page(service, key, limit=1)

    for search, after in (("", searched.next), ("cat", listed.next)):
        with pytest.raises(Refusal):
            await page(service, key, search=search, after=after)


async def test_a_search_goes_on_from_the_newest_words_to_those_in_the_index(service: ServiceHarness) -> None:
    key = await service.open_account(opening=10_000, limit=1000)
    made = [await submit(service, key, f"cat {'fox' if n % 2 else 'owl'}") for n in range(BATCH + 6)]
    await service.claim_tasks(limit=BATCH + 6)
    erased = [made[1], made[-1]]
    for task in erased:
        await service.settle_task(task, FAILED)
        await eraser(service)(None, task, "me")

    cats = [*chain(*await all_pages(service, key, 4, search="cat"))]
    foxes = [*chain(*await all_pages(service, key, 4, search="fo"))]

    assert cats == [task for task in made[::-1] if task not in erased]
    assert foxes == [task for task in made[1::2][::-1] if task not in erased]
    assert (await service.query("SELECT count(*) FROM prompt_words")) == [(BATCH + 4,)]


async def test_a_submit_that_is_rolled_back_leaves_no_gap_in_the_index(service: ServiceHarness) -> None:
    key = await service.open_account(opening=5 * BATCH, limit=1000)
    made = [await submit(service, key, "a cat") for _ in range(BATCH - 1)]
    with pytest.raises(Refusal):
        await submit(service, key, "a dog", template="figure", webhook_url="https://example.org/hook")
    made.append(await submit(service, key, "a cat"))

    assert await ids(service, key, search="cat", limit=100) == made[::-1]
    assert await ids(service, key, search="dog") == []
