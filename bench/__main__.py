"""Run the benchmarks: all but the soak, or those named on the command line."""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import bench
from bench.report import Figure

USUAL = (
    "start",
    "api",
    "flight",
    "vendors",
    "images",
    "complete",
    "watch",
    "pages",
    "agents",
    "queue",
    "neighbour",
    "listing",
    "gallery",
    "traces",
)
NAMES = (*USUAL, "soak")


def main() -> int:
    asked = _parser().parse_args()
    if asked.check:
        _import_all()
        return 0
    figures = [figure for name in asked.names for figure in _run(name, short=asked.short)]
    if asked.save:
        asked.save.write_text(json.dumps({each.name: each.as_json() for each in figures}, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", type=_name, default=USUAL, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--short", action="store_true", help="a second of each, to see that it works")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures as JSON, too")
    parser.add_argument("--check", action="store_true", help="only import every module")
    return parser


def _name(word: str) -> str:
    if word not in NAMES:
        raise argparse.ArgumentTypeError(f"there are {', '.join(NAMES)}, but no {word}")
    return word


def _run(name: str, *, short: bool) -> list[Figure]:
    """Print each figure as soon as it is known."""
    benchmark = importlib.import_module(f"bench.{name}")
    figures = []
    for figure in benchmark.figures(benchmark.SHORT if short else benchmark.FULL):
        print(figure, flush=True)
        figures.append(figure)
    return figures


def _import_all() -> None:
    for module in pkgutil.iter_modules(bench.__path__, "bench."):
        importlib.import_module(module.name)


if __name__ == "__main__":
    sys.exit(main())
