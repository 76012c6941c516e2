"""Receives an uploaded file, from a multipart form or a raw body, into a scratch file."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from limner.api.http.bodies.form_file import FormError, FormFile
from limner.api.http.headers import media_type
from limner.domain.refusal import Code, Refusal

_BLOCK_BYTES = 256 * 1024


@asynccontextmanager
async def received_file(request: Request, scratch: Path) -> AsyncIterator[Path]:
    """The form's file as a scratch file, removed on exit. Refusals raised inside get the field `file`."""
    if media_type(request.headers) != "multipart/form-data":
        raise _not_multipart("the body is not multipart/form-data")
    async with _scratch_file(scratch) as path:
        await _receive_form(request, path)
        yield path


@asynccontextmanager
async def received_body(request: Request, scratch: Path) -> AsyncIterator[Path]:
    """The whole body as a scratch file, removed on exit. `BodyCap` limits its size."""
    async with _scratch_file(scratch) as path:
        await _receive_body(request, path)
        yield path


@asynccontextmanager
async def _scratch_file(scratch: Path) -> AsyncIterator[Path]:
    path = scratch / f"upload-{uuid.uuid4()}"
    try:
        yield path
    except Refusal as refusal:
        raise refusal.at("file") from None
    except ClientDisconnect:  # the client is gone: the refusal only ends the request without an error log
        raise Refusal(Code.MALFORMED, "the upload was interrupted", suggestion="Send it again.", field="file") from None
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _receive_body(request: Request, path: Path) -> None:
    with await asyncio.to_thread(path.open, "wb") as target:
        async for block in _in_blocks(request.stream()):
            await asyncio.to_thread(target.write, block)


async def _receive_form(request: Request, path: Path) -> None:
    with await asyncio.to_thread(path.open, "wb") as target:
        try:
            form = FormFile(request.headers["content-type"], target)
            async for block in _in_blocks(request.stream()):
                await asyncio.to_thread(form.feed, block)
            form.finish()
        except FormError as error:
            raise _not_multipart(str(error)) from None


async def _in_blocks(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in larger blocks: each is handed to a thread."""
    block = bytearray()
    async for piece in body:
        block += piece
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _not_multipart(reason: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        reason,
        suggestion="Send multipart/form-data with the picture as the one file, in a part named `file`.",
        field="file",
    )
