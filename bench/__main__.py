"""Run the benchmarks: all of them, or those named on the command line."""

import importlib
import sys

NAMES = ("start", "api", "flight", "vendors", "watch", "queue")


def main() -> int:
    for name in sys.argv[1:] or NAMES:
        for figure in importlib.import_module(f"bench.{name}").figures():
            print(figure, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
