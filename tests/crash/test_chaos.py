"""Processes are killed while clients submit tasks to faulty vendors: every invariant of the run holds.

`make chaos` does the same with thousands of tasks.
"""

from pathlib import Path

import pytest

from crash.chaos.plan import Plan
from crash.chaos.run import KillSchedule, run


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_accepted_tasks_end_once_and_all_records_agree_after_random_kills(
    tmp_path: Path, database_url: str | None
) -> None:
    plan = Plan(tasks=60, seed=20_261, faults=0.2, clients=40, server_works=True, workers=1, pace_s=0.05, timeout_s=300)

    report = await run(tmp_path, plan, KillSchedule(every_events=22), database_url)

    assert report.violations == []
    assert len(report.records.tasks) == plan.tasks
    assert report.records.statuses["success"] > plan.tasks // 2
    assert sum(report.kills.values()) >= 4
    assert sum(report.faults.values()) > 0
