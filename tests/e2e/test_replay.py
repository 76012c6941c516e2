"""`limner replay`, as a team that moves here would use it: a recording from elsewhere against a running server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forked import run_forked
from serving import Served, serving

THEN = "11111111-2222-3333-4444-555555555555"
CDN = f"https://data.example.org/tcli_x/20260101/{THEN}/generated_image.jpg?sig=1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("replay") / "data") as served:
        yield served


def task(status: str, output: dict[str, str]) -> dict[str, Any]:
    data = {
        "task_id": THEN,
        "type": "generate_image",
        "status": status,
        "input": {"prompt": "a fox"},
        "output": output,
        "progress": 100,
        "create_time": 1,
        "queuing_num": -1,
        "running_left_time": -1,
    }
    return {"code": 0, "data": data}


def entry(method: str, url: str, answer: Any, *, status: int = 200, body: Any = None) -> dict[str, Any]:
    request: dict[str, Any] = {"method": method, "url": url, "headers": []}
    if body is not None:
        request["headers"] = [{"name": "Content-Type", "value": "application/json"}]
        request["postData"] = {"text": json.dumps(body)}
    return {"request": request, "response": {"status": status, "content": {"text": json.dumps(answer)}}}


def recording() -> list[dict[str, Any]]:
    """What a team's script did at its old server: create, ask, fetch the picture, look at the balance."""
    api = "https://old.example.org/v2/openapi"
    create = {"type": "generate_image", "prompt": "a fox"}
    return [
        entry("POST", f"{api}/task", {"code": 0, "data": {"task_id": THEN}}, body=create),
        entry("GET", f"{api}/task/{THEN}", task("success", {"generated_image": CDN})),
        entry("GET", CDN, None),
        entry("GET", f"{api}/user/balance", {"code": 0, "data": {"balance": 5, "frozen": 0}}),
        entry("GET", "https://fonts.example.org/a.woff", None),
    ]


def replayed(served: Served, file: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    command = ["replay", str(file), "--url", served.url, "--key", served.key or ""]
    done = run_forked([*command, *more], served.environment)
    reported = json.loads(done.stdout) if "--json" in more and done.stdout else {}
    return done.returncode, reported, done.stdout + done.stderr


def har(tmp_path: Path, entries: list[dict[str, Any]]) -> Path:
    file = tmp_path / "old.har"
    file.write_text(json.dumps({"log": {"entries": entries}}))
    return file


def test_a_script_that_ran_elsewhere_runs_here_unchanged(served: Served, tmp_path: Path) -> None:
    code, reported, _ = replayed(served, har(tmp_path, recording()), "--json")

    assert (code, reported["different"]) == (0, 0)
    create, asked, picture, balance, font = reported["calls"]
    assert [create["status"], asked["status"], picture["status"], balance["status"]] == [200] * 4
    assert font["skipped"] == "sent to another host"


def test_every_difference_is_reported_by_its_place(served: Served, tmp_path: Path) -> None:
    entries = recording()
    api = "https://old.example.org/v2/openapi"
    entries[3] = entry("GET", f"{api}/user/balance", {"code": 0, "data": {"balance": "5", "gifts": 3}})
    entries.append(entry("GET", f"{api}/nothing/here", {"code": 0}))

    code, reported, _ = replayed(served, har(tmp_path, entries), "--json")

    assert (code, reported["different"]) == (1, 2)
    assert reported["calls"][3]["differences"] == ["data.balance: string expected, got number", "data.gifts: missing"]
    [words] = reported["calls"][5]["differences"]
    assert words.startswith("status: 200 expected, got 404 (9404: ")


def test_a_task_that_ends_otherwise_is_a_difference(served: Served, tmp_path: Path) -> None:
    entries = recording()[:2]
    entries[1] = entry("GET", f"https://old.example.org/v2/openapi/task/{THEN}", task("banned", {}))

    code, reported, _ = replayed(served, har(tmp_path, entries), "--json")

    assert code == 1
    assert reported["calls"][1]["differences"] == ["data.status: banned expected, got success"]


def test_a_server_that_is_not_there_is_a_difference_and_no_crash(served: Served, tmp_path: Path) -> None:
    file = har(tmp_path, recording()[:1])

    done = run_forked(["replay", str(file), "--url", "http://127.0.0.1:9", "--key", "x"], served.environment)

    assert done.returncode == 1
    assert "no answer" in done.stdout


def test_people_are_reported_call_by_call(served: Served, tmp_path: Path) -> None:
    lines = tmp_path / "calls.jsonl"
    lines.write_text('{"method": "GET", "path": "/v2/openapi/user/balance", "expect": {"status": 200}}\n')

    code, _, said = replayed(served, lines)

    assert code == 0
    assert "GET" in said
    assert "as before" in said
    assert "1 calls, 0 different, 0 skipped" in said


def test_what_is_no_recording_is_refused(served: Served, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("nonsense")

    code, _, said = replayed(served, tmp_path / "x")

    assert code == 2
    assert "line 1 is not a call" in said
