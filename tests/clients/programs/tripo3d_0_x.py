"""What works with every tripo3d before 1.0: upload, `create_task`, wait, fetch, one after the other.

Arguments, environment and answer are those of `tripo3d_0_4.py`.
"""

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tripo3d import TripoClient

API = os.environ["LIMNER_URL"] + "/v2/openapi"
KEY = os.environ["LIMNER_KEY"]

KNOWN = TripoClient.BASE_URL
TripoClient.BASE_URL = API


async def main(picture: str, folder: str) -> dict[str, Any]:
    async with TripoClient(api_key=KEY) as client:
        before = await client.get_balance()
        sent = await client.upload_file(picture)
        request = {"type": "generate_image", "prompt": "a cat in a hat", "file": {"type": "png", **sent}}
        task_id = await client.create_task(request)
        try:
            refusal = await client.create_task({"type": "generate_image", "prompt": "a cat 😀"})
        except Exception as error:  # noqa: BLE001 - whichever it is, its words are what a person gets to see
            refusal = f"{type(error).__name__}: {error}"
        task = await client.wait_for_task(task_id, timeout=100)
        if hasattr(task.output, "image"):
            files = await client.download_task_models(task, folder)
        else:
            files = {"image": fetched(task.task_id, folder)}
        after = await client.get_balance()

    return {
        "known": KNOWN,
        "uploaded": sent,
        "tasks": {
            "uploaded": {
                "task_id": task.task_id,
                "type": task.type,
                "status": task.status.value,
                "input": task.input,
                "progress": task.progress,
                "running_left_time": task.running_left_time,
                "files": files,
            }
        },
        "refusal": refusal,
        "balances": [[each.balance, each.frozen] for each in (before, after)],
    }


def fetched(task_id: str, folder: str) -> str:
    """Before 0.4 the package knows of no picture: those who used it read the task themselves."""
    request = urllib.request.Request(f"{API}/task/{task_id}", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as answer:
        output = json.load(answer)["data"]["output"]
    file = Path(folder) / f"{task_id}.png"
    urllib.request.urlretrieve(output["generated_image"], file)
    return str(file)


json.dump(asyncio.run(main(*sys.argv[1:])), sys.stdout)
