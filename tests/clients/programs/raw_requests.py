"""A script of the kind that many have: `requests`, a loop, and `result` where others read `output`.

Arguments, environment and answer are those of `tripo3d_0_4.py`.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests

API = os.environ["LIMNER_URL"] + "/v2/openapi"
HEADERS = {"Authorization": f"Bearer {os.environ['LIMNER_KEY']}"}


def main(picture: str, folder: str) -> dict[str, Any]:
    with Path(picture).open("rb") as file:
        sent = requests.post(f"{API}/upload/sts", headers=HEADERS, files={"file": file}, timeout=60).json()
    token = sent["data"]["image_token"]
    request = {"type": "generate_image", "prompt": "a cat in a hat", "file": {"type": "image", "file_token": token}}
    made = requests.post(f"{API}/task", headers=HEADERS, json=request, timeout=60).json()
    task_id = made["data"]["task_id"]

    while True:
        task = requests.get(f"{API}/task/{task_id}", headers=HEADERS, timeout=60).json()["data"]
        if task["status"] not in {"queued", "running"}:
            break
        time.sleep(0.2)

    result = task["result"]["generated_image"]
    target = Path(folder) / f"{task_id}.{result['type']}"
    target.write_bytes(requests.get(result["url"], timeout=60).content)
    refusal = requests.post(f"{API}/task", headers=HEADERS, json={"type": "no_such_type"}, timeout=60)
    return {
        "tasks": {"uploaded": {**task, "files": {"image": str(target)}}},
        "refusal": [refusal.status_code, refusal.json()],
        "thumbnail": task["thumbnail"] == result["url"],
    }


json.dump(main(*sys.argv[1:]), sys.stdout)
