"""`limner service`: have systemd run Limner."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.terminal import Json, fail, out, print_json

app = typer.Typer(help="Have systemd run Limner: install its units, remove them.", no_args_is_help=True)


class Kind(StrEnum):
    """What a service runs: the API and a worker in one process, the API alone, or a worker alone."""

    SERVE = "serve"
    API = "api"
    WORKER = "worker"


UNITS: Mapping[Kind, Sequence[str]] = {
    Kind.SERVE: ("limner.socket", "limner.service"),
    Kind.API: ("limner-api.socket", "limner-api.service"),
    Kind.WORKER: ("limner-worker@.service",),
}
UNIT_FOLDER = Path("etc/systemd/system")
USERS = Path("etc/sysusers.d/limner.conf")
OURS = "# Written by `limner service install`"
"""How a file begins that a later `install` may replace and `remove` may delete."""

CONFIGURATION: Mapping[Path, tuple[int, str]] = {
    Path("etc/limner/limner.toml"): (0o644, "# Settings of Limner: see `limner config show --all`.\n"),
    Path("etc/limner/limner.env"): (
        0o600,
        "# Secrets of Limner, which systemd reads for it:\n# OPENAI_API_KEY=...\n# LIMNER_DATABASE_URL=postgresql://...\n",
    ),
}
"""Files that are written where they are missing, and never removed."""

UNREACHABLE = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - refused, not used
"""Folders that the units hide from the service."""

Kinds = Annotated[
    list[Kind] | None, typer.Argument(help="serve (API and worker, the default), api, worker.", show_default=False)
]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Work below this folder, and start nothing: for packages and images.", file_okay=False),
]


@app.command("install")
def install(
    kinds: Kinds = None,
    listen: Annotated[str, typer.Option("--listen", help="Where the API listens.")] = "127.0.0.1:8000",
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many `worker` services.")] = 1,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Enable and start the services now.")] = True,
    program: Annotated[
        Path | None, typer.Option("--program", help="What the units start. Default: this `limner`.", show_default=False)
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """Write systemd units, a user `limner` and /etc/limner, and start the services.

    The sockets stay open while a service restarts, so no connection is refused. Data is kept in /var/lib/limner.
    """
    wanted = list(dict.fromkeys(kinds or [Kind.SERVE]))
    started = _program(program or Path(sys.executable).with_name("limner"), json=json)
    if root is None:
        _check_systemd(json=json)
    base = root or Path("/")
    texts = {UNIT_FOLDER / name: _text(name, started, listen) for kind in wanted for name in UNITS[kind]}
    texts[USERS] = _text("limner.conf", started, listen)
    _refuse_others(base, texts, json=json)
    written = [*_write(base, texts), *_write_missing(base)]
    commands = [] if root else list(_starts(wanted, workers, start=start))
    for command in commands:
        _run(command, json=json)
    _report(written, commands, "Wrote", json=json)
    if not json and root is None:
        out.print("Settings are in /etc/limner/limner.toml, secrets in /etc/limner/limner.env: restart after a change.")
        out.print("Other commands: sudo -u limner env LIMNER_DATA=/var/lib/limner limner ...", soft_wrap=True)


@app.command("remove")
def remove(root: Root = None, json: Json = False) -> None:
    """Stop the services and delete their units. Settings in /etc/limner and data in /var/lib/limner stay."""
    if root is None:
        _check_systemd(json=json)
    base = root or Path("/")
    names = [UNIT_FOLDER / name for kind in Kind for name in UNITS[kind]]
    ours = [each for each in (*names, USERS) if _is_ours(base / each)]
    units = [each.name for each in ours if each != USERS]
    stopped = [name.replace("@.", "@*.") for name in units]
    commands: list[list[str]] = []
    if units and root is None:
        commands = [["systemctl", "stop", *stopped], ["systemctl", "disable", *units]]
        for command in commands:
            _run(command, json=json)
    for each in ours:
        (base / each).unlink()
    if commands:
        _run(["systemctl", "daemon-reload"], json=json)
    _report([base / each for each in ours], commands, "Removed", json=json)


def _program(program: Path, *, json: bool) -> str:
    """The path of the program, as a unit may name it."""
    if not program.exists():
        fail(f"there is no {program}", "Install Limner with pip or uv, and run its `limner`.", json=json)
    if str(program.resolve()).startswith(UNREACHABLE) or str(program).startswith(UNREACHABLE):
        fail(
            f"a service cannot see {program}: home and temporary folders are hidden from it",
            "Install Limner in another place: python3 -m venv /opt/limner && /opt/limner/bin/pip install limner",
            json=json,
        )
    if not re.fullmatch(r"[\w./+:-]+", str(program)):
        fail(f"systemd would not read the path {program}", "Use letters, digits and ./+:-_ in it.", json=json)
    return str(program)


def _check_systemd(*, json: bool) -> None:
    if not Path("/run/systemd/system").exists() or shutil.which("systemctl") is None:
        fail("systemd does not run this machine", "Use --root to write the units for another one.", json=json)
    if os.geteuid() != 0:
        fail("only root may change services", "Repeat the command with sudo.", json=json)


def _text(name: str, program: str, listen: str) -> str:
    text = files("limner.cli.systemd").joinpath("units", name).read_text(encoding="utf-8")
    return text.replace("@PROGRAM@", program).replace("@LISTEN@", listen)


def _refuse_others(base: Path, texts: Mapping[Path, str], *, json: bool) -> None:
    for name in texts:
        if (base / name).exists() and not _is_ours(base / name):
            fail(f"{base / name} is not of `limner service install`", "Move it away first.", json=json)


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(OURS)


def _write(base: Path, texts: Mapping[Path, str]) -> Iterator[Path]:
    for name, text in texts.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        yield path


def _write_missing(base: Path) -> Iterator[Path]:
    for name, (mode, text) in CONFIGURATION.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode)
            path.write_text(text, encoding="utf-8")
            yield path


def _starts(kinds: Sequence[Kind], workers: int, *, start: bool) -> Iterator[list[str]]:
    yield ["systemd-sysusers", f"/{USERS}"]
    yield ["systemctl", "daemon-reload"]
    if not start:
        return
    plain = [name for kind in kinds if kind is not Kind.WORKER for name in UNITS[kind]]
    numbered = [f"limner-worker@{n}.service" for n in range(1, workers + 1)] if Kind.WORKER in kinds else []
    yield ["systemctl", "enable", "--now", *plain, *numbered]


def _run(command: Sequence[str], *, json: bool) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        fail(f"{' '.join(command)}: {done.stderr.strip()}", "`journalctl -u limner` may say why.", json=json)


def _report(paths: Sequence[Path], commands: Sequence[Sequence[str]], did: str, *, json: bool) -> None:
    if json:
        print_json({"files": [str(path) for path in paths], "commands": [" ".join(each) for each in commands]})
        return
    for path in paths:
        out.print(f"{did} {path}", soft_wrap=True)
    for command in commands:
        out.print(f"Ran {' '.join(command)}", soft_wrap=True)
    if not paths:
        out.print("Nothing to do.")
