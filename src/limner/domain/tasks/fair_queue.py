"""Start-time fair queueing: who is next, decided when a task is accepted.

Each account has a virtual clock that advances by a task's cost over its weight; a task's place in the queue is the
later of that clock and the service's own. A busy account's tasks thus lie one behind the other in virtual time while a
quiet account's first task lands at the front, and one index on that number serves a fair order at any backlog. An
operator sets the weight, a caller the priority.
"""

QUANTUM = 1_000_000
"""Virtual time one ordinary task costs. A whole number: both databases then sort and add exactly."""

LOWEST_PRIORITY = 1
HIGHEST_PRIORITY = 3
DEFAULT_PRIORITY = 1

_SHARE = {1: 1, 2: 2, 3: 4}


def step(priority: int) -> int:
    """How far a task of this priority advances its account's clock: a higher one takes a smaller step."""
    return QUANTUM // _SHARE[priority]
