"""Who holds a lease, told so that a worker that died on this machine is known to be dead."""

import os
import pwd
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """`<machine>/<pid>/<random>`. `machine` is the kernel's boot and process-id space: in it a pid says who lives."""

    machine: str
    pid: int
    run: str

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.run}"


def this_process() -> LeaseOwner:
    return LeaseOwner(_machine(), os.getpid(), uuid.uuid4().hex[:8])


@cache
def operator() -> str:
    """Who runs this process, for the audit log: by the number that the system checked, not by what he says."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # no name for this number, as in a container
        name = f"user {number}"
    return f"cli {name}@{socket.gethostname()}"


def is_dead(owner: str, me: LeaseOwner) -> bool:
    """True only for a worker of this machine whose process is gone; of others nothing is known."""
    machine, _, rest = owner.partition("/")
    pid, _, run = rest.partition("/")
    if machine != me.machine or not pid.isdigit():
        return False
    if int(pid) == me.pid:
        return run != me.run
    return _is_gone(int(pid)) or _is_unburied(int(pid))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # somebody else's, or no pid at all
        return False
    return False


def _is_unburied(pid: int) -> bool:
    """Whether the process has ended and its parent has not asked how: a name without a life."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] in {"Z", "X"}


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return f"elsewhere-{uuid.uuid4().hex}"  # no way to tell who lives: every lease then runs its time
    return f"{boot}-{space}"
