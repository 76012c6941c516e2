"""The vendors' emulators in a process of their own, with a file for their books and chance in their answers.

`python market.py FACTS` runs them until its standard input ends, and says at last which faults struck how often.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
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
"""What may go wrong with an order, and how often in comparison."""

LATER = (
    (3, Fault(FaultKind.SERVER_ERROR)),
    (3, Fault(FaultKind.RESET)),
    (3, Fault(FaultKind.CUT_BODY)),
    (3, Fault(FaultKind.SLOW, value=0.5)),
    (1, Fault(FaultKind.BAD_GATEWAY)),
)
"""What may go wrong with a question about a job, and with a download."""


@dataclass(slots=True)
class Market:
    """`environment` points Limner at the vendors. `struck` is known when the market has closed."""

    environment: Mapping[str, str]
    struck: Counter[str] = field(default_factory=Counter)


@contextmanager
def market(books: Path, plan: Plan) -> Iterator[Market]:
    facts = json.dumps({"books": str(books), "seed": plan.seed, "faults": plan.faults, "pace_s": plan.pace_s})
    command = [sys.executable, "-m", "crash.chaos.market", facts]
    tests = str(Path(__file__).parents[2])
    # Whoever hangs up in the middle of an answer leaves a traceback there.
    with (
        books.with_name("market.log").open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=tests
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        opened = Market(json.loads(process.stdout.readline()))
        try:
            yield opened
        finally:
            process.stdin.close()
            opened.struck.update(json.loads(process.stdout.readline() or "{}"))


def script(vendor: str, emulators: Vendors, share: float) -> list[Fault]:
    """The faults of one vendor, whose chances add up to `share` at its orders."""
    known = [(weight, fault) for weight, fault in ORDERS if fault.kind in emulators.faults(vendor)._kinds]
    whole = sum(weight for weight, _ in known)
    later = sum(weight for weight, _ in LATER)
    return [replace(fault, times=None, probability=share * weight / whole) for weight, fault in known] + [
        replace(fault, times=None, on=stage, probability=share / 2 * weight / later)
        for stage in ("poll", "delivery")
        for weight, fault in LATER
    ]


async def serve(books: Path, seed: int, faults: float, pace_s: float) -> None:
    pace = EmulatedSpeed(seconds=pace_s, pending=1)
    async with Vendors.running(NAMES, books=books, pace=pace, seed=seed) as emulators:
        for vendor in NAMES:
            emulators.faults(vendor)._chance = random.Random(
                f"{seed} {vendor}"
            )  # else all vendors have bad luck at once
            emulators.faults(vendor).add(*script(vendor, emulators, faults))
        say(emulators.environment())
        await asyncio.to_thread(sys.stdin.read)
        struck: Counter[str] = Counter()
        for vendor in NAMES:
            struck.update({str(one.fault.kind): one.struck for one in emulators.faults(vendor)._script if one.struck})
        say(struck)


def say(facts: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    asyncio.run(serve(Path(told.pop("books")), **told))
