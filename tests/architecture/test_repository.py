"""What holds for the checkout as a whole. The import walls are import-linter's, in pyproject.toml."""

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from project_scripts import load_script

ROOT = Path(__file__).parents[2]
READER = load_script("locked_versions")
LOCKS = sorted((ROOT / "requirements").rglob("*.txt"))
CLIENTS = sorted((ROOT / "requirements" / "clients").glob("*.in"))

# Names that take whatever comes: docs of a file should follow from its name.
SHAPELESS = {
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "service",
    "services",
    "stuff",
    "util",
    "utils",
}

REGISTRY = re.compile(
    r"\bpypi\.org|\bpythonhosted\.org|\bregistry\.(npmjs|yarnpkg)\.|\b(deb|ftp|security|snapshot)\.debian\.org|\bcrates\.io"
    r"|^\s*(--)?(extra-)?index-url\b",
    re.IGNORECASE | re.MULTILINE,
)


def our_files() -> Iterator[Path]:
    """Every file that .gitignore does not name; its lines are plain names and patterns of names."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip("# ")]
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in ignored):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content[:4096] else content.decode(errors="replace")


def requirements(lock: Path) -> list[str]:
    """Each requirement of a lock with the hashes on its continued lines."""
    lines = [line for line in lock.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pins(lock: Path) -> dict[str, str]:
    return {each.name: each.version for each in READER.locked_versions(lock)}


def test_a_file_says_what_it_holds() -> None:
    sources = [path.relative_to(ROOT) for folder in ("src", "packages") for path in (ROOT / folder).rglob("*.py")]
    shapeless = [str(path) for path in sources if SHAPELESS & {part.strip("_") for part in path.with_suffix("").parts}]

    assert sources
    assert shapeless == []


def test_no_file_names_a_registry() -> None:
    files = list(our_files())
    naming = {str(path.relative_to(ROOT)): found[0] for path in files if (found := REGISTRY.search(text_of(path)))}

    assert ROOT / "pyproject.toml" in files
    assert naming == {}


def test_every_make_target_has_its_sentence() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    reported = dict(re.findall(r"^([a-z][\w-]*):[^#\n]*## (.+)$", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())

    assert targets == reported.keys() == phony
    assert all(sentence.endswith(".") for sentence in reported.values())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock: Path) -> None:
    hashed = re.compile(r"[\w.-]+==\S+( ; .+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    loose = [line for line in requirements(lock) if not hashed.fullmatch(line)]

    assert requirements(lock)
    assert loose == []
    assert "://" not in lock.read_text()


def test_the_locks_meet_the_ranges() -> None:
    files = (ROOT / "pyproject.toml", *ROOT.glob("packages/*/pyproject.toml"))
    projects = [tomllib.loads(file.read_text())["project"] for file in files]
    wanted = [(project["name"], Requirement(text)) for project in projects for text in project.get("dependencies", ())]
    ours = {project["name"] for project in projects}
    pinned = pins(ROOT / "requirements" / "run.txt")
    of_ray = pins(ROOT / "requirements" / "ray.txt")
    unmet = [
        str(one)
        for project, one in wanted
        if one.name not in ours
        and (of_ray if project == "limner-ray" else pinned).get(one.name, "none") not in one.specifier
    ]

    assert wanted
    assert unmet == [], "run `make lock`"
    assert not ours & pinned.keys(), "Limner's own packages are linked from the checkout, never fetched"


@pytest.mark.parametrize("asked", CLIENTS, ids=lambda asked: asked.stem)
def test_a_client_s_lock_has_what_was_asked_for(asked: Path) -> None:
    wanted = [Requirement(line) for line in asked.read_text().splitlines()]
    pinned = pins(asked.with_suffix(".txt"))

    assert [each for each in wanted if pinned.get(each.name, "none") not in each.specifier] == [], "run `make lock`"


def test_what_runs_is_what_is_tested() -> None:
    assert pins(ROOT / "requirements" / "run.txt").items() <= pins(ROOT / "requirements" / "dev.txt").items()
