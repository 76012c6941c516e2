"""Receives an uploaded file, from a multipart form or a raw body, into a scratch file."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from limner.domain.refusal import Code, Refusal


@asynccontextmanager
async def received_file(request: Request, scratch: Path) -> AsyncIterator[Path]:
    """The form's file as a scratch file, removed on exit. Refusals raised inside get the field `file`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
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
        async for piece in request.stream():
            await asyncio.to_thread(target.write, piece)


async def _receive_form(request: Request, path: Path) -> None:
    try:
        async with request.form(max_files=1, max_fields=20) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise _not_multipart("there is no file part named 'file'")
            await asyncio.to_thread(_copy, part.file, path)
    except HTTPException as error:
        raise _not_multipart(str(error.detail)) from None


def _copy(source: BinaryIO, path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)


def _not_multipart(reason: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        reason,
        suggestion="Send multipart/form-data with the picture as the one file, in a part named `file`.",
        field="file",
    )
