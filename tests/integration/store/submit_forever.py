"""A process that submits tasks until it is killed: `python submit_forever.py URL FOLDER`.

It writes the id of each task on a line, after the task was accepted.
"""

import asyncio
import sys
from pathlib import Path

from limner.db.open_store import open_store
from limner.templates.loader import load_templates
from stores import make_service


async def accept_for_ever(url: str, folder: Path) -> None:
    store = open_store(url, local_clock=True)
    service = make_service(store, url, folder, load_templates())
    key = await service.open_account(opening=1_000_000, limit=1_000_000)

    async def accept() -> None:
        while True:
            task = await service.submit_task(key)
            sys.stdout.write(f"{task}\n")
            sys.stdout.flush()

    await asyncio.gather(*(accept() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(accept_for_ever(sys.argv[1], Path(sys.argv[2])))
