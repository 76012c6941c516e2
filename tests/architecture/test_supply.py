"""Every dependency has a reason and a licence in docs/supply.md, every package of the locks one that may be there."""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from project_scripts import load_script

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "supply.md").read_text()
CORE = dict(re.findall(r"^\| `([a-z0-9-]+)` \| [^`|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE))
EXTRAS = {
    (extra, name): licence
    for extra, name, licence in re.findall(
        r"^\| `([a-z]+)` \| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE
    )
}
PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text())["project"]
    for path in (ROOT / "pyproject.toml", *ROOT.glob("packages/*/pyproject.toml"))
}
OURS = {project["name"] for project in PROJECTS.values()}
LICENCES = load_script("write_licences")
READER = load_script("locked_versions")
KEPT: dict[str, str] = json.loads(LICENCES.KEPT.read_text())
"""By name and version, what the packages name that `make test` does not install."""

LOCKS = sorted(path for path in (ROOT / "requirements").rglob("*.txt"))
PERMISSIVE = {
    "0BSD",
    "3-Clause BSD License",
    "Apache",
    "Apache 2.0",
    "Apache 2.0 License",
    "Apache Software License",
    "Apache-2.0",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "ISC License (ISCL)",
    "MIT",
    "MIT License",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Python Software Foundation License",
    "The Unlicense (Unlicense)",
    "ZPL-2.1",
    "Zlib",
}
MPL = "Mozilla Public License 2.0 (MPL 2.0)"
NAMED = {"certifi": MPL, "orjson": "MPL-2.0", "pathspec": MPL, "psycopg": "LGPL-3.0-only", "tqdm": "MPL-2.0"}
"""What asks for more than its text, and is named on the page."""

NOT_OURS = {"tripo", "nvidia-cuda-nvrtc-cu12"}
"""What may not be there, and what no installation has: a client whose package names no licence, which tests install
beside Limner; a library of NVIDIA's, which the renderer of `make plates` needs.
"""


def names(texts: list[str]) -> set[str]:
    return {Requirement(text).name for text in texts} - OURS


def licence_of(name: str) -> str | None:
    """As the installed package names it; None for what is not installed here."""
    try:
        found = distribution(name).metadata
    except PackageNotFoundError:
        return None
    return str(LICENCES.named_by(found))


def locked(lock: str) -> set[str]:
    """The packages of a lock that are meant for this system and interpreter."""
    found = READER.locked_versions(ROOT / "requirements" / lock)
    return {each.name for each in found if not each.marker or Marker(each.marker).evaluate()}


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    builtin = tomllib.loads((ROOT / "packages/limner-builtin/pyproject.toml").read_text())["project"]
    core = names(project["dependencies"])
    of_extras = {(extra, name) for extra, texts in project["optional-dependencies"].items() for name in names(texts)}
    of_extras |= {("builtin", name) for name in names(builtin["dependencies"]) - core}
    of_extras |= {("ray", name) for name in names(PROJECTS["limner-ray"]["dependencies"]) - core}

    assert CORE.keys() == core
    assert EXTRAS.keys() == of_extras


def test_the_other_packages_need_nothing_that_limner_does_not() -> None:
    ours = [each["dependencies"] for each in PROJECTS.values() if each["name"] in {"limner-client", "limner-vendors"}]

    assert len(ours) == 2
    assert set().union(*map(names, ours)) <= CORE.keys()


def test_licences_are_as_the_packages_name_them() -> None:
    told = CORE | {name: licence for (_, name), licence in EXTRAS.items()}
    kept = {pin.partition("==")[0]: licence for pin, licence in KEPT.items()}
    found = {name: licence_of(name) or kept.get(name, "not locked") for name in told}

    assert told == found


def may_be_there(name: str, licence: str) -> bool:
    left = licence.replace(NAMED.get(name.removesuffix("-binary"), "\0"), "MIT")
    any_of = [re.split(r" AND ", each) for each in re.split(r" OR ", left.replace("(", "").replace(")", ""))]
    return any(all(part in PERMISSIVE for part in parts) for parts in any_of) or left in PERMISSIVE


@pytest.mark.parametrize("lock", ["run.txt", "extras/provenance.txt", "extras/mcp.txt", "extras/otel.txt"])
def test_every_package_of_a_lock_has_a_licence_that_may_be_there(lock: str) -> None:
    found = {name: licence_of(name) for name in locked(lock)}

    assert len(found) > 40
    assert {name: licence for name, licence in found.items() if not licence or not may_be_there(name, licence)} == {}


def test_so_has_every_package_of_every_lock_that_the_tests_do_not_install() -> None:
    elsewhere = LICENCES.not_installed_by_tests()
    refused = {pin for pin, licence in KEPT.items() if not may_be_there(pin.partition("==")[0], licence)}

    assert KEPT.keys() == elsewhere, "scripts/write_licences.py reads them"
    assert {pin.partition("==")[0] for pin in refused} == NOT_OURS


def test_what_may_not_be_there_is_in_no_lock_of_an_installation() -> None:
    ours = [path for path in LOCKS if path.parent.name not in {"clients", "tools"}]

    assert len(ours) > 6
    assert not NOT_OURS & {pin.partition("==")[0] for path in ours for pin in LICENCES.pins(path)}


@pytest.mark.parametrize(
    ("name", "licence", "may"),
    [
        ("a", "MIT OR GPL-3.0-only", True),
        ("a", "MIT AND GPL-3.0-only", False),
        ("a", "LGPL-3.0-only", False),
        ("psycopg-binary", "LGPL-3.0-only", True),
        ("a", "UNKNOWN", False),
    ],
)
def test_a_licence_is_read_as_it_is_written(name: str, licence: str, may: bool) -> None:  # noqa: FBT001
    assert may_be_there(name, licence) is may


def test_there_is_a_lock_for_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    locks = {path.stem for path in (ROOT / "requirements" / "extras").glob("*.txt")}

    # limner-vendors adds nothing; the locks for diffusers and ray are beside run.txt.
    assert locks == extras - {"vendors", "diffusers", "ray"} | {"none"}
    assert {"diffusers.txt", "ray.txt"} <= {path.name for path in (ROOT / "requirements").iterdir()}


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements" / "extras").glob("*.txt")), ids=lambda lock: lock.name)
def test_the_lock_of_an_extra_has_the_versions_that_are_tested(lock: Path) -> None:
    pinned, tested = (LICENCES.pins(path) for path in (lock, ROOT / "requirements" / "dev.txt"))

    assert pinned
    assert pinned <= tested
