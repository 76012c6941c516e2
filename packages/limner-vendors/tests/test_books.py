import asyncio
from pathlib import Path

from limner_vendors import Purchase, Violation
from limner_vendors._core.purchase_records import PurchaseRecords

CAT = Purchase("bfl", "flux-dev", 1, "a cat", ("ab", "cd"), "job-1", asked={"seed": 7})
LEAK = Violation("bfl", 2, "key sent to a delivery host", "x-key")


async def test_books_in_a_file_are_read_again(tmp_path: Path) -> None:
    books = await asyncio.to_thread(PurchaseRecords, tmp_path / "books.jsonl")
    await books.enter(CAT)
    await books.enter(LEAK)

    again = await asyncio.to_thread(PurchaseRecords, tmp_path / "books.jsonl")

    assert again.purchases() == [CAT]
    assert again.violations() == [LEAK]


async def test_an_unfinished_last_line_is_passed_over(tmp_path: Path) -> None:
    books = await asyncio.to_thread(PurchaseRecords, tmp_path / "books.jsonl")
    await books.enter(CAT)
    with (tmp_path / "books.jsonl").open("ab") as pen:
        pen.write(b'{"purchase": {"ven')

    again = await asyncio.to_thread(PurchaseRecords, tmp_path / "books.jsonl")

    assert again.purchases() == [CAT]


async def test_books_are_kept_by_vendor() -> None:
    books = PurchaseRecords()
    await books.enter(CAT)

    assert books.purchases("bfl") == [CAT]
    assert books.purchases("openai") == []


async def test_one_can_wait_for_a_purchase() -> None:
    books = PurchaseRecords()
    waiting = asyncio.create_task(books.until_bought(1, "bfl"))

    await books.enter(CAT)

    assert await waiting == [CAT]
