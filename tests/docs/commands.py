"""The shell blocks of README.md and docs/, what `commands.toml` says of each, and how they are run."""

import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

from contract.client import BASE, PHOTO, PICTURE, client_of
from forked_program import forked_program
from limner_vendors import EmulatedSpeed, Vendors
from s3_server import s3_server
from serving import Served, serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ROWS: Mapping[str, Mapping[str, Any]] = tomllib.loads((ROOT / "tests" / "docs" / "commands.toml").read_text())
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
FENCED = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^ *```\w+\n.*?^ *```", re.MULTILINE | re.DOTALL)
SERVES = re.compile(r"^((?:\S*=\S* )*(?:\S*limner (?:vendors )?serve|make \S* ?\S* ?serve)\b.*)$", re.MULTILINE)

TRUST = ("CURL_CA_BUNDLE", "SSL_CERT_DIR")
"""Variables that curl prefers to those that a page sets."""

TIMEOUT_S = 500

LOOPBACK = """import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14s", b"lo", 0x49, b""))  # SIOCSIFFLAGS: up
"""
OWN_NETWORK = """cat > own_network <<'BLOCK'
set -euo pipefail
trap 'kill $(jobs -p); wait' EXIT
PATH={installed}:$PATH  # a process that was started outside has no part in the network
python3 -c '{loopback}'
cp /etc/hosts hosts
mount --bind hosts /etc/hosts
{text}
BLOCK
unshare --user --map-root-user --net --mount bash own_network
"""
"""Where every port is free and names lead to this machine."""


def blocks(page: Path) -> list[str]:
    text = page.read_text()
    indented = [re.sub(r"^ {4}", "", match[0], flags=re.MULTILINE) for match in INDENTED.finditer(CODE.sub("", text))]
    return [block.strip() + "\n" for block in [*indented, *FENCED.findall(text)]]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def rows(page: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each block of the page with its row."""
    known = ROWS.get(name_of(page), {})
    for block in blocks(page):
        yield block, known[max((start for start in known if block.startswith(start)), key=len)]


RUN = [page for page in PAGES if any("shows" in row for row in ROWS.get(name_of(page), {}).values())]


Wanted = Callable[[Mapping[str, Any]], bool]
"""Which rows of a page run."""


def in_every_run(row: Mapping[str, Any]) -> bool:
    return "walk" not in row


def with_any_key(row: Mapping[str, Any]) -> bool:
    return "once" not in row


NO_PICTURES = "no model that is served here takes them"
"""What is said where a vendor takes words alone and a block sends a picture."""


@dataclass(frozen=True)
class Place:
    """A server, what stands for a reader's own values on it, and the folder of the `limner` that the reader calls.

    `takes_pictures` is whether the models that are served take any.
    """

    served: Served
    values: Mapping[str, str]
    programs: Path
    takes_pictures: bool = True

    @property
    def installed(self) -> Path:
        return Path(self.served.python).parent

    def script(self, page: Path, wanted: Wanted) -> str:
        """The blocks of a page that run, as one script; each begins by printing its number."""
        parts = [
            f"printf '\\n== {number}\\n'\n{self._checked(self._runnable(block, row), row)}"
            for number, (block, row) in enumerate(rows(page))
            if "shows" in row and wanted(row)
        ]
        return "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || :; wait' EXIT\n" + "\n".join(parts)

    def shown(self, row: Mapping[str, Any]) -> list[str]:
        """The texts to look for in a block's output."""
        if "pictures" in row and not self.takes_pictures:
            return [*row["pictures"], NO_PICTURES]
        return [text.replace("<provider>", self.values["provider"]) for text in row.get("shows", [])]

    def _checked(self, text: str, row: Mapping[str, Any]) -> str:
        """A block that needs pictures may fail where none are taken."""
        return f"set +e\n{text}\nset -e" if "pictures" in row and not self.takes_pictures else text

    def _runnable(self, block: str, row: Mapping[str, Any]) -> str:
        # What a page shows between commands is their output.
        text = "\n".join(line for line in block.splitlines() if not line.startswith("{")) + "\n"
        for shown, own in row.get("put", {}).items():
            text = text.replace(shown, own)
        text += row.get("then", "")
        until = row.get("until", "")
        for name, value in self.values.items():
            text, until = text.replace(f"<{name}>", value), until.replace(f"<{name}>", value)
        if until:
            waits = f"for i in $(seq 600); do {until} && break; sleep 0.1; done\n{until}"
            text = SERVES.sub(lambda line: f"{line[0]} &\n{waits}", text)
        if row.get("own_network"):
            text = OWN_NETWORK.format(text=text, loopback=LOOPBACK, installed=self.installed)
        return (
            text.replace("tsk_…", self.values["key"])
            .replace("http://127.0.0.1:8000", self.served.url)
            .replace(".venv/bin/limner", "limner")
        )

    def environment(self, home: Path) -> dict[str, str]:
        path = f"{self.programs}:{self.installed}:{self.served.environment['PATH']}"
        own = {"PATH": path, "HOME": str(home), "LIMNER_DATA": str(self.served.data), "COLUMNS": "200"}
        variables = self.served.environment | own | {"KEY": str(self.served.key), "URL": self.served.api}
        return {name: value for name, value in variables.items() if name not in TRUST}


@contextlib.contextmanager
def receiver() -> Iterator[str]:
    """The address of a receiver of webhooks."""

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


@contextlib.contextmanager
def emulated(*vendors: str) -> Iterator[Vendors]:
    """Emulators of these vendors in a thread of their own, whose jobs are done when they are first asked for."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Vendors.running(vendors, speed=EmulatedSpeed(pending=0))) as emulators,
    ):
        yield emulators


@contextlib.contextmanager
def furnished(
    folder: Path, vendors: Vendors | None = None, python: str = sys.executable, **settings: str
) -> Iterator[Place]:
    """A server with the accounts, tasks, templates and webhooks that the pages speak of; commands are forks."""
    (folder / "s3").mkdir()
    variables = vendors.environment() if vendors else {}
    settings = {"fetch_allow": "127.0.0.1", "a1111": "true"} | settings
    with (
        receiver() as hook,
        s3_server(folder / "s3") as bucket,
        forked_program(folder, python) as programs,
        serving(folder / "data", vendors=variables, python=python, **settings) as served,
    ):
        given = " ".join(f"{name}={value}" for name, value in bucket.variables.items())
        values = _values(served, programs / "limner", folder, hook) | {"bucket": bucket.url, "bucket variables": given}
        yield Place(served, values, programs, takes_pictures=values["provider"] != "midjourney")


def _values(served: Served, program: Path, folder: Path, hook: str) -> dict[str, str]:
    def command(*arguments: str) -> Any:
        """The JSON that a `limner` command prints."""
        whole = [program, *arguments, "--data", served.data, "--json"]
        return json.loads(subprocess.run(whole, env=served.environment, check=True, capture_output=True).stdout)

    client = client_of(served)
    webhook = command("webhooks", "add", hook)["webhook"]
    message = command("webhooks", "test", webhook)
    for account in ("leaver", "limited", "ada", "grace"):
        command("accounts", "create", account)
    for account in ("local", "ada"):
        command("templates", "import", str(_template(folder)), "--account", account)
    limited = command("keys", "create", "--account", "limited")["id"]
    old, task = client.done(), client.done()
    return {
        "provider": client.get(f"{BASE}/task/{task['task_id']}/explain").data["attempts"][-1]["provider"],
        "key": str(served.key),
        "server": served.url,
        "task": task["task_id"],
        "old task": old["task_id"],
        "link": task["output"]["generated_image"],
        "token": client.token(PICTURE),
        "limited key": limited,
        "receiver": hook,
        "webhook": webhook,
        "message": message["delivery"],
        "free port": str(free_port()),
        "another port": str(free_port()),
        "third port": str(free_port()),
        "checkout": str(ROOT),
    }


def _template(folder: Path) -> Path:
    template = folder / "woodcut"
    template.mkdir(exist_ok=True)
    (template / "template.toml").write_text(
        'title = "Woodcut"\nsummary = "Cuts it in wood."\ntext = "Draw it as a woodcut."\n'
    )
    return template


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def working_folder(folder: Path) -> None:
    """What a reader has: an empty home, two pictures, a program and a recording of its calls."""
    (folder / "home").mkdir(parents=True)
    (folder / "me.jpg").write_bytes(PHOTO)
    (folder / "input.png").write_bytes(PICTURE)
    (folder / "program.py").write_text('API = "https://api.tripo3d.ai/v2/openapi"\n')
    (folder / "traffic.har").write_bytes((ROOT / "docs" / "examples" / "recording.har").read_bytes())


def bash(script: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What a script prints, standard error included; it has to succeed."""
    beside, printed_to = (folder.with_name(f"{folder.name}.{what}") for what in ("script", "output"))
    beside.write_text(script)
    with printed_to.open("w") as output:
        done = subprocess.run(
            ["bash", str(beside)],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            timeout=TIMEOUT_S,
        )
    printed = printed_to.read_text()
    assert done.returncode == 0, f"{script}\n\n{printed}"
    return printed


def follow(page: Path, place: Place, folder: Path, wanted: Wanted = with_any_key) -> None:
    """Run the commands of a page, those of `wanted` rows, and compare their output."""
    working_folder(folder)
    output = bash(place.script(page, wanted), folder, place.environment(folder / "home"))
    parts = re.split(r"^== (\d+)\n", output, flags=re.MULTILINE)[1:]
    outputs = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))

    for number, (block, row) in enumerate(rows(page)):
        shown = place.shown(row) if number in outputs else []
        assert [text for text in shown if text not in outputs[number]] == [], f"{block}\n{outputs[number]}"
    assert list((folder / "home").iterdir()) == []
    assert os.path.lexists(folder / "me.jpg")
