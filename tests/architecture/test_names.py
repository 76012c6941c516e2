"""A name means one thing, and no folder holds more modules than a reader takes in at a glance."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "src", *ROOT.glob("packages/*/src"))
MOST_MODULES = 15
MIGRATIONS = ROOT / "src/limner/db/migrations/versions"
"""Read one at a time, by their numbers; there are more with each change of the schema."""

PROTOCOL_AND_IMPLEMENTATION = {
    "LoadedTemplate": {"src/limner/ports/templates.py", "src/limner/templates/loader.py"},
}
"""Public class names that two modules share, because one module is the protocol of the other. Eight at most."""


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
        if path.name != "__init__.py" and path.parent != MIGRATIONS:
            counts[path.parent.relative_to(ROOT).as_posix()] += 1
    larger = {folder: count for folder, count in counts.items() if count > MOST_MODULES}

    assert counts
    assert not larger, larger


METAPHORS = {
    "beat": r"\bbeats?\b",
    "book (of records)": r"\bthe books?\b",
    "brought home": r"\b(bring|brings|brought) [\w ]*home\b|\bat home\b",
    "bury": r"\b(bury|buries|buried)\b",
    "chase": r"\bchas(e|es|ed|ing)\b",
    "condemn": r"condemn",
    "crew": r"\bcrews?\b",
    "crowd": r"\bcrowd(s|ed)?\b",
    "heard": r"\bheard\b",
    "house": r"\bhouses?\b",
    "in hand": r"\bin hand\b",
    "pardon": r"\bpardon(s|ed)?\b",
    "patience": r"\bpatien(ce|t)\b",
    "pursue": r"\bpursu(e|es|ed|ing)\b",
    "shelf": r"\b(shelf|shelves)\b",
    "stranger": r"\bstrangers?\b",
    "street": r"\bstreets?\b",
    "told (a function)": r"\bdef told\b",
    "town": r"\btowns?\b",
    "victim": r"\bvictims?\b",
    "wish": r"\bwish(es|ed)?\b",
}
"""Former words of the project, with the pattern that finds each. Underscores count as blanks."""

ALLOWED = {
    r"condemned (ms|by)|ix blobs condemned": "columns and an index of the database keep their names",
    r"--patience": "an option of `limner replay` keeps its name",
    r'"wish"': "a key in stored orders keeps its name",
}
"""Places where a word stays, with the reason."""

NOT_SEARCHED = {
    "docs/decisions/0015-names.md": "the table of old and new names",
    "packages/limner-builtin/src/limner_builtin/assets/lexicon.toml": "words that callers use in prompts",
    "packages/limner-builtin/tests/test_reading.py": "words that callers use in prompts",
    "packages/limner-builtin/tests/test_relations.py": "words that callers use in prompts",
    "packages/limner-builtin/tools/plates/places.py": "builds what stands in a city",
    "packages/limner-builtin/tools/gallery/prompts.toml": "words that callers use in prompts",
    "tests/architecture/test_names.py": "this list",
}


def texts() -> Iterator[Path]:
    for folder in ("src", "packages", "tests", "bench", "scripts", "docs"):
        for kind in ("*.py", "*.md", "*.toml"):
            yield from (ROOT / folder).rglob(kind)
    yield from ROOT.glob("*.md")


def test_the_former_metaphors_are_gone() -> None:
    allowed = re.compile("|".join(ALLOWED), re.IGNORECASE)
    patterns = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in METAPHORS.items()}
    found = []
    for path in texts():
        name = path.relative_to(ROOT).as_posix()
        if name in NOT_SEARCHED or "/." in name:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            text = allowed.sub("", line.replace("_", " "))
            found += [f"{name}:{number}: {word}" for word, pattern in patterns.items() if pattern.search(text)]

    assert found == []
