"""Writes docs/performance.md and its plot from the figures in bench/figures/, which `python -m bench --save` writes.

A test compares the page with what this would write.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import leather

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FIGURES = ROOT / "bench" / "figures"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the page; `more` says whether more of it is better."""

    name: str
    means: str
    more: bool


ROWS = (
    Row("submit", "accepting tasks, 32 connections", more=True),
    Row("submit_cpu", "CPU for one of them", more=False),
    Row("submit_p99", "99 of 100 are answered within", more=False),
    Row("read", "reading a task's status, 32 connections", more=True),
    Row("read_cpu", "CPU for one of them", more=False),
    Row("flight_done_after_last_submit", "1,000 tasks that take two seconds each: all done after", more=False),
    Row("flight_cpu", "CPU for one of them", more=False),
    Row("flight_peak_memory", "memory at its peak meanwhile", more=False),
    Row(
        "vendor_added_latency_p50",
        "what Limner adds to a vendor's call of four seconds and 2 MB, 32 at once",
        more=False,
    ),
    Row("vendor_cpu_2mb", "CPU for one of them", more=False),
    Row("vendor_peak_memory_32x2mb", "memory at its peak meanwhile", more=False),
    Row("vendor_calls_peak_memory", "memory at its peak with 1,000 calls at once", more=False),
    Row("settle", "ends of tasks: status, ledger, journal, event and a webhook's outbox", more=True),
    Row("rescue_taken_over", "1,000 tasks of a dead machine are in other hands after", more=False),
    Row("submit_full", "accepting a task beside 1,000,000 finished and 100,000 queued ones", more=False),
    Row("claim_full", "claiming a task beside them", more=False),
)
COMPLETE = (
    Row("complete_1kb", "a picture of 1 KB", more=True),
    Row("complete_1kb_cpu", "CPU of one task", more=False),
    Row("complete_1kb_peak_memory", "memory at its peak", more=False),
    Row("complete_2mb", "a picture of 1.6 MB, which arrives as 2 MB of base64", more=True),
    Row("complete_2mb_cpu", "CPU of one task", more=False),
    Row("complete_2mb_peak_memory", "memory at its peak", more=False),
)
"""Complete tasks: submitted, bought from a vendor that answers at once, decoded, hashed, kept, settled and read."""

PAGE = """\
<!-- Made by `make docs` from bench/figures/: change it in scripts/write_performance.py. -->

# Performance

One run of each benchmark before and after the work of 2026-11-29, on the same machine (two cores of an AMD EPYC, client on the
same machine, SQLite on a local disk). Before is commit `9c4dd5a`.

| figure | what it is | before | after | after ÷ before |
|---|---|---|---|---|
{rows}

The yardstick, a FastAPI echo of the same body, gave {echo_before} requests/s before and {echo_after} after: by so much the machine
itself was faster or slower. One run is not a study: differences below a tenth mean nothing.

{plot}
## Complete tasks

A task is submitted, bought from a vendor that answers at once, its picture decoded, hashed and kept, then the task is settled and read; 16
connections. Before is commit `303c34d`; after is `c600889`, which decodes base64 by pybase64, keeps the interpreter lock for digests and random bits and
looks through fewer objects for garbage, but also has traces and lets accounts take turns in more places. Measured on 2026-11-30, one right after the
other, on two cores that other programs kept busy too (a load of 11): compare the columns with each other alone. At 1 KB a task costs more CPU than
before, which another such pair of runs confirms (6.5 and 7.6 ms). Two causes were found later on the idle machine, in runs that alternate (medians):
the turns of accounts on the event loop cost 0.5 to 1.2 ms a task (8.4 with them, 7.5 without), and batches of SQLite's writer that ended too early cost
1 ms or more (8.0 to 9.6 before, 7.1 since units of loops end none).

| figure | what it is | before | after | after ÷ before |
|---|---|---|---|---|
{complete}

Where the CPU of a task of 1 KB goes, by the clocks of the threads and samples of their stacks: 57 % is the event loop's thread (30 % of it requests,
29 % the call to the vendor, 16 % the steps of the task, 11 % the loop itself); 24 % is the thread that writes to SQLite, with 34 statements in five
units of work; 19 % is the threads for pictures and files. At 2 MB the decoder of PNG has 11 %, and base64 had 20 %.

Later on 2026-11-30 purchases began to share connections, a task of one image to be journaled and settled in one unit of work, an account that is alone on
the event loop to run without a count of each callback, and a delivered file to be linked into the store instead of copied. Two servers side by side, `0ae591c`
and the new one, took turns of 120 tasks of 1 KB, ten each, at a load of 12: 13.8 ms of CPU a task before, 12.8 after (medians; 0.93 is the median of the
pairs). On PostgreSQL, three turns of 200 at a load of 11: 28.3 ms before, 25.8 after. On so busy a machine a task costs about twice what it costs on an idle
one. At 2 MB, seven turns of 50 at a load of 13: 34.4 ms before, 36.2 after (1.02 is the median of the pairs, and turns of one server differ by a fifth): no gain
was shown there.

Then, on the same day, the delivery of a picture and the end of its task became one set of writes, the intent of an attempt lost two statements, and the dispatcher
stopped to claim a second time after it took all that was queued: 29 statements of the writer for a lone task on SQLite where there were 40. On SQLite, four turns of
80 tasks of 1 KB at a load of 14: 11.5 ms of CPU a task before (`b0652fb`), 10.7 after (`1f131c7`; 0.92 is the median of the pairs). On PostgreSQL, four turns of
100 at a load of 11: 22.0 ms before (`4474989`), 18.3 after (0.87). No idle machine was to be had, so what these are there is not known.

On 2026-12-01 PostgreSQL began to get writes whose outcome nobody reads as one statement (`Db.later`): the end of a task takes five round trips where it took twelve. Eight
turns of 150 tasks of 1 KB at a load of 5: 16.6 ms of CPU a task before (`fad8e4b`), 13.0 after (0.81 is the median of the pairs), and 51 tasks a second before, 62 after. Pictures
in a folder are read without obstore since then, whose threads take 0.12 ms of CPU for what a thread of ours does in 0.04: eight turns of 100 held calls of OpenAI's API at a load of
6, 20.9 ms of CPU a call before and 18.5 after (0.87). With all of that day's changes together, five turns each at a load of 5 to 7: 0.90 of the CPU and 1.12 of the rate
on PostgreSQL (16.9 to 20.2 ms before, 14.4 to 19.8 after), and 0.97 of the CPU of held calls, which is within what turns of one server differ. **Tried without gain** the same day: SQLite's first unit of a batch without a savepoint (ten turns of 200, 1.01), and libc's functions
as the callbacks of the C2PA library instead of Python's (1.36 ms of CPU a signature instead of 1.67, which the library's private parts are not worth).

What is left has no single cause: no function of ours has more than 3 % of the event loop's thread by itself. Before that, on SQLite a task ran about 35 statements,
which at a load of 12 took 1.7 ms of the writer's thread; on PostgreSQL 42 took 7.7 ms of ours. A hop to a thread costs 0.08 ms. The floor of 2 MB is the decoder (5 ms), the digest (1.1 ms) and the write with its fsync (1.3 ms).

## Measure it yourself

    make bench                                   # every benchmark but the soak
    .venv/bin/python -m bench api queue          # some of them
    .venv/bin/python -m bench --save FILE api    # and write the figures as JSON
    .venv/bin/python -m bench --short            # a second of each, to see that they work

`make bench-peers` sends the same calls through LiteLLM 1.100.5, Portkey 1.15.2 and Limner to one vendor, with answers of 1 KB and 2 MB, a vendor that takes 0, 1 and 20
seconds, and 1, 32 and 500 calls at once; it prints calls a second, latencies, CPU and memory, and writes them to `out/peers.json`. It has not been run on an idle machine.

`make performance` measures what this page shows, writes it to `bench/figures/after.json`, and the page anew.
[Operating](operating.md#figures) says what each figure counts.
"""


def page() -> str:
    before, after = _saved("before"), _saved("after")
    return PAGE.format(
        rows=_table("before", "after", ROWS),
        complete=_table("complete_before", "complete_after", COMPLETE),
        plot="![Speed after, where 1 is the speed before](performance.svg)\n" if after else "",
        echo_before=_number(before["echo"]),
        echo_after=_number(after["echo"]) if "echo" in after else "?",
    )


def plot() -> str:
    """A bar for each figure; a longer one is better, whatever the figure counts."""
    before, after = _saved("before"), _saved("after")
    gains = [(_gain(row, before, after), row.name) for row in ROWS if row.name in after]
    chart = leather.Chart("Speed after, where 1 is the speed before")
    chart.add_x_scale(0, max(2.0, *(gain for gain, _ in gains)))
    chart.add_bars([(gain, f"{name} {gain:.2f}") for gain, name in gains], fill_color="#3b6ea5")
    return str(chart.to_svg(width=800, height=30 * len(gains) + 120)) + "\n"


def _saved(name: str) -> dict[str, float]:
    file = FIGURES / f"{name}.json"
    return {each: told["value"] for each, told in json.loads(file.read_text()).items()} if file.exists() else {}


def _gain(row: Row, before: dict[str, float], after: dict[str, float]) -> float:
    ratio = after[row.name] / before[row.name]
    return ratio if row.more else 1 / ratio


def _table(earlier: str, later: str, rows: Sequence[Row]) -> str:
    units = {name: told["unit"] for name, told in json.loads((FIGURES / f"{earlier}.json").read_text()).items()}
    return "\n".join(_line(row, _saved(earlier), _saved(later), units[row.name]) for row in rows)


def _line(row: Row, before: dict[str, float], after: dict[str, float], unit: str) -> str:
    told = [f"{_number(before[row.name])} {unit}", "", ""]
    if row.name in after:
        told[1:] = [f"{_number(after[row.name])} {unit}", f"{after[row.name] / before[row.name]:.2f}"]
    return f"| `{row.name}` | {row.means} | {' | '.join(told)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def main() -> int:
    (DOCS / "performance.md").write_text(page())
    if _saved("after"):
        (DOCS / "performance.svg").write_text(plot())
    return 0


if __name__ == "__main__":
    sys.exit(main())
