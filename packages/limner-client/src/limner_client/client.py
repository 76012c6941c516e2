"""The client that blocks: the one for asyncio, in an event loop of its own thread."""

import asyncio
import threading
import weakref
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from limner_client.async_client import AT_ONCE, RETRIES, AsyncLimnerClient
from limner_client.errors import LimnerError
from limner_client.references import Reference, Uploaded
from limner_client.tasks import PictureTask
from limner_client.waiting import OnProgress

T = TypeVar("T")


class LimnerClient:
    """Several threads may share one client. `on_progress` is called in the client's own thread.

    What its methods do and raise is described at `AsyncLimnerClient`.
    """

    def __init__(self, url: str | None = None, key: str | None = None, *, retries: int = RETRIES) -> None:
        self._client = AsyncLimnerClient(url, key, retries=retries)
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="limner-client", daemon=True)
        thread.start()
        # Called by `close`, and otherwise when the client is collected or the program ends.
        self._close = weakref.finalize(self, _close, self._client, self._loop, thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()  # after Ctrl-C; a task that was accepted goes on
            raise

    def generate(
        self,
        prompt: str | None = None,
        *,
        references: Sequence[Reference] = (),
        template: str | None = None,
        model: str | None = None,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> PictureTask:
        return self._run(
            self._client.generate(
                prompt,
                references=references,
                template=template,
                model=model,
                timeout_s=timeout_s,
                on_progress=on_progress,
                idempotency_key=idempotency_key,
                **fields,
            )
        )

    def submit(
        self,
        prompt: str | None = None,
        *,
        references: Sequence[Reference] = (),
        template: str | None = None,
        model: str | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> PictureTask:
        return self._run(
            self._client.submit(
                prompt,
                references=references,
                template=template,
                model=model,
                idempotency_key=idempotency_key,
                **fields,
            )
        )

    def quote(
        self,
        prompt: str | None = None,
        *,
        references: Sequence[Reference] = (),
        template: str | None = None,
        model: str | None = None,
        **fields: Any,
    ) -> Mapping[str, Any]:
        return self._run(self._client.quote(prompt, references=references, template=template, model=model, **fields))

    def batch(
        self, wanted: Iterable[str | Mapping[str, Any]], *, at_once: int = AT_ONCE, timeout_s: float | None = None
    ) -> list[PictureTask | LimnerError]:
        return self._run(self._client.batch(wanted, at_once=at_once, timeout_s=timeout_s))

    def get(self, task_id: str) -> PictureTask:
        return self._run(self._client.get(task_id))

    def wait(
        self, task_id: str, *, timeout_s: float | None = None, on_progress: OnProgress | None = None
    ) -> PictureTask:
        return self._run(self._client.wait(task_id, timeout_s=timeout_s, on_progress=on_progress))

    def cancel(self, task_id: str) -> PictureTask:
        return self._run(self._client.cancel(task_id))

    def tasks(self, **filters: str | int) -> tuple[Sequence[PictureTask], str | None]:
        return self._run(self._client.tasks(**filters))

    def models(self) -> Sequence[Mapping[str, Any]]:
        return self._run(self._client.models())

    def templates(self) -> Sequence[Mapping[str, Any]]:
        return self._run(self._client.templates())

    def balance(self) -> int:
        return self._run(self._client.balance())

    def upload(self, picture: Path | str | bytes) -> Uploaded:
        return self._run(self._client.upload(picture))

    def download(self, task: PictureTask, number: int = 0) -> bytes:
        return self._run(self._client.download(task, number))

    def save(self, task: PictureTask, path: Path | str, number: int = 0) -> Path:
        return self._run(self._client.save(task, path, number))


def _close(client: AsyncLimnerClient, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if threading.current_thread() is thread:  # collected there, where nothing can be waited for
        loop.stop()
        return
    asyncio.run_coroutine_threadsafe(client.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
