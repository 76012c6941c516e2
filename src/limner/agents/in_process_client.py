"""The client of one agent's call: it waits for a task by the task's own watch."""

from limner.agents.in_process import InProcessTransport
from limner.domain.ids import is_uuid
from limner_client import AsyncLimnerClient, PictureTask
from limner_client.calls import PREFIX
from limner_client.tasks import task_of
from limner_client.transport import TransportFailed
from limner_client.waiting import OnProgress


class InProcessClient(AsyncLimnerClient):
    """A client lives as long as one call, which waits for one task: to follow all of an account would cost more."""

    def __init__(self, key: str, transport: InProcessTransport) -> None:
        super().__init__(key=key, transport=transport, retries=1)

    async def _until_ended(self, task_id: str, on_progress: OnProgress | None) -> PictureTask:
        """By the task's watch; by polls where the watch is refused, as for too many of them, or ends early."""
        try:
            watched = await self._watched(task_id, on_progress) if is_uuid(task_id) else None
        except TransportFailed:
            watched = None
        return watched or await super()._until_ended(task_id, on_progress)

    async def _watched(self, task_id: str, on_progress: OnProgress | None) -> PictureTask | None:
        path = f"{PREFIX}/task/watch/{task_id}"
        async with self.calls.transport.watch(path, self.calls.headers) as frames:
            async for frame in frames:
                task = task_of(frame["data"])
                if on_progress is not None:
                    on_progress(task)
                if task.has_ended:
                    return task
        return None
