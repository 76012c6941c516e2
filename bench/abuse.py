"""The worst of customers: an account that does all that is allowed and costly, until it is stopped.

`python -m bench.abuse PORT KEY SIZE` says "begun" when tasks that wait for names are queued, and goes on with the rest.
SIZE is an `Abuse` as JSON.
"""

import asyncio
import io
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace

import aiohttp
from PIL import Image

SIDE_BY_SIDE = 16

KINDS = ("names", "hosts", "pictures", "forms", "queued")
"""Loads that can be measured one at a time, by the field that says how much of it."""

NAME_EVERY_S, HOST_EVERY_S = 0.5, 0.1
"""A name is looked up for half a minute at most, a message to a host is tried for longer."""

NICENESS = 19
"""A customer has a machine of its own: its work must not take the cores of the server and of the quiet account."""


@dataclass(frozen=True, slots=True)
class Abuse:
    """How much of each: links to names nobody answers for, receivers of webhooks, pictures, forms, tasks."""

    names: int
    hosts: int
    pictures: int
    picture_side: int
    forms: int
    field_mib: float
    queued: int

    def only(self, kind: str) -> "Abuse":
        """This much of one kind, and nothing of the others."""
        return replace(self, **{each: 0 for each in KINDS if each != kind})

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Customer:
    session: aiohttp.ClientSession
    size: Abuse

    async def begin(self) -> None:
        await self._many(self.size.names, self._name)
        await self._many(self.size.hosts, self._host)

    async def go_on(self) -> None:
        await asyncio.gather(
            self._one_after_another(self.size.names, self._name, NAME_EVERY_S),
            self._one_after_another(self.size.hosts, self._host, HOST_EVERY_S),
            self._many(self.size.queued, self._task),
            self._again_and_again(self.size.pictures, _upload([("file", _flat(self.size.picture_side))])),
            self._again_and_again(self.size.forms, _upload(_fields(self.size.field_mib))),
        )

    async def _name(self, number: int) -> None:
        link = {"type": "png", "url": f"https://pictures-{number}.example.com/picture.png"}
        await self._create("/v2/openapi/task", {"type": "generate_image", "prompt": "a lighthouse", "file": link})

    async def _host(self, number: int) -> None:
        body: dict[str, object] = {"prompt": "a lighthouse", "webhook_url": f"https://shop-{number}.example.com/hook"}
        await self._create("/v3/generation/text-to-image", body)

    async def _task(self, _: int) -> None:
        await self._create("/v2/openapi/task", {"type": "generate_image", "prompt": "a lighthouse"})

    async def _create(self, path: str, body: dict[str, object]) -> None:
        async with self.session.post(path, json=body) as answer:
            await answer.read()

    async def _again_and_again(self, at_once: int, form: "Form") -> None:
        async def lane() -> None:
            while True:
                async with self.session.post("/v2/openapi/upload", data=form.body, headers=form.headers) as answer:
                    await answer.read()

        await asyncio.gather(*(lane() for _ in range(at_once)))

    async def _one_after_another(self, begun: int, work: Callable[[int], Awaitable[None]], every_s: float) -> None:
        """More of what was begun with, of which each is new, since those before come to an end."""
        for number in itertools.count(begun) if begun else ():
            await work(number)
            await asyncio.sleep(every_s)

    async def _many(self, many: int, work: Callable[[int], Awaitable[None]]) -> None:
        numbers = iter(range(many))

        async def lane() -> None:
            for number in numbers:
                await work(number)

        await asyncio.gather(*(lane() for _ in range(SIDE_BY_SIDE)))


@dataclass(frozen=True, slots=True)
class Form:
    body: bytes
    headers: dict[str, str]


def _upload(parts: list[tuple[str, bytes]]) -> Form:
    boundary = "limner-bench"
    pieces = []
    for name, content in parts:
        file = '; filename="picture"' if name == "file" else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        pieces.append(head.encode() + content + b"\r\n")
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return Form(body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def _flat(side: int) -> bytes:
    """A picture of one colour: a kilobyte to send, four hundred million bytes to decode."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


def _fields(mib: float) -> list[tuple[str, bytes]]:
    """As many fields as a form may have beside its file."""
    return [*((f"field-{number}", b"x" * int(mib * 1024 * 1024)) for number in range(19)), ("file", _flat(64))]


async def main(port: int, key: str, size: Abuse) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers, connector=connector) as session:
        customer = Customer(session, size)
        await customer.begin()
        print("begun", flush=True)
        await customer.go_on()


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], Abuse(**json.loads(sys.argv[3]))))
