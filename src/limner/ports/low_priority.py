"""The priority of child processes that compute for long."""

import contextlib
import os
from pathlib import Path
from typing import Final

_SESSION: Final = Path("/proc/self/autogroup")


def lower_priority(niceness: int) -> None:
    """Let other processes go first, those of other sessions too. Call it in a child that has a session of its own.

    Linux may share processors by session (`sched_autogroup`, sched(7)): the niceness of a process then counts within
    its session only, and a child in one of its own got as much as the whole service.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.nice(niceness)
    with contextlib.suppress(OSError):  # the kernel has no such sharing, or the container hides it
        _SESSION.write_text(str(niceness))
