"""Calls that are answered when their task has ended, for APIs whose clients know no tasks."""

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from limner.api.http.authentication import caller
from limner.api.http.idempotency import checked_key
from limner.api.http.load_shedding import BEGINS_WAIT, BODY_MEMORY
from limner.api.http.prefer_wait import disconnected
from limner.api.service_container import Services
from limner.application.read import TaskView
from limner.application.tasks.accept import IdempotencyKey
from limner.application.tasks.repeats import repeat_key
from limner.application.watching.watch import WatchLimitReached
from limner.domain.ids import TaskId
from limner.domain.prompts.prompt import PromptRules
from limner.domain.refusal import Unavailable
from limner.domain.tasks.request import ImageRequest

HOLD_S = 590
"""How long a call is held: the SDKs give up after 600 seconds."""

_RETRY_COUNT = re.compile(r"[1-9]\d{0,3}")


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call and its task. `digest` finds the task when the call is repeated; None where a key does that."""

    request: Request
    task: TaskId
    digest: str | None


@dataclass(frozen=True, slots=True)
class HeldCalls:
    services: Services

    async def submit(self, request: Request, asked: ImageRequest, body_digest: str, rules: PromptRules) -> HeldCall:
        """The call with its task: a new one, or that of the call which this one repeats. Raises `Refusal`."""
        key, repeats = caller(request), self.services.repeats
        digest = hashlib.sha256(f"{request.url.path} {key.id} {body_digest}".encode()).hexdigest()
        named = request.headers.get("idempotency-key")
        if named is not None:
            once = IdempotencyKey(checked_key(named), digest)
            created = await self.services.submit(key, asked, idempotency=once, prompt_rules=rules)
            return HeldCall(request, created.task, None)
        earlier = await repeats.join(key.account, digest, announced=_is_announced(request))
        if earlier:
            return HeldCall(request, earlier, digest)
        with repeats.accepting(key.account, digest):
            once = IdempotencyKey(repeat_key(digest), digest)
            created = await self.services.submit(key, asked, idempotency=once, prompt_rules=rules)
        return HeldCall(request, created.task, digest)

    async def end(self, call: HeldCall, seconds: float = HOLD_S) -> TaskView | None:
        """The task once it has ended; None when the client has left, the server stops, or time is up.

        The same request finds the task again then.
        """
        async with aclosing(self.changes(call, seconds)) as changes:
            async for seen in changes:
                if seen.task.status.final:
                    return seen
        return None

    async def changes(self, call: HeldCall, seconds: float = HOLD_S) -> AsyncGenerator[TaskView, None]:
        """The task now and after each change, for as long as `end` waits."""
        key, has_ended, waiting = caller(call.request), False, self.services.wait_for_end
        call.request.scope[BODY_MEMORY].release()
        call.request.scope[BEGINS_WAIT]()
        try:
            left = partial(disconnected, call.request)
            async with aclosing(waiting.changes(key, call.task, seconds, left)) as changes:
                async for seen in changes:
                    has_ended = seen.task.status.final
                    yield seen
        except WatchLimitReached:
            raise Unavailable from None
        finally:
            if not has_ended and call.digest:
                self.services.repeats.lose(key.account, call.digest, call.task)


def _is_announced(request: Request) -> bool:
    """Whether the client says that it sends the request again, as OpenAI's libraries do."""
    return bool(_RETRY_COUNT.fullmatch(request.headers.get("x-stainless-retry-count", "")))
