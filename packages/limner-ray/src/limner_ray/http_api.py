"""The HTTP API: jobs by the ids of their callers. `docs/own-gpus.md` describes it; Limner's adapter `ray` speaks it."""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ray.exceptions import RayActorError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from limner_ray.job_store import OtherJob, StoredJob, TooManyJobs
from limner_ray.order import BadOrder, JobOrder, parse_order
from limner_ray.registry import Draining, RegistryClient

MAX_BODY: Final = 256 * 2**20
RETRY_AFTER_S: Final = 5

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedCall(Exception):
    """A refused request, as it is answered."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": {"code": code, "message": message}}, status, headers)


class JobsApi:
    """`key` is what callers must send; empty where none is asked for. `models` are those that have an engine."""

    def __init__(self, registry: RegistryClient, key: str, models: frozenset[str]) -> None:
        self._registry = registry
        self._key = key
        self._models = models

    def application(self) -> Starlette:
        routes = [
            ("POST", "/v1/jobs", self.submit),
            ("GET", "/v1/jobs/{id}", self.show),
            ("GET", "/v1/jobs/{id}/picture", self.picture),
            ("POST", "/v1/jobs/{id}/cancel", self.cancel),
            ("DELETE", "/v1/jobs/{id}", self.forget),
            ("GET", "/v1/models", self.list_models),
        ]
        open_routes = [Route("/healthz", self._answered(self.health), methods=["GET"])]
        return Starlette(
            routes=[*open_routes, *(Route(path, self._keyed(call), methods=[how]) for how, path, call in routes)]
        )

    # --- the calls

    async def submit(self, request: Request) -> Response:
        """Submit a job. The same id and the same job: the same answer, and nothing is drawn twice."""
        body = await _body(request)
        try:
            order = await asyncio.to_thread(parse_order, body)
        except BadOrder as error:
            raise RefusedCall(422, "bad_input", str(error)) from error
        if order.model not in self._models:
            known = ", ".join(sorted(self._models))
            raise RefusedCall(404, "model_unavailable", f"model: {order.model!r} has no engine here; there are {known}")
        job, is_new = await self._submitted(order)
        return JSONResponse(job.shown(), 201 if is_new else 200)

    async def _submitted(self, order: JobOrder) -> tuple[StoredJob, bool]:
        retry = {"Retry-After": str(RETRY_AFTER_S)}
        try:
            submitted: tuple[StoredJob, bool] = await self._registry.call("submit", order)
        except OtherJob as error:
            raise RefusedCall(
                409, "other_job", f"id: there is another job under {order.id!r}; choose another id"
            ) from error
        except TooManyJobs as error:
            raise RefusedCall(429, "too_many_jobs", "as many jobs wait and run as may", retry) from error
        except Draining as error:
            raise RefusedCall(503, "draining", "no further jobs are accepted here", retry) from error
        return submitted

    async def show(self, request: Request) -> Response:
        """The job; with `?picture=1` its picture too, in base64, once it is done."""
        job = await self._found(request)
        shown = job.shown()
        if job.picture and request.query_params.get("picture") == "1":
            content = await self._content(job.id)
            shown["picture"] = {**job.picture, "base64": await asyncio.to_thread(_base64, content)}
        return JSONResponse(shown)

    async def picture(self, request: Request) -> Response:
        job = await self._found(request)
        if job.picture is None:
            raise RefusedCall(409, "not_done", f"the job is {job.state}")
        return Response(await self._content(job.id), media_type=job.picture["media_type"])

    async def cancel(self, request: Request) -> Response:
        job: StoredJob | None = await self._registry.call("cancel", request.path_params["id"])
        if job is None:
            raise _no_job()
        return JSONResponse(job.shown())

    async def forget(self, request: Request) -> Response:
        """Acknowledge a job that has ended: it and its picture are removed."""
        job = await self._found(request)
        if not await self._registry.call("forget", job.id):
            raise RefusedCall(409, "not_ended", f"the job is {job.state}; cancel it first")
        return Response(status_code=204)

    async def list_models(self, _: Request) -> Response:
        return JSONResponse({"data": await self._registry.call("models")})

    async def health(self, _: Request) -> Response:
        await self._registry.call("models")
        return JSONResponse({"status": "ok"})

    # --- within

    async def _found(self, request: Request) -> StoredJob:
        job: StoredJob | None = await self._registry.call("find", request.path_params["id"])
        if job is None:
            raise _no_job()
        return job

    async def _content(self, job: str) -> bytes:
        content: bytes | None = await self._registry.call("picture", job)
        if content is None:
            raise _no_job()
        return content

    def _keyed(self, call: Endpoint) -> Endpoint:
        async def keyed(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if self._key and not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
                raise RefusedCall(401, "auth", "send the key as Authorization: Bearer KEY")
            return await call(request)

        return self._answered(keyed)

    def _answered(self, call: Endpoint) -> Endpoint:
        async def answered(request: Request) -> Response:
            try:
                return await call(request)
            except RefusedCall as refused:
                return refused.response
            except (RayActorError, ValueError):
                retry = {"Retry-After": str(RETRY_AFTER_S)}
                return RefusedCall(503, "no_registry", "the registry of jobs does not answer", retry).response

        return answered


def _no_job() -> RefusedCall:
    return RefusedCall(404, "not_found", "there is no job with this id")


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is too long."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise RefusedCall(413, "bad_input", f"the body has more than {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
