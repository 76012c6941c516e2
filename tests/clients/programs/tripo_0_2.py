"""PyPI's `tripo` 0.2: upload, create, wait, fetch. Arguments, environment and answer are those of `tripo3d_0_4.py`.

Its own checks know no image types, so the request is made around them; and its task knows no picture, so the address is
read from the plain answer.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tripo import Client
from tripo.client import APIError
from tripo.model import TaskInput


def main(picture: str, folder: str) -> dict[str, Any]:
    with Client(base_url=os.environ["LIMNER_URL"] + "/v2/openapi", api_key=os.environ["LIMNER_KEY"]) as client:
        before = client.get_balance()
        token = client.upload_file(picture)
        request = TaskInput.model_construct(
            {"type", "prompt", "file"}, type="generate_image", prompt="a cat in a hat", file=token
        )
        task_id = client.create_task(request).task_id
        while (task := client.get_task(task_id)).status in {"queued", "running"}:
            time.sleep(0.2)
        url = client.client.get(f"/task/{task_id}").json()["data"]["output"]["generated_image"]
        file = Path(folder) / f"{task_id}.png"
        file.write_bytes(client._download_model(url))
        try:
            client.get_task("00000000-0000-4000-8000-000000000000")
            refusal = ""
        except APIError as error:
            refusal = f"{error.status_code}: {error.message}"
        after = client.get_balance()

    return {
        "tasks": {
            "uploaded": {
                "task_id": task.task_id,
                "type": task.type,
                "status": task.status,
                "input": task.input,
                "progress": task.progress,
                "files": {"image": str(file)},
            }
        },
        "refusal": refusal,
        "balances": [[each.balance, each.frozen] for each in (before, after)],
    }


json.dump(main(*sys.argv[1:]), sys.stdout)
