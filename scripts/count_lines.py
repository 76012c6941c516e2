"""Prints the figures of ARCHITECTURE.md that are counted: lines of Python by folder, and the largest folders."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "limner"


def main() -> None:
    lines: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for path in SOURCE.rglob("*.py"):
        folder = path.relative_to(SOURCE).parent
        lines["/".join(folder.parts[:2]) or "."] += len(path.read_text().splitlines())
        modules[folder.as_posix()] += path.name != "__init__.py"
    for folder, count in sorted(lines.items()):
        print(f"{count:7,}  {folder}")
    print(f"{lines.total():7,}  lines in all")
    for folder, count in modules.most_common(3):
        print(f"{count:7}  modules in {folder}")


if __name__ == "__main__":
    main()
