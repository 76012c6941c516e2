"""The vendors' emulators in one process, with random faults and a file of purchases.

`python -m crash.chaos.vendors OPTIONS` runs them until its standard input ends, then prints the count of each fault.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from crash.chaos.plan import NAMES, Plan
from limner_vendors import EmulatedSpeed, Fault, FaultKind, Vendors

ORDERS = (
    (15, Fault(FaultKind.RATE_LIMITED, value=1, how="header")),
    (10, Fault(FaultKind.SERVER_ERROR)),
    (5, Fault(FaultKind.UNAVAILABLE)),
    (5, Fault(FaultKind.BAD_GATEWAY)),
    (5, Fault(FaultKind.TIMEOUT)),
    (7, Fault(FaultKind.RESET)),
    (8, Fault(FaultKind.LOST_ANSWER)),
    (5, Fault(FaultKind.CUT_HEADERS)),
    (8, Fault(FaultKind.CUT_BODY)),
    (4, Fault(FaultKind.GARBLED)),
    (7, Fault(FaultKind.MODERATED)),
    (3, Fault(FaultKind.MODERATED_OUTPUT)),
    (4, Fault(FaultKind.FAILED)),
    (5, Fault(FaultKind.TEXT_ONLY)),
    (4, Fault(FaultKind.EMPTY)),
    (4, Fault(FaultKind.UNDECODABLE)),
    (3, Fault(FaultKind.UNDECODABLE, how="truncated")),
    (3, Fault(FaultKind.UNDECODABLE, how="html")),
    (3, Fault(FaultKind.WRONG_FORMAT)),
    (3, Fault(FaultKind.BLANK)),
    (2, Fault(FaultKind.HEAVY)),
    (10, Fault(FaultKind.SLOW, value=0.8)),
    (5, Fault(FaultKind.LONG, value=1)),
    (4, Fault(FaultKind.NOT_FOUND, value=1)),
    (4, Fault(FaultKind.UNKNOWN_STATUS)),
    (6, Fault(FaultKind.EXPIRED_LINK, value=1)),
)
"""Faults of an order with their relative weights."""

LATER = (
    (3, Fault(FaultKind.SERVER_ERROR)),
    (3, Fault(FaultKind.RESET)),
    (3, Fault(FaultKind.CUT_BODY)),
    (3, Fault(FaultKind.SLOW, value=0.5)),
    (1, Fault(FaultKind.BAD_GATEWAY)),
)
"""Faults of a poll and of a download with their relative weights."""


@dataclass(slots=True)
class FaultyVendors:
    """`environment` points Limner at the vendors. `struck` counts the injected faults; it is empty until they stop."""

    environment: Mapping[str, str]
    struck: Counter[str] = field(default_factory=Counter)


@contextmanager
def faulty_vendors(
    books: Path, plan: Plan, host: str | None = None, within: Sequence[str] = ()
) -> Iterator[FaultyVendors]:
    """`within` is a command that runs another one, in the network namespace where `host` is."""
    options = {"seed": plan.seed, "faults": plan.faults, "pace_s": plan.pace_s, "host": host}
    records = json.dumps({"books": str(books), **options})
    command = [*within, sys.executable, "-m", "crash.chaos.vendors", records]
    tests = str(Path(__file__).parents[2])
    # aiohttp writes a traceback there when a client disconnects during a response.
    with (
        books.with_name("vendors.log").open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=tests
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        opened = FaultyVendors(json.loads(process.stdout.readline()))
        try:
            yield opened
        finally:
            process.stdin.close()
            opened.struck.update(json.loads(process.stdout.readline() or "{}"))


def faults_of(vendor: str, emulators: Vendors, share: float) -> list[Fault]:
    """The faults of one vendor; their probabilities add up to `share` for its orders."""
    known = [(weight, fault) for weight, fault in ORDERS if fault.kind in emulators.faults(vendor)._kinds]
    whole = sum(weight for weight, _ in known)
    later = sum(weight for weight, _ in LATER)
    return [replace(fault, times=None, probability=share * weight / whole) for weight, fault in known] + [
        replace(fault, times=None, on=stage, probability=share / 2 * weight / later)
        for stage in ("poll", "delivery")
        for weight, fault in LATER
    ]


async def serve(books: Path, seed: int, faults: float, pace_s: float, host: str | None) -> None:
    speed = EmulatedSpeed(seconds=pace_s, pending=1)
    async with Vendors.running(NAMES, records=books, speed=speed, seed=seed, host=host) as emulators:
        for vendor in NAMES:
            emulators.faults(vendor)._chance = random.Random(
                f"{seed} {vendor}"
            )  # otherwise all vendors fail at the same time
            emulators.faults(vendor).add(*faults_of(vendor, emulators, faults))
        write_line(emulators.environment())
        await asyncio.to_thread(sys.stdin.read)
        struck: Counter[str] = Counter()
        for vendor in NAMES:
            struck.update({str(one.fault.kind): one.applied for one in emulators.faults(vendor)._script if one.applied})
        write_line(struck)


def write_line(records: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(records) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    asyncio.run(serve(Path(options.pop("books")), **options))
