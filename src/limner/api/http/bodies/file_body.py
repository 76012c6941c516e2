"""Receives an uploaded file, from a multipart form or a raw body, into a scratch file."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from limner.api.http.bodies.blocks import in_blocks
from limner.api.http.bodies.form_file import FormError, FormFile
from limner.api.http.headers import media_type
from limner.domain.refusal import Code, Refusal
from limner.scratch_paths import scratch_file
from limner.threads import closing_in_thread, in_thread

SMALL_BODY = 64 * 1024
"""A form of up to this many bytes stays in memory and is read on the event loop, in 0.2 ms; a hostile one takes 1 ms.

A file, or a thread, would cost more hops than their work is worth.
"""


@asynccontextmanager
async def received_file(request: Request, scratch: Path) -> AsyncIterator[Path | bytes]:
    """The form's file as a scratch file, removed on exit, or as bytes. Refusals raised inside get the field `file`."""
    if media_type(request.headers) != "multipart/form-data":
        raise _not_multipart("the body is not multipart/form-data")
    with _refused_at_file():
        async with aclosing(in_blocks(request.stream())) as blocks:
            first = await anext(blocks)
            if len(first) <= SMALL_BODY:  # the last block, too
                yield _file_of_form(request.headers["content-type"], first)
                return
            async with scratch_file(scratch, "upload") as path:
                await _receive_form(request, first, blocks, path)
                yield path


@asynccontextmanager
async def received_body(request: Request, scratch: Path) -> AsyncIterator[Path]:
    """The whole body as a scratch file, removed on exit. `BodyCap` limits its size."""
    with _refused_at_file():
        async with scratch_file(scratch, "upload") as path:
            await _receive_body(request, path)
            yield path


@contextmanager
def _refused_at_file() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise refusal.at("file") from None
    except ClientDisconnect:  # the client is gone: the refusal only ends the request without an error log
        raise Refusal(Code.MALFORMED, "the upload was interrupted", suggestion="Send it again.", field="file") from None


async def _receive_body(request: Request, path: Path) -> None:
    async with closing_in_thread(path.open, "wb") as target:
        async for block in in_blocks(request.stream()):
            await in_thread(target.write, block)


def _file_of_form(content_type: str, body: bytes) -> bytes:
    target = io.BytesIO()
    with _refused_forms():
        form = FormFile(content_type, target)
        form.feed(body)
        form.finish()
    return target.getvalue()


async def _receive_form(request: Request, first: bytes, blocks: AsyncIterator[bytes], path: Path) -> None:
    with _refused_forms():
        async with closing_in_thread(path.open, "wb") as target:
            form = FormFile(request.headers["content-type"], target)
            await in_thread(form.feed, first)
            async for block in blocks:
                await in_thread(form.feed, block)
            form.finish()


@contextmanager
def _refused_forms() -> Iterator[None]:
    try:
        yield
    except FormError as error:
        raise _not_multipart(str(error)) from None


def _not_multipart(reason: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        reason,
        suggestion="Send multipart/form-data with the picture as the one file, in a part named `file`.",
        field="file",
    )
