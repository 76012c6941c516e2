"""Parses and validates JSON bodies, with the error codes of the wire."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from limner.api.http.content_coding import decoded_body
from limner.domain.refusal import Code, Refusal

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

LARGE_BODY = 256 * 1024
"""Bodies larger than this are read in a thread, so that the event loop does not block."""

MAX_COMMAS = 4_000
"""Commas a body may hold. A task has a few dozen; more is an attack on the parser."""


async def parse(request: Request, read: Callable[[bytes], T]) -> tuple[T, bytes]:
    """`read(body)`, and the body, decompressed and in UTF-8. Raises `Refusal`."""
    body = await decoded_body(request)
    return await result_of(read, body), body


async def result_of(work: Callable[[bytes], T], body: bytes) -> T:
    """`work(body)`, for a large body in a thread."""
    return await asyncio.to_thread(work, body) if len(body) > LARGE_BODY else work(body)


def digest_of(body: bytes) -> str:
    """The hash by which a repeated body is recognised. Blocking for a large body."""
    return hashlib.sha256(body).hexdigest()


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `Refusal` 1003 for anything else."""
    if body.count(b",") > MAX_COMMAS:
        _malformed(f"the body has more than {MAX_COMMAS} members", "Send one task; its fields are few.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _read_leniently(body, str(error))
    if not isinstance(value, dict):
        _malformed("the body is not a JSON object", "Send one object with the fields of the call.")
    return value


def validated(model: type[M], sent: dict[str, Any]) -> M:
    """`sent` as a `model`. Raises `Refusal` 1004 naming the first invalid field."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        _invalid(error, model)


def unknown_fields(model: type[BaseModel], sent: dict[str, Any]) -> tuple[str, ...]:
    """Names of sent fields that `model` does not have; ignored, and listed by `explain`."""
    return tuple(sorted(name[:100] for name in sent if name not in model.model_fields))[:50]


def _read_leniently(body: bytes, problem: str) -> Any:
    """Parse with the standard library, which accepts lone surrogates: in a prompt they get their own error code."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
        rest = {**value, "prompt": None} if isinstance(value, dict) else value
        json.dumps(rest, ensure_ascii=False).encode()  # fails for half a pair anywhere else
    except (ValueError, RecursionError):
        _malformed(f"the body is not JSON: {problem}", "Send JSON in UTF-8, with Content-Type: application/json.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _malformed(reason: str, suggestion: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, reason, suggestion=suggestion)


def _invalid(error: ValidationError, model: type[BaseModel]) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    problem = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] in {"model_type", "model_attributes_type"}:  # its message names the Python class
        problem = "an object is expected"
    known = model.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    described = known.description if known else None
    raise Refusal(
        Code.INVALID,
        f"{field} is invalid: {problem}" if field else problem,
        suggestion=described or "Refer to the API documentation for parameter requirements",
        field=field or None,
    )
