"""Start emulators together in one event loop, each at its own addresses."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final, Self

from aiohttp import web

from limner_vendors._core.emulator import Emulator, EmulatorSetup
from limner_vendors._core.faults import Faults
from limner_vendors._core.jobs import EmulatedSpeed
from limner_vendors._core.purchase_records import Purchase, PurchaseRecords, Violation


def _discovered() -> Iterator[type[Emulator]]:
    """The emulators of this package: the classes with a `name` of their own in the modules beside this one."""
    for module in iter_modules([str(Path(__file__).parent)]):
        if not module.name.startswith("_") and module.name not in {"emulators", "failures"}:
            classes = vars(import_module(f"limner_vendors.{module.name}")).values()
            yield from (each for each in classes if isinstance(each, type) and _is_emulator(each, module.name))


def _is_emulator(kind: type, module: str) -> bool:
    return issubclass(kind, Emulator) and kind.__module__ == f"limner_vendors.{module}" and "name" in vars(kind)


EMULATORS: Final[Mapping[str, type[Emulator]]] = {
    emulator.name: emulator for emulator in sorted(_discovered(), key=lambda each: (each.position, each.name))
}
NAMES: Final = tuple(EMULATORS)
PORTS_EACH: Final = 3

_MAX_FIELD: Final = 65_536
_HOSTS: Final = {"api": "127.0.0.1", "polling": "127.0.0.2", "delivery": "127.0.0.3"}


class UnknownVendor(LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no emulator {name!r}; there are {', '.join(NAMES)}")


class Vendors:
    """The running emulators.

    Each listens on 127.0.0.1. Hosts that a vendor separates from its API are on 127.0.0.2 (polling) and 127.0.0.3
    (delivery), or on other ports of 127.0.0.1 if the system has no other loopback address.
    """

    def __init__(self, emulators: Mapping[str, Emulator], records: PurchaseRecords) -> None:
        self._emulators = emulators
        self.records = records

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        names: Iterable[str] = NAMES,
        *,
        records: Path | None = None,
        speed: EmulatedSpeed | None = None,
        port: int = 0,
        seed: int = 0,
        host: str | None = None,
    ) -> AsyncIterator[Self]:
        """Run these emulators in the current event loop, on free ports or on fixed ones starting at `port`.

        `host` is an address for all of them, for clients in other hosts or network namespaces.

        `records` is a file for purchases and violations; existing entries are read first. Raises `UnknownVendor`, and
        `OSError` for a busy port.
        """
        kept = await asyncio.to_thread(PurchaseRecords, records)
        async with AsyncExitStack() as stack:

            def setup_for(urls: Mapping[str, str]) -> EmulatorSetup:
                return EmulatorSetup(urls, kept, speed or EmulatedSpeed(), seed)

            emulators = {name: await _start(stack, _class_of(name), port, host, setup_for) for name in names}
            yield cls(emulators, kept)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._emulators)

    def emulator(self, name: str) -> Emulator:
        if name not in self._emulators:
            raise UnknownVendor(name)
        return self._emulators[name]

    def base_url(self, name: str) -> str:
        """The base URL to configure in a client; those of OpenAI and of the engines end in `/v1`."""
        return self.emulator(name).base_url

    def key(self, name: str) -> str:
        return self.emulator(name).key

    def faults(self, name: str) -> Faults:
        return self.emulator(name).faults

    def environment(self) -> dict[str, str]:
        """The environment variables that make Limner use the running emulators."""
        return {key: value for one in self._emulators.values() for key, value in one.environment().items()}

    def purchases(self, vendor: str | None = None) -> list[Purchase]:
        return self.records.purchases(vendor)

    def violations(self, vendor: str | None = None) -> list[Violation]:
        return self.records.violations(vendor)

    async def until_bought(self, count: int, vendor: str | None = None) -> list[Purchase]:
        """Wait until this many purchases are recorded."""
        return await self.records.until_bought(count, vendor)


def _class_of(name: str) -> type[Emulator]:
    if name not in EMULATORS:
        raise UnknownVendor(name)
    return EMULATORS[name]


async def _start(
    stack: AsyncExitStack,
    kind: type[Emulator],
    port: int,
    host: str | None,
    setup_for: Callable[[Mapping[str, str]], EmulatorSetup],
) -> Emulator:
    first = port and port + NAMES.index(kind.name) * PORTS_EACH
    sockets = {site: _listen(stack, host or _HOSTS[site], first and first + n) for n, site in enumerate(kind.sites)}
    emulator = kind(setup_for({site: _root(one) for site, one in sockets.items()}))
    stack.push_async_callback(emulator.close)
    for site, app in emulator.applications().items():
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, max_line_size=_MAX_FIELD, max_field_size=_MAX_FIELD
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, sockets[site], backlog=2048).start()
    return emulator


def _listen(stack: AsyncExitStack, host: str, port: int) -> socket.socket:
    listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)  # noqa: FBT003 - the socket's own method
    try:
        listener.bind((host, port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        listener.bind((_HOSTS["api"], port))
    return listener


def _root(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"
