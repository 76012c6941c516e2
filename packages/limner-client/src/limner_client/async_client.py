"""The client for asyncio."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from limner_client.calls import Calls, new_name
from limner_client.errors import CallRefused, LimnerError, ServerUnreachable, TaskUnsuccessful, WaitTimedOut
from limner_client.http_transport import HttpTransport
from limner_client.references import Reference, Uploaded, file_of_link, file_of_upload, is_link
from limner_client.settings import chosen_key, chosen_url
from limner_client.tasks import PictureTask, task_of
from limner_client.transport import Transport, TransportFailed
from limner_client.waiting import OnProgress, Waiting

_Write = Callable[[bytes], object]
RETRIES = 5
AT_ONCE = 8


class AsyncLimnerClient:
    """One client has one connection pool and one WebSocket: make one and share it in an event loop.

    `retries` is how often a request is sent again when no answer comes, or one that says to try later. A create has an
    idempotency key, so that a repeat is the same task. Methods raise `LimnerError`.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retries: int = RETRIES,
        transport: Transport | None = None,
    ) -> None:
        self._transport = transport or HttpTransport(chosen_url(url))
        self.calls = Calls(self._transport, chosen_key(key), retries)
        self._waiting = Waiting(self.calls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._waiting.stop()
        await self._transport.close()

    # --- pictures ---------------------------------------------------------------------------------------------------

    async def generate(
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
        """Ask for a picture and wait for it. `fields` are others of the API, such as `n`, `size`, `quality` or `seed`.

        Raises `TaskUnsuccessful` for a task that ended without a picture and `WaitTimedOut` after `timeout_s`.
        """
        task = await self.submit(
            prompt,
            references=references,
            template=template,
            model=model,
            idempotency_key=idempotency_key,
            **fields,
        )
        ended = await self.wait(task.id, timeout_s=timeout_s, on_progress=on_progress)
        if ended.status != "success":
            raise TaskUnsuccessful(ended)
        return ended

    async def submit(
        self,
        prompt: str | None = None,
        *,
        references: Sequence[Reference] = (),
        template: str | None = None,
        model: str | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> PictureTask:
        """Ask for a picture. When this returns the task is on the server's disk and goes on by itself."""
        body = await self._body(prompt, references, template, model, fields)
        headers = {"Idempotency-Key": idempotency_key or new_name()}
        created = await self.calls.post("/task", body, headers)
        return task_of({"status": "queued", **created})

    async def quote(
        self,
        prompt: str | None = None,
        *,
        references: Sequence[Reference] = (),
        template: str | None = None,
        model: str | None = None,
        **fields: Any,
    ) -> Mapping[str, Any]:
        """What a task would cost and do. Nothing is spent; pictures given by path are uploaded."""
        body = await self._body(prompt, references, template, model, fields)
        found: Mapping[str, Any] = await self.calls.post("/task/quote", body)
        return found

    async def batch(
        self, wanted: Iterable[str | Mapping[str, Any]], *, at_once: int = AT_ONCE, timeout_s: float | None = None
    ) -> list[PictureTask | LimnerError]:
        """Generate each: a prompt, or arguments of `generate`. The results are in their order, errors among them."""
        slots = asyncio.Semaphore(at_once)

        async def one(each: str | Mapping[str, Any]) -> PictureTask | LimnerError:
            arguments: dict[str, Any] = {"prompt": each} if isinstance(each, str) else dict(each)
            async with slots:
                try:
                    return await self.generate(**{"timeout_s": timeout_s, **arguments})
                except LimnerError as error:
                    return error

        return await asyncio.gather(*map(one, wanted))

    # --- tasks ------------------------------------------------------------------------------------------------------

    async def get(self, task_id: str) -> PictureTask:
        return task_of(await self.calls.get(f"/task/{task_id}"))

    async def wait(
        self, task_id: str, *, timeout_s: float | None = None, on_progress: OnProgress | None = None
    ) -> PictureTask:
        """The task once it has ended, however. Raises `WaitTimedOut`; the task then goes on."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._until_ended(task_id, on_progress)
        except TimeoutError:
            raise WaitTimedOut(task_id, timeout_s or 0) from None

    async def _until_ended(self, task_id: str, on_progress: OnProgress | None) -> PictureTask:
        return await self._waiting.until_ended(task_id, on_progress)

    async def cancel(self, task_id: str) -> PictureTask:
        """Ask for the end of a task, and read it. One that runs may end later, or with its picture."""
        return task_of(await self.calls.post(f"/task/{task_id}/cancel", {}))

    async def tasks(self, **filters: str | int) -> tuple[Sequence[PictureTask], str | None]:
        """A page of the account's tasks, the newest first, and the `after` of the next page. `q` searches prompts."""
        page = await self.calls.get(f"/tasks?{urlencode(filters)}")
        return [task_of(each) for each in page["tasks"]], page["next"]

    # --- what there is ----------------------------------------------------------------------------------------------

    async def models(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = (await self.calls.get("/models"))["models"]
        return found

    async def templates(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = (await self.calls.get("/templates", prefix="/v1"))["templates"]
        return found

    async def balance(self) -> int:
        """Credits to spend."""
        return int((await self.calls.get("/user/balance"))["balance"])

    # --- files ------------------------------------------------------------------------------------------------------

    async def upload(self, picture: Path | str | bytes) -> Uploaded:
        """Upload a picture, given by its path or its bytes."""
        content = picture if isinstance(picture, bytes) else await asyncio.to_thread(Path(picture).read_bytes)
        return Uploaded(await self.calls.upload(content))

    async def download(self, task: PictureTask, number: int = 0) -> bytes:
        """The bytes of a picture of the task, the first unless another `number` is given."""
        pieces: list[bytes] = []
        await self._fetch(task, number, pieces.append)
        return b"".join(pieces)

    async def save(self, task: PictureTask, path: Path | str, number: int = 0) -> Path:
        """Write a picture of the task to a file, which is there whole or not at all."""
        target = Path(path)
        part = target.with_name(f"{target.name}.{new_name()[:8]}.part")
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                await self._fetch(task, number, file.write)
            await asyncio.to_thread(os.replace, part, target)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return target

    async def _fetch(self, task: PictureTask, number: int, write: _Write) -> None:
        links = task.pictures
        try:
            await self._read(links[number], write)
        except CallRefused as refusal:
            if refusal.status not in {403, 404}:
                raise
            fresh = await self.get(task.id)  # a link works for a day
            await self._read(fresh.pictures[number], write)

    async def _read(self, link: str, write: _Write) -> None:
        try:
            async with self._transport.fetch(link) as pieces:
                async for piece in pieces:
                    write(piece)
        except TransportFailed as error:
            raise ServerUnreachable(f"the picture was not received whole: {error}") from error

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _body(
        self,
        prompt: str | None,
        references: Sequence[Reference],
        template: str | None,
        model: str | None,
        fields: Mapping[str, Any],
    ) -> dict[str, Any]:
        named = {"prompt": prompt, "template": template, "model_version": model}
        body: dict[str, Any] = {"type": "generate_image", **{name: text for name, text in named.items() if text}}
        if references:
            body["files"] = [await self._file(each) for each in references]
        return {**body, **fields}

    async def _file(self, reference: Reference) -> dict[str, str]:
        match reference:
            case PictureTask():
                return {"task_id": reference.id}
            case Uploaded():
                return file_of_upload(reference)
            case str() if is_link(reference):
                return file_of_link(reference)
            case _:
                return file_of_upload(await self.upload(reference))
