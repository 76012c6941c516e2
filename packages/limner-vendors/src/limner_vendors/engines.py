"""Emulators of inference servers with OpenAI's protocol: SGLang-Diffusion and vLLM-Omni.

Their fields and errors differ from OpenAI's and from each other's.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from aiohttp import web

from limner_vendors._core.emulator import EmulatorSetup, Refused, http_status, reply
from limner_vendors._core.faults import Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorOrder
from limner_vendors._core.pictures import ReceivedImage
from limner_vendors._core.rules import Complaint, Rules, maybe, number, one_of, problems, text, whole
from limner_vendors.openai import OpenAI, OpenAiRequest, UploadedPart, in_base64, size_of

MOST_PIXELS: Final = 4096 * 4096


def engine_size(value: Any) -> Complaint | None:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", value) if isinstance(value, str) else None
    if value == "auto" or (match and int(match[1]) * int(match[2]) <= MOST_PIXELS):
        return None
    return Complaint(f"size must be 'WIDTHxHEIGHT' with at most {MOST_PIXELS} pixels", "size")


_ENGINE_FIELDS: Final[Rules] = {
    "model": maybe(text()),
    "prompt": text(None, 1),
    "n": maybe(whole(1, 10)),
    "size": maybe(engine_size),
    "seed": maybe(whole()),
    "negative_prompt": maybe(text()),
    "user": maybe(text()),
}


class EngineEmulator(OpenAI):
    """An inference server: no key, one model, short error bodies. POSTs block until `warm` is set.

    While it is `draining` its health check answers 503, what it works on goes on, and a new request is a violation.
    """

    served: ClassVar[str]
    dialect: ClassVar[str]
    rules: ClassVar[Rules]

    def __init__(self, setup: EmulatorSetup) -> None:
        super().__init__(setup)
        self.warm = asyncio.Event()
        self.warm.set()
        self.draining = False

    def environment(self) -> dict[str, str]:
        """The variables for a provider of this name. Routes to it are not included."""
        prefix = f"LIMNER_PROVIDER__{self.name.upper()}"
        return {
            f"{prefix}__ADAPTER": "openai",
            f"{prefix}__BASE_URL": self.base_url,
            f"{prefix}__OPTIONS": json.dumps({"dialect": self.dialect}),
        }

    def applications(self) -> dict[str, web.Application]:
        routes = [
            web.post("/v1/images/generations", self.generations),
            web.post("/v1/images/edits", self.edits),
            web.get("/v1/models", self.list_models),
            web.get("/health", self.health),
            web.get("/health_generate", self.health),
            *self.script_routes(),
        ]
        return {"api": self.application(routes)}

    async def answer(self, request: web.Request, ask: OpenAiRequest) -> web.StreamResponse:
        if self.draining:
            await self.record_violation("draining", "a request came to a server that drains")
            raise detail(503, "The server is draining.")
        await self.warm.wait()
        return await super().answer(request, ask)

    def check_key(self, request: web.Request) -> None:
        """Accept every request: inference servers have no keys."""

    def ask_of(
        self,
        request: web.Request,  # noqa: ARG002 - an engine has one address
        fields: dict[str, Any],
        references: tuple[ReceivedImage, ...],
        *,
        edit: bool,
    ) -> OpenAiRequest:
        found = problems(fields, self.rules)
        if found:
            where = [{"loc": ["body", one.field], "msg": one.message, "type": one.type} for one in found]
            raise Refused(reply(422, {"detail": where}))
        self.check_engine(fields, edit=edit)
        asked = {key: value for key, value in fields.items() if key not in {"prompt", "model"}}
        size = fields.get("size") or "1024x1024"
        order = VendorOrder(
            self.served,
            fields["prompt"],
            references,
            size_of("1024x1024" if size == "auto" else size, references),
            fields.get("output_format") or "png",
            asked,
        )
        return OpenAiRequest(order, fields.get("n") or 1, edit)

    def check_engine(self, fields: Mapping[str, Any], *, edit: bool) -> None:
        """Raise `Refused` for further rules of this engine."""

    async def references(self, files: list[UploadedPart]) -> tuple[ReceivedImage, ...]:
        """The reference pictures; both part names are accepted, any number of times."""
        images = [file for file in files if file.part in {"image", "image[]"}]
        if not images:
            raise detail(422, "Field 'image' is required.")
        return tuple([await self.reference(file) for file in images])

    async def take_on(self, ask: OpenAiRequest, injected: InjectedFault) -> None:
        """Record a purchase. Moderation faults give the short error of an engine's safety checker."""
        if injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT):
            raise detail(400, "The request was rejected by the safety checker.")
        await self.record_purchase(ask.order, f"img_{secrets.token_hex(12)}")

    async def list_models(self, _: web.Request) -> web.Response:
        return reply(200, {"object": "list", "data": [{"id": self.served, "object": "model", "owned_by": "local"}]})

    async def health(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.warm.is_set() and not self.draining else 503)

    def refusal(self, fault: Fault) -> web.Response:
        status = 429 if fault.kind is FaultKind.QUOTA else http_status(fault)
        if fault.kind is FaultKind.UNAVAILABLE:
            return reply(503, {"error": "A worker process died; the server is shutting down."})
        return detail(status, f"{fault.kind.replace('_', ' ').capitalize()}.").response


class Sglang(EngineEmulator):
    """SGLang-Diffusion: the default `response_format` is `url`, which fails because no storage is configured."""

    name: ClassVar[str] = "sglang"
    position: ClassVar[int] = 7
    served: ClassVar[str] = "black-forest-labs/FLUX.1-dev"
    dialect: ClassVar[str] = "sglang"
    rules: ClassVar[Rules] = {
        **_ENGINE_FIELDS,
        "response_format": maybe(one_of("url", "b64_json")),
        "quality": maybe(text()),
        "background": maybe(one_of("transparent", "opaque", "auto")),
        "output_format": maybe(one_of("png", "jpeg", "webp")),
        "num_inference_steps": maybe(whole(1)),
        "guidance_scale": maybe(number(0, 100)),
    }

    def check_engine(self, fields: Mapping[str, Any], *, edit: bool) -> None:  # noqa: ARG002 - the same on both routes
        if fields.get("response_format", "url") == "url":
            raise detail(400, "response_format='url' requires cloud storage or an output path to be configured.")

    async def whole(self, ask: OpenAiRequest, injected: InjectedFault) -> web.Response:
        await self.take_on(ask, injected)
        pictures = [await self.picture(ask.order, injected, variant) for variant in range(ask.n)]
        data = [] if FaultKind.EMPTY in injected else [{"b64_json": in_base64(picture)} for picture in pictures]
        facts = {"id": secrets.token_hex(16), "created": int(time.time()), "inference_time_s": self.setup.speed.seconds}
        return reply(200, {**facts, "data": data})


class Vllm(EngineEmulator):
    """vLLM-Omni: refuses other model names, and reads several pictures as a batch, not as references."""

    name: ClassVar[str] = "vllm"
    position: ClassVar[int] = 8
    served: ClassVar[str] = "black-forest-labs/FLUX.1-Kontext-dev"
    dialect: ClassVar[str] = "vllm-omni"
    rules: ClassVar[Rules] = {
        **_ENGINE_FIELDS,
        "response_format": maybe(one_of("b64_json", "file")),
        "output_format": maybe(one_of("png", "jpeg", "webp")),
        "num_inference_steps": maybe(whole(1, 200)),
        "guidance_scale": maybe(number(0, 20)),
        "true_cfg_scale": maybe(number(0, 20)),
    }

    def check_engine(self, fields: Mapping[str, Any], *, edit: bool) -> None:
        asked = fields.get("model")
        if asked is not None and asked != self.served:
            raise detail(400, f"Model mismatch: request specifies '{asked}' but server is running '{self.served}'.")
        if fields.get("response_format", "b64_json") != "b64_json" and edit:
            raise detail(400, "Only response_format='b64_json' is supported.")

    async def whole(self, ask: OpenAiRequest, injected: InjectedFault) -> web.Response:
        await self.take_on(ask, injected)
        batch = [replace(ask.order, references=(one,)) for one in ask.order.references] or [ask.order]
        pictures = [await self.picture(order, injected, n) for order in batch for n in range(ask.n)]
        data = [] if FaultKind.EMPTY in injected else [{"b64_json": in_base64(picture)} for picture in pictures]
        return reply(200, {"created": int(time.time()), "data": data})


def detail(status: int, said: str) -> Refused:
    return Refused(reply(status, {"detail": said}))
