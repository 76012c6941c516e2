"""The base of all emulators: set-up, fault injection, and the routes that script faults."""

import asyncio
import base64
import binascii
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Final

import aiohttp
import orjson
from aiohttp import web

from limner_vendors._core.deliveries import DeliveryHost
from limner_vendors._core.failure_cases import FailureCase
from limner_vendors._core.faults import CUTS, REFUSALS, BadFault, Fault, FaultKind, Faults, InjectedFault, Stage
from limner_vendors._core.held_answers import Held, Holds
from limner_vendors._core.hooks import Hooks
from limner_vendors._core.jobs import EmulatedSpeed, Jobs, VendorJob, VendorOrder
from limner_vendors._core.pictures import Design, NotAPicture, ReceivedImage, as_gif, blacked_out, draw, look
from limner_vendors._core.purchase_records import Purchase, PurchaseRecords, Violation

Work = Callable[[InjectedFault], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BAD_GATEWAY: Final = "502 Bad Gateway"
PROXY_PAGE: Final = (
    f"<html><head><title>{BAD_GATEWAY}</title></head><body><center><h1>{BAD_GATEWAY}</h1></center></body></html>"
)
STATUS: Final = {
    FaultKind.RATE_LIMITED: 429,
    FaultKind.UNAUTHORIZED: 401,
    FaultKind.FORBIDDEN: 403,
    FaultKind.MODEL_GONE: 404,
    FaultKind.SERVER_ERROR: 500,
    FaultKind.UNAVAILABLE: 503,
    FaultKind.TIMEOUT: 504,
}


def http_status(fault: Fault) -> int:
    return int(fault.amount(400)) if fault.kind is FaultKind.STATUS else STATUS[fault.kind]


class Refused(Exception):
    """The vendor refuses; `response` is its answer."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class EmulatorSetup:
    """The addresses of an emulator and what it works with.

    `urls` are the roots of its sites, without a slash at the end.
    """

    urls: Mapping[str, str]
    records: PurchaseRecords
    speed: EmulatedSpeed
    seed: int = 0
    now: Callable[[], float] = time.monotonic


class Emulator(ABC):
    """One vendor. A subclass is the description of its protocol."""

    name: ClassVar[str]
    sites: ClassVar[tuple[str, ...]] = ("api",)
    kinds: ClassVar[Collection[FaultKind]]
    synchronous: ClassVar[bool] = False
    position: ClassVar[int] = 100
    """The place in lists, and of the ports; equal ones are sorted by name."""
    failure_cases: ClassVar[Sequence[FailureCase]] = ()
    """Further rows of the table of failures."""

    def __init__(self, setup: EmulatorSetup) -> None:
        self.setup = setup
        self.key = f"emulated-{self.name}-key"
        self.faults = Faults(self.name, self.kinds, setup.seed)
        self.jobs = Jobs(setup.speed, setup.now)
        self.hooks = Hooks(setup.speed.webhook_retries)
        self.holds = Holds()
        self.deliveries = DeliveryHost(setup.urls.get("delivery", ""), setup.speed.link_seconds, self.record_violation)

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        return self.setup.urls["api"]

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that point Limner here."""

    @abstractmethod
    def applications(self) -> dict[str, web.Application]:
        """One application a site."""

    @abstractmethod
    def refusal(self, fault: Fault) -> web.Response:
        """The vendor's answer for a scripted refusal."""

    async def close(self) -> None:
        await self.hooks.close()

    # --- fault injection

    async def with_faults(self, request: web.Request, stage: Stage, prompt: str, work: Work) -> web.StreamResponse:
        """Do the work unless a fault refuses it, and answer as the faults say."""
        injected = self.faults_for(stage, prompt)
        await self.wait(stage, injected)
        held = Held(stage, hold_moment(injected), prompt)
        if held.moment == "received" and not await self.holds.hold(request, held):
            return cut_connection(request)
        fault = injected.of(*REFUSALS)
        if fault and not is_late(fault):
            return self.refuse(request, fault)
        response = await work(injected)
        if fault:
            response = self.refuse(request, fault)
        if fault := injected.of(FaultKind.GARBLED):
            response = garbled_answer(fault)
        add_headers(response, injected)
        if held.moment in {"done", "half"}:
            return await self.send_held(request, response, held)
        return await self.send(request, response, injected)

    def faults_for(self, stage: Stage, prompt: str) -> InjectedFault:
        try:
            return self.faults.for_request(stage, prompt)
        except BadFault as error:
            raise Refused(reply(400, {"detail": str(error), "error": {"message": str(error)}})) from None

    async def wait(self, stage: Stage, injected: InjectedFault) -> None:
        slow = injected.of(FaultKind.SLOW)
        working = self.setup.speed.seconds if self.synchronous and stage == "submit" else 0.0
        await asyncio.sleep(working + (slow.amount(5) if slow else 0.0))

    def refuse(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.kind is FaultKind.RESET:
            return cut_connection(request)
        if fault.kind is FaultKind.BAD_GATEWAY:
            return gateway_page(int(fault.amount(502)))
        return self.refusal(fault)

    async def send(self, request: web.Request, response: web.Response, injected: InjectedFault) -> web.StreamResponse:
        """Send the answer, or the part of it that a fault leaves."""
        cut = injected.of(*CUTS)
        if cut is None:
            return response
        if cut.kind is FaultKind.LOST_ANSWER:
            return cut_connection(request)
        whole = body_of(response)
        head = await begin(request, response)
        await head.write(whole[: len(whole) // 2 if cut.kind is FaultKind.CUT_BODY else 0])
        if request.transport:
            request.transport.close()
        return head

    async def send_held(self, request: web.Request, response: web.Response, held: Held) -> web.StreamResponse:
        """The answer, held back before its first byte or in the middle of its body."""
        if held.moment == "done":
            return response if await self.holds.hold(request, held) else cut_connection(request)
        whole = body_of(response)
        head = await begin(request, response)
        await head.write(whole[: len(whole) // 2])
        if not await self.holds.hold(request, held):
            return cut_connection(request)
        await head.write(whole[len(whole) // 2 :])
        return head

    # --- shared behaviour

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        """The delivery host's one route."""
        job = await self.deliveries.job_of(request)
        return await self.with_faults(request, "delivery", job.order.prompt, lambda _: self.deliveries.picture(request))

    async def record_purchase(self, order: VendorOrder, handle: str, *, charged: bool = True) -> None:
        await self.setup.records.enter(
            Purchase(
                self.name,
                order.model,
                int(time.time() * 1000),
                order.prompt,
                tuple(reference.sha for reference in order.references),
                handle,
                charged,
                order.other_fields,
            )
        )

    async def open_job(self, job_id: str, order: VendorOrder, injected: InjectedFault, **facts: Any) -> VendorJob:
        """Accept a job. The purchase is recorded before the answer is sent."""
        job = self.jobs.open(job_id, order, injected)
        job.facts.update(facts)
        await self.record_purchase(order, job_id, charged=self.charges(job))
        return job

    def charges(self, job: VendorJob) -> bool:
        """Whether the vendor takes money for this job."""
        return not job.failed

    async def record_violation(self, rule: str, detail: str) -> None:
        await self.setup.records.enter(Violation(self.name, int(time.time() * 1000), rule, detail))

    async def picture(
        self, order: VendorOrder, injected: InjectedFault, variant: int = 0, brush: Callable[[Design], bytes] = draw
    ) -> bytes:
        """The bytes of one picture, good or as the faults say."""
        design = Design(order.prompt, order.references, order.size, order.format, variant, order.model)
        if FaultKind.WRONG_FORMAT in injected:
            design = replace(design, format="jpeg" if order.format == "png" else "png")
        design = replace(
            design, transparent=order.other_fields.get("background") == "transparent", noise=FaultKind.HEAVY in injected
        )
        good = await asyncio.to_thread(blacked_out if FaultKind.BLANK in injected else brush, design)
        broken = injected.of(FaultKind.UNDECODABLE)
        return await asyncio.to_thread(broken_file, good, broken.how) if broken else good

    async def look_at(self, data: bytes) -> ReceivedImage:
        """Raises `NotAPicture`."""
        return await asyncio.to_thread(look, data)

    async def picture_behind(self, value: str) -> bytes:
        """The bytes of a reference given as a data URI, a link or plain base64. Raises `NotAPicture`."""
        if value.startswith(("http://", "https://")):
            try:
                return await self.hooks.fetch(value)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise NotAPicture(f"could not be fetched: {error}") from None
        if value.startswith("data:"):
            head, _, value = value.partition(",")
            if not head.endswith(";base64"):
                raise NotAPicture("a data URI must say base64")
        return decode(value)

    # --- routes

    def application(self, routes: Sequence[web.AbstractRouteDef]) -> web.Application:
        app = web.Application(client_max_size=1 << 30, middlewares=[_refusals])
        app.add_routes(routes)
        return app

    def delivery_application(self) -> web.Application:
        return self.application([web.get("/results/{name}", self.deliver)])

    def script_routes(self) -> list[web.AbstractRouteDef]:
        """The routes that are the emulator's own."""
        return [
            web.post("/_emulator/faults", self._script),
            web.get("/_emulator/faults", self._show_script),
            web.delete("/_emulator/faults", self._forget_script),
            web.get("/_emulator/held", self._show_held),
            web.delete("/_emulator/held", self._let_go),
            web.get("/_emulator/purchases", self._show_purchases),
            web.get("/_emulator/violations", self._show_violations),
        ]

    async def _script(self, request: web.Request) -> web.Response:
        """One fault or a list of them."""
        try:
            given = orjson.loads(await request.read())
            faults = [Fault.parse(facts) for facts in (given if isinstance(given, list) else [given])]
            self.faults.add(*faults)
        except (BadFault, TypeError, AttributeError, orjson.JSONDecodeError) as error:
            return reply(400, {"error": str(error)})
        return reply(201, {"faults": [asdict(fault) for fault in self.faults.scripted()]})

    async def _show_script(self, _: web.Request) -> web.Response:
        return reply(200, {"faults": [asdict(fault) for fault in self.faults.scripted()]})

    async def _forget_script(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return reply(200, {"faults": []})

    async def _show_held(self, request: web.Request) -> web.Response:
        """Answers as soon as `count` requests are held: at once for 0, for 1 where it is not given."""
        count = request.query.get("count", "1")
        if not count.isdecimal():
            return reply(400, {"error": "count is a whole number"})
        held = await self.holds.until(int(count))
        return reply(200, {"held": [asdict(one) for one in held]})

    async def _let_go(self, _: web.Request) -> web.Response:
        let_go = self.holds.let_go()
        await self.holds.until_none()
        return reply(200, {"let_go": let_go})

    async def _show_purchases(self, _: web.Request) -> web.Response:
        return reply(200, {"purchases": [asdict(one) for one in self.setup.records.purchases(self.name)]})

    async def _show_violations(self, _: web.Request) -> web.Response:
        return reply(200, {"violations": [asdict(one) for one in self.setup.records.violations(self.name)]})


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return refused.response


def reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), headers=headers, content_type="application/json")


def garbled_answer(fault: Fault) -> web.Response:
    """A 200 whose body no client of this protocol can read, as from another server."""
    if fault.how == "page":
        return web.Response(text=PROXY_PAGE.replace(BAD_GATEWAY, "Welcome"), content_type="text/html")
    return reply(200, {"result": "ok"})


def add_headers(response: web.Response, injected: InjectedFault) -> None:
    """Add the headers that the faults name."""
    if fault := injected.of(FaultKind.LONG_HEADER):
        response.headers["Content-Security-Policy"] = "x" * int(fault.amount(9000))
    if fault := injected.of(FaultKind.ENCODED):
        response.headers["Content-Encoding"] = fault.how or "aws-chunked"


def gateway_page(status: int) -> web.Response:
    """A gateway's answer in the vendor's place."""
    page = PROXY_PAGE.replace(BAD_GATEWAY, f"Error code {status}") if status != 502 else PROXY_PAGE
    return web.Response(status=status, text=page, content_type="text/html")


def is_late(fault: Fault) -> bool:
    """Whether the work is done before the refusal is sent."""
    return fault.kind is FaultKind.BAD_GATEWAY and fault.how == "done"


def hold_moment(injected: InjectedFault) -> str:
    """Where a request is held back, if it is."""
    fault = injected.of(FaultKind.HOLD)
    return (fault.how or "received") if fault else ""


def body_of(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


async def begin(request: web.Request, response: web.Response) -> web.StreamResponse:
    """Send the headers of an answer whose body follows in pieces."""
    head = web.StreamResponse(status=response.status, headers=response.headers)
    head.content_length = len(body_of(response))
    await head.prepare(request)
    return head


def cut_connection(request: web.Request) -> web.Response:
    """Cut the connection. The response that is returned is never sent."""
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)


def decode(text: str, *, either_alphabet: bool = False) -> bytes:
    """Base64, strictly. Raises `NotAPicture`."""
    if either_alphabet:
        text = text.replace("-", "+").replace("_", "/")
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotAPicture("not valid base64") from None


def broken_file(good: bytes, how: str) -> bytes:
    """What is not accepted as a picture: `truncated`, a page of `html`, a `gif`, or else a valid header and zeros."""
    match how:
        case "truncated":
            return good[: len(good) // 2]
        case "html":
            return PROXY_PAGE.encode()
        case "gif":
            return as_gif(good)
        case _:
            return good[:64] + bytes(4096)
