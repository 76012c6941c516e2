"""The name of a lease's owner, made so that a worker of this machine can be seen to be dead."""

import os
import pwd
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """`<machine>/<pid>/<random>`. `machine` is the boot id and PID namespace, within which a pid can be checked."""

    machine: str
    pid: int
    run: str

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.run}"


def this_process() -> LeaseOwner:
    return LeaseOwner(_machine(), os.getpid(), uuid.uuid4().hex[:8])


@cache
def operator() -> str:
    """The user who runs this process, for the audit log, by the uid that the kernel knows."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # no name for this number, as in a container
        name = f"user {number}"
    return f"cli {name}@{socket.gethostname()}"


def is_dead(owner: str, me: LeaseOwner) -> bool:
    """True only for a process of this machine that has ended; other machines cannot be checked."""
    machine, _, rest = owner.partition("/")
    pid, _, run = rest.partition("/")
    if machine != me.machine or not pid.isdigit():
        return False
    if int(pid) == me.pid:
        return run != me.run
    return _is_gone(int(pid)) or _is_zombie(int(pid))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's process, or no valid pid
        return False
    return False


def _is_zombie(pid: int) -> bool:
    """Whether the process has ended and its parent has not waited for it yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return f"elsewhere-{uuid.uuid4().hex}"  # processes cannot be checked: leases just run out
    return f"{boot}-{space}"
