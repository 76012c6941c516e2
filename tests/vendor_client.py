"""Plain HTTP requests to the emulators, without a vendor's client library."""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from limner_vendors import Vendors
from limner_vendors._core.pictures import Design, draw


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)


@dataclass(frozen=True, slots=True)
class VendorClient:
    """Sends requests, and knows the smallest valid request of each vendor."""

    emulators: Vendors
    session: aiohttp.ClientSession

    async def request(self, method: str, url: str, headers: dict[str, str] | None = None, **more: Any) -> VendorAnswer:
        async with self.session.request(method, url, headers=headers, **more) as answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return VendorAnswer(answer.status, named, await answer.read())

    def headers(self, vendor: str, key: str | None = None) -> dict[str, str]:
        key = self.emulators.key(vendor) if key is None else key
        match vendor:
            case "bfl":
                return {"x-key": key}
            case "gemini":
                return {"x-goog-api-key": key}
            case "midjourney":
                return {"mj-api-secret": key}
            case "fal":
                return {"Authorization": f"Key {key}"}
            case _:
                return {"Authorization": f"Bearer {key}"}

    async def buy(self, vendor: str, prompt: str, headers: dict[str, str] | None = None) -> VendorAnswer:
        """Submit the smallest valid request."""
        path, body = SMALLEST[vendor](prompt)
        given = self.headers(vendor) if headers is None else headers
        return await self.request("POST", self.emulators.base_url(vendor) + path, given, json=body)


SMALLEST = {
    "bfl": lambda prompt: ("/v1/flux-kontext-pro", {"prompt": prompt}),
    "openai": lambda prompt: ("/images/generations", {"model": "gpt-image-2", "prompt": prompt}),
    "gemini": lambda prompt: (
        "/v1beta/models/gemini-2.5-flash-image:generateContent",
        {"contents": [{"parts": [{"text": prompt}]}]},
    ),
    "midjourney": lambda prompt: ("/mj/submit/imagine", {"prompt": prompt}),
    "fal": lambda prompt: ("/fal-ai/flux/dev", {"prompt": prompt}),
    "replicate": lambda prompt: (
        "/v1/models/black-forest-labs/flux-kontext-pro/predictions",
        {"input": {"prompt": prompt}},
    ),
    "sglang": lambda prompt: ("/images/generations", {"prompt": prompt, "response_format": "b64_json"}),
    "vllm": lambda prompt: ("/images/generations", {"prompt": prompt}),
    "ray": lambda prompt: (
        "/v1/jobs",
        {"id": f"job-{secrets.token_hex(8)}", "model": "FLUX.1-dev", "prompt": prompt, "seed": 1},
    ),
}


def reference(name: str, size: tuple[int, int] = (300, 400), form: Any = "png") -> bytes:
    """A reference picture, different for each name."""
    return draw(Design(name, size=size, format=form))


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{in_base64(data)}"
