"""`limner prune`: runs the janitor once, now."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from limner.cli.terminal import Data, Json, out, print_json, with_limner

if TYPE_CHECKING:
    from limner.application.retention.prune import Pruned
    from limner.bootstrap import Limner


def prune(data: Data = None, json: Json = False) -> None:
    """Remove expired data, as every worker does once a minute."""

    async def work(limner: "Limner") -> "tuple[Pruned, int]":
        return await limner.prune(), await limner.prune.reclaim()

    pruned, half = with_limner(data, work, json=json)
    if json:
        print_json(asdict(pruned) | {"half_written": half})
        return
    rows = f"{pruned.uploads} uploads, {pruned.keys} idempotency keys"
    logs = f"{pruned.events} events, {pruned.deliveries} deliveries of webhooks"
    tasks = f"the reference pictures of {pruned.inputs} tasks, the results of {pruned.results}"
    out.print(f"Removed {rows}, {logs}, {tasks}.", soft_wrap=True)
    out.print(f"Deleted {pruned.files} files of {pruned.size:,} bytes, and {half} half-written ones.", soft_wrap=True)
