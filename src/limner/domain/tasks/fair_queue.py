"""Start-time fair queueing: a task's place in the queue is decided when it is accepted.

Each account has a virtual clock that advances by a task's cost over the account's weight; a task's place is the later
of that clock and the service's own. Tasks of a busy account follow each other in virtual time, while the first task of
an idle account gets a place at the front. One index on the place gives the fair order at any backlog. The operator sets
the weight, the caller the priority.
"""

QUANTUM = 1_000_000
"""Virtual time that a task of priority 1 costs; a whole number, so that both databases add and sort it exactly."""

LOWEST_PRIORITY = 1
HIGHEST_PRIORITY = 3
DEFAULT_PRIORITY = 1

_SHARE = {1: 1, 2: 2, 3: 4}


def step(priority: int) -> int:
    """How far a task of this priority advances its account's clock: less for a higher priority."""
    return QUANTUM // _SHARE[priority]
