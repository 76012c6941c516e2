"""`limner serve` as a process, with the cluster as its only vendor."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray_cluster.harness import KEY

LEASE_S = "3"
"""How soon a task of a killed worker is taken up."""


@dataclass
class LimnerServer:
    process: "subprocess.Popen[str]"
    url: str
    key: str

    def post_task(self, prompt: str) -> str:
        body = {"type": "generate_image", "model_version": "flux.1_dev", "prompt": prompt}
        task: str = self._call("/v2/openapi/task", body)["task_id"]
        return task

    def task(self, task: str) -> dict[str, Any]:
        return self._call(f"/v2/openapi/task/{task}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _call(self, path: str, body: Any = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", content, headers)) as answer:
            data: dict[str, Any] = json.loads(answer.read())["data"]
            return data


@contextlib.contextmanager
def limner_server(data: Path, ray_url: str, key: str = "") -> Iterator[LimnerServer]:
    """`key` is that of an earlier start on the same folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    environment |= {"LIMNER_RAY_URL": ray_url, "LIMNER_RAY_KEY": KEY, "LIMNER_LEASE_S": LEASE_S}
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(data), "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        ready = _first_object(process)
        yield LimnerServer(process, ready["url"], ready.get("key") or key)
    finally:
        process.terminate()
        process.wait()
        assert process.stdout
        process.stdout.close()


def _first_object(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("}"):
            found: dict[str, Any] = json.loads(printed)
            return found
    raise RuntimeError(f"limner serve ended after {printed!r}")
