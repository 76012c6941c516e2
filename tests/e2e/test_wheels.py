"""The wheels hold all that the program needs, are the same at every build, and name each other by extras."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.client import PHOTO
from serving import OURS, serving
from wheels import PROJECTS, ROOT, build, metadata


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def installed(wheels: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheels hold, as an installation unpacks it."""
    folder = tmp_path_factory.mktemp("installed")
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> dict[str, str]:
    """An empty home, and the wheels' files in place of the checkout's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"HOME": str(tmp_path), "PYTHONPATH": str(installed), "LIMNER_DATA": str(tmp_path / "data")}


def run(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=dict(environment),
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_wheels_own_files_run(environment: dict[str, str], installed: Path) -> None:
    where = run(
        environment, "-c", "import limner, limner_builtin, limner_vendors as v; print(limner.__file__, v.__file__)"
    )

    assert all(path.startswith(str(installed)) for path in where.split())


def test_a_picture_is_made_with_the_built_in_engine(environment: dict[str, str], tmp_path: Path) -> None:
    run(environment, "-m", "limner", "generate", "a cat", "-t", "figure", "-o", "cat.png")

    assert (tmp_path / "cat.png").read_bytes().startswith(b"\x89PNG")


def test_the_quick_start_is_walked_by_the_clients_wheel(wheels: Mapping[str, Path], tmp_path: Path) -> None:
    program = ROOT / "docs/examples/quick_start.py"
    with zipfile.ZipFile(wheels["limner_client"]) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "me.jpg").write_bytes(PHOTO)
    with serving(tmp_path / "data") as server:
        place = {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "installed")}
        client = {"LIMNER_CLIENT_URL": server.url, "LIMNER_CLIENT_KEY": str(server.key)}
        told = run(os.environ | place | client, str(program))
        where = run(os.environ | place, "-c", "import limner_client; print(limner_client.__file__)")

    assert len([line for line in program.read_text().splitlines()[1:] if line]) <= 10
    assert told.count("'success'") == 2
    assert where.startswith(str(tmp_path / "installed"))
    assert (tmp_path / "cake.png").stat().st_size > 0 < (tmp_path / "clay.png").stat().st_size


@pytest.mark.parametrize(
    "command", ["templates list", "providers list", "doctor --deep", "vendors --help", "config check"]
)
def test_a_command_finds_its_files(environment: dict[str, str], command: str) -> None:
    assert run(environment, "-m", "limner", *command.split())


def test_a_wheel_has_every_file_of_its_package_and_no_other(wheels: Mapping[str, Path]) -> None:
    for package, wheel in wheels.items():
        source = PROJECTS[package] / "src"
        tracked = subprocess.run(
            ["git", "ls-files", package], cwd=source, capture_output=True, text=True, check=True
        ).stdout.split("\n")[:-1]
        with zipfile.ZipFile(wheel) as archive:
            held = [name for name in archive.namelist() if ".dist-info/" not in name]

        assert sorted(held) == sorted(tracked)


def test_a_second_build_has_the_same_bytes(wheels: Mapping[str, Path], tmp_path: Path) -> None:
    again = build(tmp_path)

    assert {name: sha256(path) for name, path in wheels.items()} == {name: sha256(path) for name, path in again.items()}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_extras_name_our_own_wheels_of_the_same_version(wheels: Mapping[str, Path]) -> None:
    of = {package: metadata(wheel) for package, wheel in wheels.items()}
    needed = of["limner"].get_all("Requires-Dist", [])

    wanted = {"builtin": "limner-builtin", "mcp": "limner-client", "ray": "limner-ray", "vendors": "limner-vendors"}
    assert [f"{name}; extra == '{extra}'" for extra, name in wanted.items()] == [
        each for each in needed if each.startswith("limner")
    ]
    assert len({each["Version"] for each in of.values()}) == 1
