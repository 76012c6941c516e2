from collections.abc import Iterable
from pathlib import Path


def remove_older(files: Iterable[Path], before_ms: int) -> int:
    """Remove the files last written up to `before_ms`, and return how many. Those that vanish are skipped."""
    return sum(_remove_if_older(file, before_ms) for file in files)


def _remove_if_older(file: Path, before_ms: int) -> bool:
    try:
        old = file.stat().st_mtime_ns // 1_000_000 <= before_ms
    except FileNotFoundError:  # its writer has just finished
        return False
    if old:
        file.unlink(missing_ok=True)
    return old
