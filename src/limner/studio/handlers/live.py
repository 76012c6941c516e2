"""Live changes: one WebSocket per browser, with the frames that `task/watch/all` sends."""

from dataclasses import dataclass

import orjson
from starlette.websockets import WebSocket

from limner.api.http.websocket import FrameFormat, serve
from limner.api.service_container import Services
from limner.application.accounts.sign_in import SignIn
from limner.application.watching.watcher import TaskChange
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.progress import displayed_progress, elapsed_ms, seconds_left
from limner.domain.tasks.task import Status
from limner.studio.session import find_session, same_origin


@dataclass(frozen=True, slots=True)
class Live:
    services: Services
    sign_in: SignIn

    async def watch(self, socket: WebSocket) -> None:
        """Frames of all tasks of the session's account, those changed since `since` (milliseconds) first."""
        if not same_origin(socket):
            raise Refusal(Code.FORBIDDEN, "the page belongs to another site", suggestion="Open the Studio itself.")
        session = await find_session(socket, self.sign_in)
        if session is None:
            raise Refusal(Code.UNAUTHENTICATED, "signed out", suggestion="Sign in again.")
        since = socket.query_params.get("since", "")
        since_ms = int(since) if since.isascii() and since.isdigit() and len(since) < 15 else None
        digest = self.sign_in.digest(session.token)
        async with self.services.watch.account(session.key, since_ms, session=digest) as watcher:
            await serve(socket, self.services.watch, watcher, FrameFormat("studio", self._text_of))

    def _text_of(self, change: TaskChange) -> str:
        task, now_ms = change.seen.task, self.services.clock.now_ms()
        running = task.status is Status.RUNNING
        return orjson.dumps(
            {
                "id": task.id,
                "status": task.status,
                "progress": displayed_progress(task, now_ms),
                "ahead": change.seen.ahead,
                "left_s": seconds_left(elapsed_ms(task, now_ms), task.expected_ms) if running else None,
                "change": change.number,
                "cancelling": task.cancel_requested,
                "previews": len(task.partial_images),
                "now_ms": now_ms,
            }
        ).decode()
