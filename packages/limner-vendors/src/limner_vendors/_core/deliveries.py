"""The host that pictures are downloaded from: apart from the vendor's API, it accepts signed links and no keys."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from limner_vendors._core.faults import FaultKind
from limner_vendors._core.jobs import VendorJob

CREDENTIALS: Final = ("x-key", "authorization", "x-goog-api-key", "mj-api-secret", "api-key", "cookie")
GONE: Final = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"

Draw = Callable[[], Awaitable[bytes]]
"""Draws a picture at each download."""

RecordViolation = Callable[[str, str], Awaitable[None]]
"""Called with the rule that was broken, and how."""


class DeliveryHost:
    def __init__(self, root: str, lasts_s: float, record_violation: RecordViolation) -> None:
        self._root = root
        self._lasts_s = lasts_s
        self._record_violation = record_violation
        self._secret = secrets.token_bytes(16)
        self._offers: dict[str, tuple[Draw, VendorJob, str]] = {}

    def offer(self, name: str, media_type: str, draw: Draw, job: VendorJob) -> str:
        """A signed link to the picture `name` of this job, new each time.

        Some of a job's first links may be dead by its faults.
        """
        self._offers.setdefault(name, (draw, job, media_type))
        given = job.facts["links"] = job.facts.get("links", 0) + 1
        expired = job.injected.of(FaultKind.EXPIRED_LINK)
        dead = expired is not None and given <= expired.amount(1)
        until = int(time.time() + (-1 if dead else self._lasts_s))
        return f"{self._root}/results/{name}?se={until}&sig={self._sign(name, until)}"

    async def job_of(self, request: web.Request) -> VendorJob:
        """The job of a link. Refuses keys, unsigned links and expired ones."""
        await self._refuse_keys(request)
        name, until = request.match_info["name"], request.query.get("se", "")
        signed = until.isdigit() and hmac.compare_digest(self._sign(name, int(until)), request.query.get("sig", ""))
        if not signed or int(until) < time.time():
            raise web.HTTPForbidden(text=GONE, content_type="application/xml")
        if name not in self._offers:
            raise web.HTTPNotFound
        return self._offers[name][1]

    async def picture(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        draw, _, media_type = self._offers[name]
        return web.Response(body=await draw(), content_type=media_type)

    async def _refuse_keys(self, request: web.Request) -> None:
        shown = [name for name in CREDENTIALS if name in request.headers]
        if not shown:
            return
        detail = f"{', '.join(shown)} with {request.method} {request.path}"
        await self._record_violation("key sent to a delivery host", detail)
        raise web.HTTPBadRequest(text="<Error><Code>InvalidArgument</Code></Error>", content_type="application/xml")

    def _sign(self, name: str, until: int) -> str:
        return hmac.new(self._secret, f"{name} {until}".encode(), hashlib.sha256).hexdigest()[:32]
