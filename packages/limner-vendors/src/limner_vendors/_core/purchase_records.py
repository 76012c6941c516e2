"""Records of every purchase, and of every broken rule that a real vendor would not report."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from limner_vendors._core.pictures import sha_of


@dataclass(frozen=True, slots=True)
class Purchase:
    """One job that a vendor accepted.

    `references` are the sha-256 of the reference pictures in order, `asked` the other fields of the request, `handle`
    what the vendor named the job (for a synchronous vendor, its answer's id). `charged` is false where the vendor
    refused after taking it on.
    """

    vendor: str
    model: str
    when_ms: int
    prompt: str
    references: tuple[str, ...]
    handle: str
    charged: bool = True
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prompt_sha(self) -> str:
        return sha_of(self.prompt)


@dataclass(frozen=True, slots=True)
class Violation:
    """What no client may do and no real vendor reports: a key sent to a delivery host."""

    vendor: str
    when_ms: int
    rule: str
    detail: str


Row = Purchase | Violation


class PurchaseRecords:
    """Purchases and violations in the order they happened.

    With a file they are kept there, a JSON line each, and what it holds is read first. Reading and writing block: make
    it in a thread; `enter` writes in one.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._rows: list[Row] = _read(file) if file and file.exists() else []
        self._changed = asyncio.Event()
        self._pen = asyncio.Lock()

    async def enter(self, row: Row) -> None:
        """On disk when this returns."""
        if self._file:
            async with self._pen:
                await asyncio.to_thread(_append, self._file, row)
        self._rows.append(row)
        self._changed.set()
        self._changed = asyncio.Event()

    def purchases(self, vendor: str | None = None) -> list[Purchase]:
        return [row for row in self._rows if isinstance(row, Purchase) and vendor in {None, row.vendor}]

    def violations(self, vendor: str | None = None) -> list[Violation]:
        return [row for row in self._rows if isinstance(row, Violation) and vendor in {None, row.vendor}]

    async def until_bought(self, count: int, vendor: str | None = None) -> list[Purchase]:
        """Wait until there are so many purchases."""
        while len(self.purchases(vendor)) < count:
            await self._changed.wait()
        return self.purchases(vendor)


def _append(file: Path, row: Row) -> None:
    kind = "purchase" if isinstance(row, Purchase) else "violation"
    with file.open("ab") as pen:
        pen.write(orjson.dumps({kind: asdict(row)}) + b"\n")


def _read(file: Path) -> list[Row]:
    """Skips a last line that a crash left incomplete."""
    rows: list[Row] = []
    for line in file.read_bytes().splitlines():
        with contextlib.suppress(orjson.JSONDecodeError):
            match orjson.loads(line):
                case {"purchase": facts}:
                    rows.append(Purchase(**facts | {"references": tuple(facts["references"])}))
                case {"violation": facts}:
                    rows.append(Violation(**facts))
    return rows
