"""limner-ray: jobs under the ids of their callers, each drawn once however often it is submitted."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner.domain.aspect_ratio import size_for
from limner_vendors._core.emulator import Emulator, Refused, http_status, reply
from limner_vendors._core.failure_cases import (
    BAD_INPUT,
    CANCELLED,
    GONE,
    NO_IMAGE,
    POLICY,
    TRANSIENT,
    UNKNOWN,
    FailureCase,
    always,
    http_failures,
    picture_failures,
    rate_limits,
)
from limner_vendors._core.faults import JOB_FAULTS, Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorJob, VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, NotAPicture, ReceivedImage, Size, sha_of
from limner_vendors._core.rules import Rules, mapping, maybe, number, one_of, problems, some, text, whole
from limner_vendors.openai import in_base64

MODELS: Final[Mapping[str, int]] = {
    "FLUX.1-dev": 0,
    "FLUX.1-schnell": 0,
    "FLUX.1-Kontext-dev": 4,
    "FLUX.2-klein-4B": 4,
    "limner-builtin": 10,
}
"""The served models, with the most reference pictures of each."""

MOST_REFERENCES: Final = 16
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,128}")
_SIZE: Final = re.compile(r"(\d{2,4})x(\d{2,4})")
_SIDES: Final = {"1K": 1024, "2K": 2048, "4K": 4096}
_ENDED: Final = ("done", "failed", "cancelled")

JOB: Final[Rules] = {
    "id": text(128, 8),
    "model": text(200, 1),
    "prompt": text(20_000, 1),
    "instructions": mapping,
    "seed": whole(0, 2**31 - 1),
    "aspect_ratio": maybe(text(11, 3)),
    "size": maybe(text(9, 2)),
    "view": maybe(text(40)),
    "output_format": maybe(one_of("png", "jpeg", "webp")),
    "output_compression": maybe(whole(0, 100)),
    "own_references": whole(0, MOST_REFERENCES),
    "references": some(text(None, 1), 0, MOST_REFERENCES),
    "options": mapping,
    "deadline_s": number(0, 86_400),
}
REQUIRED: Final = ("id", "model", "prompt", "seed")


def _failures() -> Iterator[FailureCase]:
    name = "ray"
    yield FailureCase(name, "HTTP 400", BAD_INPUT, always(FaultKind.STATUS, value=400), detail="HTTP 400")
    yield FailureCase(name, "HTTP 404: no engine has the model", GONE, always(FaultKind.MODEL_GONE), detail="HTTP 404")
    said = "HTTP 422, with the field"
    yield FailureCase(name, said, BAD_INPUT, always(FaultKind.STATUS, value=422), detail="HTTP 422")
    yield from rate_limits(
        name, ("HTTP 429 with `Retry-After`", "header", 3), ("HTTP 429 that names no wait", "none", 5)
    )
    yield FailureCase(name, "HTTP 500", TRANSIENT, always(FaultKind.SERVER_ERROR), detail="HTTP 500")
    yield from http_failures(name)
    garbled = always(FaultKind.GARBLED)
    yield FailureCase(name, "200 without a job to poll", UNKNOWN, garbled, None, detail="HTTP 20")
    missing = always(FaultKind.NOT_FOUND, value=1000)
    yield FailureCase(
        name, "the job is not found, for longer than five seconds or `not_found_grace_s`", UNKNOWN, missing, None
    )
    yield FailureCase(name, "`failed`, `transient`", TRANSIENT, always(FaultKind.FAILED), detail="failed")
    for kind, words in ((BAD_INPUT, "bad_input"), (NO_IMAGE, "no_image"), (GONE, "model_unavailable")):
        yield FailureCase(name, f"`failed`, `{words}`", kind, always(FaultKind.FAILED, how=words), detail="failed")
    said = "`failed`, `content_policy`: an engine of your own with a filter"
    yield FailureCase(name, said, POLICY, always(FaultKind.MODERATED), detail="failed")
    yield FailureCase(name, "`cancelled`", CANCELLED, always(FaultKind.CANCELLED), detail="cancelled")
    yield from picture_failures(name)
    yield FailureCase(name, "`done` without a picture", NO_IMAGE, always(FaultKind.EMPTY))


class Ray(Emulator):
    name: ClassVar[str] = "ray"
    position: ClassVar[int] = 9
    kinds = (*JOB_FAULTS, FaultKind.CANCELLED)
    failure_cases = tuple(replace(row, options={"steps": steps}) for steps, row in enumerate(_failures(), 1))
    """Each with an option of its own: two rows that ask for the same would be one job."""

    def environment(self) -> dict[str, str]:
        return {"LIMNER_RAY_URL": self.base_url, "LIMNER_RAY_KEY": self.key}

    def applications(self) -> dict[str, web.Application]:
        routes = [
            web.post("/v1/jobs", self.submit),
            web.get("/v1/jobs/{id}", self.show),
            web.get("/v1/jobs/{id}/picture", self.raw_picture),
            web.post("/v1/jobs/{id}/cancel", self.cancel),
            web.delete("/v1/jobs/{id}", self.forget),
            web.get("/v1/models", self.list_models),
            web.get("/healthz", self.health),
            *self.script_routes(),
        ]
        return {"api": self.application(routes)}

    # --- the calls

    async def submit(self, request: web.Request) -> web.StreamResponse:
        self.check_key(request)
        body = await read_job(request)
        order, digest = await self.order(body), sha_of(orjson.dumps({**body, "deadline_s": 0}))

        async def work(injected: InjectedFault) -> web.Response:
            known = self.jobs.find(body["id"])
            if known and known.facts["digest"] != digest:
                raise refused(409, "other_job", "id: there is another job under this id")
            if known and self.status_of(known) not in {"failed", "cancelled"}:
                return reply(200, self.shown(known))
            return reply(201, self.shown(await self.open_job(body["id"], order, injected, digest=digest)))

        return await self.with_faults(request, "submit", order.prompt, work)

    async def show(self, request: web.Request) -> web.StreamResponse:
        job = self.find(request)

        async def work(_: InjectedFault) -> web.Response:
            if not job.cancelled:
                self.jobs.ask(job)
            shown, strange = self.shown(job), job.injected.of(FaultKind.UNKNOWN_STATUS)
            if strange and job.polls == 1:
                return reply(200, shown | {"status": strange.how or "thinking"})
            if shown["picture"] and request.query.get("picture") == "1":
                content = await self.picture(job.order, job.injected)
                shown["picture"] = shown["picture"] | {"base64": in_base64(content)}
            return reply(200, shown)

        return await self.with_faults(request, "poll", job.order.prompt, work)

    async def raw_picture(self, request: web.Request) -> web.Response:
        job = self.find(request)
        if self.status_of(job) != "done":
            raise refused(409, "not_done", f"the job is {self.status_of(job)}")
        content = await self.picture(job.order, job.injected)
        return web.Response(body=content, content_type=MEDIA_TYPES[job.order.format])

    async def cancel(self, request: web.Request) -> web.Response:
        job = self.find(request)
        if not job.ended:
            job.cancelled = True
        return reply(200, self.shown(job))

    async def forget(self, request: web.Request) -> web.Response:
        job = self.find(request)
        if self.status_of(job) not in _ENDED:
            raise refused(409, "not_ended", f"the job is {self.status_of(job)}; cancel it first")
        job.hidden = 1 << 30
        return web.Response(status=204)

    async def list_models(self, request: web.Request) -> web.Response:
        self.check_key(request)
        return reply(200, {"data": [{"id": model, "engine": "emulated", "deployment": "all"} for model in MODELS]})

    async def health(self, _: web.Request) -> web.Response:
        return reply(200, {"status": "ok"})

    # --- what a job is

    def shown(self, job: VendorJob) -> dict[str, Any]:
        status = self.status_of(job)
        done, empty = status == "done", FaultKind.EMPTY in job.injected
        served_by = {"provider": "diffusers", "model": job.order.model, "generative": True, "device": "emulated"}
        return {
            "id": job.id,
            "model": job.order.model,
            "status": status,
            "progress": 100 if status in _ENDED else min(99, 30 * job.polls),
            "attempt": 1,
            "node": "emulated",
            "served_by": served_by if done else None,
            "error": error_of(job) if status == "failed" else None,
            "picture": {"media_type": MEDIA_TYPES[job.order.format]} if done and not empty else None,
        }

    def status_of(self, job: VendorJob) -> str:
        if job.cancelled:
            return "cancelled"
        if not job.ended:
            return "queued" if job.polls < 2 else "running"
        if FaultKind.CANCELLED in job.injected:
            return "cancelled"
        return "failed" if job.failed else "done"

    # --- what a request must be

    def check_key(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            raise refused(401, "auth", "send the key as Authorization: Bearer KEY")

    def find(self, request: web.Request) -> VendorJob:
        self.check_key(request)
        job = self.jobs.find(request.match_info["id"])
        if job is None or job.hidden:
            if job:
                job.hidden -= 1
            raise refused(404, "not_found", "there is no job with this id")
        return job

    async def order(self, body: dict[str, Any]) -> VendorOrder:
        if found := problems(body, JOB, REQUIRED):
            raise refused(422, "bad_input", f"{found[0].field}: {found[0].message}")
        if not _ID.fullmatch(body["id"]):
            raise refused(422, "bad_input", "id: 8 to 128 letters, digits, _ and -")
        if body["model"] not in MODELS:
            raise refused(404, "model_unavailable", f"model: {body['model']!r} has no engine here")
        given = body.get("references") or []
        if body.get("own_references", 0) > len(given):
            raise refused(422, "bad_input", f"own_references: {body['own_references']} of {len(given)} references")
        if len(given) > MODELS[body["model"]]:
            raise refused(422, "bad_input", f"references: {body['model']} takes {MODELS[body['model']]} at most")
        references = tuple([await self.reference(number, value) for number, value in enumerate(given)])
        asked = {name: value for name, value in body.items() if name not in {"prompt", "references"}}
        return VendorOrder(
            *(body["model"], body["prompt"], references, size_of(body, references)),
            body.get("output_format") or "png",
            asked,
        )

    async def reference(self, number: int, value: str) -> ReceivedImage:
        if not re.match(r"data:image/(png|jpeg|webp);base64,", value):
            raise refused(422, "bad_input", f"references.{number}: is no data URI of a picture in base64")
        try:
            return await self.look_at(await self.picture_behind(value))
        except NotAPicture as error:
            raise refused(422, "bad_input", f"references.{number}: {error}") from None

    def refusal(self, fault: Fault) -> web.Response:
        match fault.kind:
            case FaultKind.QUOTA:
                return refused(429, "too_many_jobs", "as many jobs wait and run as may").response
            case FaultKind.RATE_LIMITED:
                headers = None if fault.how == "none" else {"Retry-After": f"{fault.amount(5):g}"}
                said = "as many jobs wait and run as may"
                return refused(429, "too_many_jobs", said, headers).response
            case FaultKind.STATUS if http_status(fault) == 422:
                return refused(422, "bad_input", "seed: Input should be a valid integer").response
            case _:
                return refused(http_status(fault), str(fault.kind), fault.kind.replace("_", " ")).response


async def read_job(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise refused(422, "bad_input", "the body must be a JSON object")
    return body


def size_of(body: Mapping[str, Any], references: tuple[ReceivedImage, ...]) -> Size:
    """The requested size; or the class, else a megapixel, in the requested shape, else that of the first reference."""
    asked = str(body.get("size"))
    if match := _SIZE.fullmatch(asked):
        return int(match[1]), int(match[2])
    first = "{}:{}".format(*references[0].size) if references else "1:1"
    side = _SIDES.get(asked, 1024)
    return size_for(body.get("aspect_ratio") or first, pixels=side * side, step=16, least=64, most=4096)


def error_of(job: VendorJob) -> dict[str, Any]:
    fault = job.injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.FAILED)
    if fault is None or fault.kind is FaultKind.FAILED:
        kind = (fault.how if fault else "") or "transient"
        return {"kind": kind, "message": "the model's process ended while it was drawing", "detail": None}
    return {"kind": "content_policy", "message": "the engine's filter refused it", "detail": None}


def refused(status: int, code: str, said: str, headers: Mapping[str, str] | None = None) -> Refused:
    return Refused(reply(status, {"error": {"code": code, "message": said}}, headers))
