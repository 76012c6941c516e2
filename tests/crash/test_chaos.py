"""A fleet under fire: bad vendors, kills without warning, and nothing is lost, doubled or left over.

`make chaos` is the same with thousands of tasks.
"""

from pathlib import Path

import pytest

from crash.chaos.plan import Plan
from crash.chaos.run import Rhythm, run


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_tasks_that_were_accepted_under_fire_end_once_and_everybody_s_books_agree(
    tmp_path: Path, database_url: str | None
) -> None:
    plan = Plan(
        tasks=60, seed=20_261, faults=0.2, clients=40, server_works=True, workers=1, pace_s=0.05, patience_s=300
    )

    report = await run(tmp_path, plan, Rhythm(every_events=22), database_url)

    assert report.wrongs == []
    assert len(report.facts.accounts) == plan.tasks
    assert report.facts.statuses["success"] > plan.tasks // 2
    assert sum(report.kills.values()) >= 4
    assert sum(report.faults.values()) > 0
