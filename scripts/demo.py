"""`make demo`: start Limner, send it real tasks over HTTP, save the pictures under out/, show what ran, and stop.

The client below is plain HTTP on purpose: it is what any program in any language does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

OUT = Path(__file__).resolve().parent.parent / "out"
PROMPT = "a knight and a dragon in front of a castle at sunset"
TEMPLATE = "print_clay"

console = Console(highlight=False)


class Client:
    """The four calls that make a picture."""

    def __init__(self, url: str, key: str) -> None:
        self._api = f"{url}/v2/openapi"
        self._key = key

    def upload(self, picture: Path) -> str:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{picture.name}"\r\n\r\n'
        body = head.encode() + picture.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        return str(self._call("/upload", body, f"multipart/form-data; boundary={boundary}")["image_token"])

    def create(self, **task: Any) -> str:
        return str(self._call("/task", json.dumps(task).encode(), "application/json")["task_id"])

    def wait(self, task_id: str, title: str) -> dict[str, Any]:
        columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
            line = bar.add_task(title, total=100)
            while True:
                task = self._call(f"/task/{task_id}")
                bar.update(line, completed=task["progress"])
                if task["status"] not in {"queued", "running"}:
                    return task
                time.sleep(0.2)

    def balance(self) -> dict[str, Any]:
        return self._call("/user/balance")

    def _call(self, path: str, body: bytes | None = None, content_type: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"} | ({"Content-Type": content_type} if body else {})
        request = urllib.request.Request(self._api + path, body, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            data: dict[str, Any] = json.load(answer)["data"]
            return data


def main() -> int:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="limner-demo-") as data:
        process = subprocess.Popen(
            [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", data, "--json"],
            stdout=subprocess.PIPE,
            env=os.environ | {"LIMNER_LOG_LEVEL": "warning"},
            start_new_session=True,  # Ctrl-C is for this program, which stops the server
        )
        try:
            return _demonstrate(_ready(process))
        except KeyboardInterrupt:
            console.print("\nInterrupted. The server is stopped; pictures that were saved stay.")
            return 130
        finally:
            process.terminate()
            process.wait()


def _ready(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    output = b""
    for line in process.stdout or ():
        output += line
        if line.startswith(b"}"):
            ready: dict[str, Any] = json.loads(output)
            return ready
    raise SystemExit("the server did not start; see above")


def _demonstrate(ready: dict[str, Any]) -> int:
    client = Client(ready["url"], ready["key"])
    console.print(f"Limner is ready at {ready['url']}\n\n[bold]1. A picture from words[/]\n  {PROMPT!r}")
    scene = client.wait(client.create(type="generate_image", prompt=PROMPT), "drawing")
    first = _save(scene, "1-scene")
    console.print(f"\n[bold]2. That picture as a reference, with the template {TEMPLATE!r}[/]")
    token = client.upload(first)
    task_id = client.create(
        type="generate_image",
        template=TEMPLATE,
        model_version="gemini_3.1_flash_image_preview",
        file={"type": "png", "file_token": token},
    )
    _save(client.wait(task_id, "drawing"), "2-clay")
    has = client.balance()
    console.print(f"\n  credits left: {has['balance']}, held for tasks under way: {has['frozen']}")
    console.print("\nNext: [bold]make serve[/] leaves it running; README.md tells how to send tasks of your own.")
    return 0


def _save(task: dict[str, Any], name: str) -> Path:
    if task["status"] != "success":
        raise SystemExit(f"the task ended as {task['status']}: {task.get('error_msg')}")
    url = task["output"]["generated_image"]
    path = OUT / f"{name}.{url.partition('?')[0].rpartition('.')[2]}"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own server
        path.write_bytes(answer.read())
    ran = task["served_by"]
    console.print(f"  [green]saved[/] {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    asked, paid = task["input"]["model_version"], task["consumed_credit"]
    console.print(
        f"  asked for {asked}, made by {ran['provider']}: {ran.get('method', '')}, {paid} credits", soft_wrap=True
    )
    console.print(f"  {ran.get('notice', '')}", soft_wrap=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
