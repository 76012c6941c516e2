"""Ten times as much as can be served, for a few seconds. `make soak` does the same for ten minutes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_an_overloaded_server_answers_loses_nothing_and_recovers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--short", "soak"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    figures = {name: float(value) for name, value, _ in map(str.split, done.stdout.splitlines())}

    assert done.returncode == 0, done.stderr
    assert figures["soak_accepted"] > 0
    assert figures["soak_refused"] > 0
    assert figures["soak_refused_without_a_time"] == 0
    assert figures["soak_other_answers"] == 0
    assert figures["soak_reads"] > 0
    assert figures["soak_reads_refused"] == 0
    assert figures["soak_health_refused"] == 0
    assert figures["soak_tasks_lost"] == 0
    assert figures["soak_book_proved"] == 1
    assert figures["soak_memory"] < 1024
