"""Commands in README.md and docs/ run as they are given; tests/docs/commands.toml says which, and why others do not."""

import asyncio
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contract.client import PHOTO, PICTURE, client_of
from limner_vendors import Vendors
from serving import OURS, Served, serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = {"docs/cli.md"}
ROWS: Mapping[str, Mapping[str, Any]] = tomllib.loads((ROOT / "tests" / "docs" / "commands.toml").read_text())
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
FENCED = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```\w+\n.*?^```", re.MULTILINE | re.DOTALL)
NO_COMMAND = ("{", "[")
"""How JSON and TOML begin."""

TIMEOUT_S = 300


def blocks(page: Path) -> list[str]:
    text = page.read_text()
    indented = [re.sub(r"^ {4}", "", match[0], flags=re.MULTILINE) for match in INDENTED.finditer(CODE.sub("", text))]
    found = (block.strip() + "\n" for block in [*indented, *FENCED.findall(text)])
    return [block for block in found if not block.startswith(NO_COMMAND)]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def rows(page: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each block of the page with its row."""
    known = ROWS.get(name_of(page), {})
    for block in blocks(page):
        yield block, known[max((start for start in known if block.startswith(start)), key=len)]


RUN = [page for page in PAGES if any("shows" in row for row in ROWS.get(name_of(page), {}).values())]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_runs_or_says_why_not(page: Path) -> None:
    found = [] if name_of(page) in GENERATED else blocks(page)
    starts = ROWS.get(name_of(page), {})

    assert [block for block in found if not block.startswith(tuple(starts))] == []
    assert [start for start in starts if not any(block.startswith(start) for block in found)] == []


def test_a_row_has_texts_to_look_for_or_a_reason() -> None:
    assert all(("shows" in row) != ("not_run" in row) for page in ROWS.values() for row in page.values())


@dataclass(frozen=True)
class Place:
    """A server, and what stands for a reader's own values on it."""

    served: Served
    values: Mapping[str, str]

    def script(self, page: Path) -> str:
        """The blocks of a page that run, as one script; each begins by printing its number."""
        parts = [
            f"printf '\\n== {number}\\n'\n{self._runnable(block, row)}"
            for number, (block, row) in enumerate(rows(page))
            if "shows" in row
        ]
        return "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n" + "\n".join(parts)

    def _runnable(self, block: str, row: Mapping[str, Any]) -> str:
        # What a page shows between commands is their output.
        text = "\n".join(line for line in block.splitlines() if not line.startswith("{")) + "\n"
        for shown, own in row.get("put", {}).items():
            text = text.replace(shown, own)
        if "until" in row:
            text = (
                f"{text.rstrip()} &\nfor i in $(seq 600); do {row['until']} && break; sleep 0.1; done\n{row['until']}\n"
            )
        for name, value in self.values.items():
            text = text.replace(f"<{name}>", value)
        return (
            text.replace("tsk_…", self.values["key"])
            .replace("http://127.0.0.1:8000", self.served.url)
            .replace(".venv/bin/limner", "limner")
        )


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, receiver: str) -> Iterator[Place]:
    with serving(tmp_path_factory.mktemp("commands") / "data", fetch_allow="127.0.0.1") as served:
        client = client_of(served)
        webhook = served.cli("webhooks", "add", receiver)["webhook"]
        message = served.cli("webhooks", "test", webhook)
        old, task = client.done(), client.done()
        served.cli("accounts", "create", "leaver")
        served.cli("accounts", "create", "limited")
        yield Place(
            served,
            {
                "key": str(served.key),
                "server": served.url,
                "task": task["task_id"],
                "old task": old["task_id"],
                "link": task["output"]["generated_image"],
                "token": client.token(PICTURE),
                "leaver": "leaver",
                "limited key": served.cli("keys", "create", "--account", "limited")["id"],
                "receiver": receiver,
                "webhook": webhook,
                "message": message["delivery"],
                "free port": str(free_port()),
            },
        )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def environment(served: Served, home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{served.environment['PATH']}"
    own = {"PATH": path, "HOME": str(home), "LIMNER_DATA": str(served.data), "COLUMNS": "200"}
    return served.environment | own | {"KEY": str(served.key), "URL": served.api}


def working_folder(folder: Path) -> None:
    """What a reader has: an empty home, two pictures, a program and a recording of its calls."""
    (folder / "home").mkdir()
    (folder / "me.jpg").write_bytes(PHOTO)
    (folder / "input.png").write_bytes(PICTURE)
    (folder / "program.py").write_text('API = "https://api.tripo3d.ai/v2/openapi"\n')
    (folder / "traffic.har").write_bytes((ROOT / "docs" / "examples" / "recording.har").read_bytes())


def bash(script: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What a script prints, standard error included; it has to succeed."""
    (folder / "script").write_text(script)
    done = subprocess.run(
        ["bash", "script"],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, f"{script}\n\n{done.stdout}"
    return done.stdout


def follow(page: Path, place: Place, folder: Path) -> None:
    """Run the commands of a page and compare their output."""
    working_folder(folder)
    output = bash(place.script(page), folder, environment(place.served, folder / "home"))
    parts = re.split(r"^== (\d+)\n", output, flags=re.MULTILINE)[1:]
    outputs = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))

    for number, (block, row) in enumerate(rows(page)):
        missing = [text for text in row.get("shows", []) if text not in outputs[number]]
        assert missing == [], f"{block}\n{outputs[number]}"
    assert list((folder / "home").iterdir()) == []


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, place: Place, tmp_path: Path) -> None:
    follow(page, place, tmp_path)


@pytest.mark.parametrize("vendor", ["bfl", "fal", "gemini", "openai", "replicate"])
async def test_the_readme_s_commands_work_with_the_key_of_one_vendor(vendor: str, tmp_path: Path) -> None:
    async with Vendors.running([vendor]) as emulators:
        await asyncio.to_thread(follow_readme, emulators.environment(), tmp_path)

    assert {each.vendor for each in emulators.purchases()} == {vendor}
    assert len(emulators.purchases()) >= 5


def follow_readme(variables: Mapping[str, str], folder: Path) -> None:
    with serving(folder / "data", vendors=variables) as served:
        values = {"key": str(served.key), "task": str(client_of(served).done()["task_id"])}
        (folder / "reader").mkdir()
        follow(ROOT / "README.md", Place(served, values), folder / "reader")


async def test_with_midjourney_s_key_alone_words_work_and_a_picture_is_refused_with_the_reason(tmp_path: Path) -> None:
    working_folder(tmp_path)
    script = "limner generate cats -o cats.png\n! limner generate -t print_clay -f me.jpg -o clay.png\n"
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    variables |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path / "home")}

    async with Vendors.running(["midjourney"]) as emulators:
        output = await asyncio.to_thread(bash, script, tmp_path, variables | emulators.environment())

    assert "Saved cats.png" in output
    assert "Leave the images out: no model that is served here takes them." in output
