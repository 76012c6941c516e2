"""The recordings that the page about migrating shows are ones that `limner replay` takes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from forked import run_forked
from serving import Served, serving

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("recordings") / "data") as served:
        yield served


@pytest.mark.parametrize("name", ["recording.har", "recording.jsonl"])
def test_an_example_of_a_recording_plays_as_before(served: Served, name: str) -> None:
    variables = served.environment | {"LIMNER_KEY": served.key or ""}
    done = run_forked(["replay", str(EXAMPLES / name), "--url", served.url, "--json"], variables)

    reported = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(reported["calls"]) >= 5
    assert reported["different"] == 0
    assert [call for call in reported["calls"] if call["skipped"]] == []


def test_the_page_shows_the_file_in_lines() -> None:
    page = (EXAMPLES.parent / "migrating.md").read_text()
    lines = (EXAMPLES / "recording.jsonl").read_text().splitlines()

    assert all(line in page for line in lines)
