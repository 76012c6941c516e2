"""The wheels, built from the checkout, and an environment that has them and what they declare to need, no more."""

import importlib.metadata
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECTS = {
    "limner": ROOT,
    "limner_builtin": ROOT / "packages/limner-builtin",
    "limner_client": ROOT / "packages/limner-client",
    "limner_ray": ROOT / "packages/limner-ray",
    "limner_vendors": ROOT / "packages/limner-vendors",
}

ELSEWHERE = {"limner_ray"}
"""What is built and not installed: Ray has versions of its own, and an environment for its tests."""


@dataclass(frozen=True)
class WheelEnvironment:
    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")


def build(folder: Path) -> dict[str, Path]:
    for project in PROJECTS.values():
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def wheel_environment(folder: Path) -> WheelEnvironment:
    """An environment with the wheels, with the extras `builtin` and `vendors`.

    What they need is linked from the environment of the tests, so no network is used. A package that the wheels do not
    declare, or that only the tests have, is not there.
    """
    wheels = {name: wheel for name, wheel in build(folder / "wheels").items() if name not in ELSEWHERE}
    made = WheelEnvironment(folder / "environment")
    venv.create(made.folder, with_pip=True)
    (site,) = made.folder.glob("lib/python*/site-packages")
    install = [made.python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, *map(str, wheels.values())], check=True)
    for name in _needed(wheels):
        _link(importlib.metadata.distribution(name), site)
    return made


def _needed(wheels: Mapping[str, Path]) -> set[str]:
    """The names of all distributions that the wheels need, directly or not."""
    ours = {canonicalize_name(name) for name in wheels}
    found: set[str] = set()
    pending = [each for wheel in wheels.values() for each in _required(metadata(wheel).get_all("Requires-Dist", []))]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        wanted = f"{name}[{','.join(sorted(requirement.extras))}]"
        if name in ours or wanted in found:
            continue
        found.add(wanted)
        texts = importlib.metadata.distribution(name).requires or []
        pending += _required(texts, requirement.extras)
    return {each.partition("[")[0] for each in found}


def _required(texts: list[str], extras: set[str] = frozenset()) -> Iterator[Requirement]:  # type: ignore[assignment]
    for text in texts:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ["", *extras]):
            yield requirement


def _link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    """Link the top-level files and folders of a distribution."""
    for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        source, target = Path(str(distribution.locate_file(top))), site / top
        if not target.exists():
            target.symlink_to(source)
        elif source.is_dir() and not source.samefile(target):  # a namespace package that several distributions share
            for file in distribution.files or ():
                if file.parts[0] == top and not (site / file).exists():
                    (site / file).parent.mkdir(parents=True, exist_ok=True)
                    (site / file).symlink_to(Path(str(distribution.locate_file(file))))
