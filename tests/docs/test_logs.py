"""The table of log fields, against the code and against the log of a real run."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from contract.client import client_of
from limner.application.retention.prune import Pruned
from serving import serving

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "logs.md").read_text()
DOCUMENTED = {
    field
    for row in re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE.partition("## Fields")[2].partition("## Events")[0], re.MULTILINE
    )
    for field in re.findall(r"\w+", row)
}
EVERYWHERE = {"event", "level", "timestamp"}
METHODS = {"debug", "info", "warning", "error", "exception"}
MEANT_FOR_STRUCTLOG = {"exc_info"}


def log_calls() -> Iterator[ast.Call]:
    for path in (ROOT / "src" / "limner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and is_log(node.func):
                yield node


def is_log(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id == "log" and called.attr in METHODS
    return isinstance(called, ast.Name) and called.id == "log_loop_error"


def fields_in_code() -> set[str]:
    return {keyword.arg for call in log_calls() for keyword in call.keywords if keyword.arg}


def events_in_code() -> set[str]:
    return {call.args[0].value for call in log_calls() if call.args and isinstance(call.args[0], ast.Constant)}  # type: ignore[misc]


def test_every_field_of_a_log_call_is_in_the_table() -> None:
    found = fields_in_code()

    assert len(found) > 30
    assert found - DOCUMENTED - MEANT_FOR_STRUCTLOG == set()


def test_the_table_names_no_field_that_is_not_logged() -> None:
    by_name = {"webhook_event", "trace_id", *Pruned.__dataclass_fields__}

    assert DOCUMENTED - fields_in_code() - by_name == set()


def test_every_event_to_look_for_is_logged() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.partition("## Events")[2], re.MULTILINE)
    named = {event for row in rows for event in re.findall(r"`([^`]+)`", row)}

    assert len(named) > 10
    assert named - events_in_code() == set()


def test_the_log_of_a_run_holds_documented_fields_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(tmp_path / "data", log=log, log_level="debug", access_log="true") as served:
        client_of(served).done()
        client_of(served).create(prompt="")
        served.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    ours = [line for line in lines if "logger" not in line]

    assert {"server started", "request", "task ended", "image delivered"} <= {line["event"] for line in ours}
    assert {field for line in ours for field in line} - EVERYWHERE - DOCUMENTED == set()
    assert all(line.keys() >= EVERYWHERE for line in ours)
    assert all("a small cat" not in json.dumps(line) for line in lines)
