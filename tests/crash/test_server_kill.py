"""The server process is killed and started again."""

import http.client
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from serving import Served, serving

LONG = "3600"
"""A lease in seconds that never expires here: a takeover means that the owner was detected as dead."""


def test_accepted_tasks_survive_a_kill_of_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, sandbox_delay_s="1", lease_s=LONG) as served:
        assert served.key
        key = served.key
        begun = post(served, key, "a fox")
        wait_for(served, key, begun, {"running", "success"})
        answered = post(served, key, "another fox")
        served.kill()

    with serving(tmp_path, sandbox_delay_s="1", lease_s=LONG) as served:
        ends = [wait_for(served, key, task, {"success", "failed"})["status"] for task in (begun, answered)]
        proof = served.cli("credits", "prove")

    assert ends == ["success", "success"]
    assert proof == {"proved": True, "faults": []}


def post(served: Served, key: str, prompt: str) -> str:
    task = call(served, key, "POST", "/task", {"type": "generate_image", "prompt": prompt})
    return str(task["task_id"])


def wait_for(served: Served, key: str, task: str, statuses: set[str]) -> dict[str, Any]:
    """The task once it has one of these statuses."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        seen = call(served, key, "GET", f"/task/{task}")
        if seen["status"] in statuses:
            return seen
        time.sleep(0.02)
    raise TimeoutError(f"the task is still {seen['status']}")


def call(served: Served, key: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    address = urlsplit(served.api)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request(method, address.path + path, json.dumps(body) if body else None, headers)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert answer["code"] == 0, answer
    data: dict[str, Any] = answer["data"]
    return data
