"""A name means one thing, and no folder holds more modules than a reader takes in at a glance."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "src", *ROOT.glob("packages/*/src"))
MOST_MODULES = 16

PROTOCOL_AND_IMPLEMENTATION = {
    "LoadedTemplate": {"src/limner/ports/templates.py", "src/limner/templates/loader.py"},
}
"""Public class names that two modules share, because one module is the protocol of the other. Eight at most."""

LARGER_FOLDERS = {"packages/limner-builtin/src/limner_builtin"}
"""Folders that may hold more modules: the drawing steps of the built-in engine."""


def modules() -> Iterator[Path]:
    return (path for source in SOURCES for path in source.rglob("*.py"))


def public_classes() -> dict[str, set[str]]:
    """The modules that define each public class name."""
    found = defaultdict(set)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].add(path.relative_to(ROOT).as_posix())
    return found


def test_two_public_classes_never_share_a_name() -> None:
    shared = {name: where for name, where in public_classes().items() if len(where) > 1}

    assert shared == PROTOCOL_AND_IMPLEMENTATION
    assert len(PROTOCOL_AND_IMPLEMENTATION) <= 8


def test_no_folder_holds_too_many_modules() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in modules():
        if path.name != "__init__.py":
            counts[path.parent.relative_to(ROOT).as_posix()] += 1
    larger = {folder: count for folder, count in counts.items() if count > MOST_MODULES}

    assert counts
    assert larger.keys() <= LARGER_FOLDERS, larger
