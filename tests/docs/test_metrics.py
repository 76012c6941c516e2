from pathlib import Path

from limner.telemetry.metric_names import METRICS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()


def test_every_metric_is_documented_in_the_words_of_its_help_text() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `limner_")]

    assert [(row.split("|")[1].strip(" `"), row.split("|")[3].strip()) for row in rows] == list(METRICS.items())
