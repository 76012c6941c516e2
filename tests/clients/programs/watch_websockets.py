"""The loop that old scripts watch a task with: receive until it is neither queued nor running, then leave.

Arguments, environment and answer are those of `tripo3d_0_4.py`.
"""

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

import websockets

API = os.environ["LIMNER_URL"] + "/v2/openapi"
HEADERS = {"Authorization": f"Bearer {os.environ['LIMNER_KEY']}"}


def create(request: dict[str, Any]) -> str:
    request = urllib.request.Request(
        f"{API}/task", json.dumps(request).encode(), HEADERS | {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["data"]["task_id"])


async def main(_: str, folder: str) -> dict[str, Any]:
    task_id = create({"type": "generate_image", "prompt": "a cat in a hat"})
    statuses = []
    async with websockets.connect(f"ws{API[4:]}/task/watch/{task_id}", extra_headers=HEADERS) as socket:
        while True:
            reported = json.loads(await socket.recv())
            task = reported["data"]
            statuses.append(task["status"])
            if task["status"] not in {"queued", "running"}:
                break

    file = Path(folder) / f"{task_id}.png"
    urllib.request.urlretrieve(task["output"]["generated_image"], file)
    return {
        "tasks": {"watched": {**task, "files": {"image": str(file)}}},
        "statuses": statuses,
        "last": reported["event"],
    }


json.dump(asyncio.run(main(*sys.argv[1:])), sys.stdout)
