"""Every benchmark, a second of it. The soak has a test of its own in `e2e`."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from bench.__main__ import USUAL

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", USUAL)
def test_a_benchmark_gives_finite_figures(name: str, tmp_path: Path) -> None:
    saved = tmp_path / "figures.json"

    done = subprocess.run(
        [sys.executable, "-m", "bench", "--short", "--save", saved, name],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    figures = json.loads(saved.read_text())
    assert list(figures) == [line.split()[0] for line in done.stdout.splitlines()]
    assert figures
    assert all(math.isfinite(each["value"]) and each["unit"] for each in figures.values())


def test_every_module_can_be_imported() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "--check"], check=False, cwd=ROOT, stderr=subprocess.PIPE)

    assert done.returncode == 0, done.stderr.decode()
