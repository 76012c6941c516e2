"""The clients in the documentation watch what they say they watch."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract.client import Client, client_of
from serving import serving

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "watching.md").read_text()
NODE = shutil.which("node")
TIMEOUT_S = 60


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def environment(client: Client, **more: str) -> dict[str, str]:
    return {"LIMNER": client.url.replace("http", "ws", 1), "LIMNER_KEY": str(client.key), **more}


def test_the_python_client_watches_a_task_to_its_end(tmp_path: Path) -> None:
    with serving(tmp_path / "data", sandbox_delay_s="1") as server:
        client = client_of(server)
        task = client.submit()
        done = subprocess.run(
            [sys.executable, "-c", example("python")],
            env=environment(client, TASK=task),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )

    *_, last, output = done.stdout.splitlines()
    assert last == "success 100"
    assert re.search(rf"'generated_image': 'http://.+{task}.+'", output)


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_the_javascript_client_watches_all_tasks(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        client = client_of(server)
        tasks = {client.done()["task_id"], client.submit()}
        command = [str(NODE), "--experimental-websocket", "--eval", example("javascript")]
        with subprocess.Popen(command, env=environment(client), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            ended: set[str] = set()
            for line in process.stdout:
                ended |= {line.split()[1]} if line.startswith("finalized") else set()
                if ended == tasks:
                    break
            process.kill()

    assert ended == tasks
