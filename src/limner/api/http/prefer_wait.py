"""The preference `wait` of a create (RFC 7240): the answer may take so long, if the task has ended by then."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from limner.api.http.authentication import caller
from limner.api.http.load_shedding import BEGINS_WAIT, BODY_MEMORY
from limner.application.read import TaskView
from limner.application.watching.wait_for_end import WaitForEnd
from limner.application.watching.watch import WatchLimitReached
from limner.domain.ids import TaskId

LONGEST_S = 60

APPLIED = "Preference-Applied"

PREFER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["wait=30"]},
    "description": f"`wait=N`: answer when the task has ended, or after N seconds, {LONGEST_S} at most. A task that "
    "has ended is answered with all its fields. The key needs the scope `read` as well.",
}

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Waited:
    """`ended` is the task, if it has ended; `headers` say how long the answer may have waited."""

    ended: TaskView | None
    headers: dict[str, str]


async def wait_as_preferred(request: Request, wait: WaitForEnd, task: TaskId) -> Waited:
    """Wait for the end of a task that was just created, if the request prefers that and its key may read tasks."""
    seconds, key = preferred_wait_s(request), caller(request)
    if not seconds or "read" not in key.scopes:
        return Waited(None, {})
    request.scope[BODY_MEMORY].release()
    request.scope[BEGINS_WAIT]()
    try:
        ended = await wait(key, task, seconds, lambda: disconnected(request))
    except WatchLimitReached:  # the task is accepted all the same
        return Waited(None, {})
    return Waited(ended, {APPLIED: f"wait={seconds}"})


def preferred_wait_s(request: Request) -> int:
    """The seconds of the first `wait` preference; 0 without one. What cannot be read is no preference."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    found = next((match for each in preferences if (match := _WAIT.fullmatch(each.strip()))), None)
    return min(LONGEST_S, int(found[1])) if found else 0


async def disconnected(request: Request) -> None:
    """Return when the client has closed the connection. Its request does not count as busy meanwhile."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
