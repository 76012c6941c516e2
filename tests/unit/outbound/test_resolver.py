import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from limner.outbound.allowlist import FetchAllow
from limner.outbound.fetch import Fetcher
from limner.outbound.limits import FetchLimits
from limner.outbound.resolver import MAX_LOOKUPS, MAX_LOOKUPS_PER_ACCOUNT, SystemResolver
from limner.outbound.webhook_client import WebhookClient
from limner.ports.acting_account import acting_for
from limner.providers._http.aiohttp_client import _connector, _Use
from limner.providers._http.origin import Origin

ROW = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))


class NameServers:
    """A getaddrinfo that answers at once, and for names that end in `.dead` only when the test ends."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.end = threading.Event()
        self._changed = threading.Condition()

    async def wait_for(self, host: str) -> None:
        await asyncio.to_thread(self._wait_for, host)

    def _wait_for(self, host: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: host in self.asked, 30)

    def __call__(self, host: str, *_: object) -> list[Any]:
        with self._changed:
            self.asked.append(host)
            self._changed.notify_all()
        if host.endswith(".dead"):
            self.end.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [ROW]


@pytest.fixture
def servers() -> Iterator[NameServers]:
    made = NameServers()
    yield made
    made.end.set()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def looks_up(resolver: SystemResolver, account: str, host: str) -> "asyncio.Task[Any]":
    with acting_for(account):
        return asyncio.create_task(resolver.resolve(host))


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_asks_the_system() -> None:
    found = await SystemResolver().resolve("localhost", 80, socket.AF_UNSPEC)

    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}
    assert {each["port"] for each in found} == {80}


async def test_dead_names_of_one_account_leave_the_look_ups_of_another_alone(servers: NameServers) -> None:
    resolver = SystemResolver(getaddrinfo=servers)
    dead = [looks_up(resolver, "greedy", f"{n}.dead") for n in range(100)]
    await settled()

    found = await asyncio.wait_for(looks_up(resolver, "other", "images.example"), 60)

    assert found[0]["host"] == "192.0.2.7"
    assert len(servers.asked) == MAX_LOOKUPS_PER_ACCOUNT + 1
    await ended(*dead)


async def test_dead_names_of_many_accounts_delay_others_only_until_they_are_slow(servers: NameServers) -> None:
    resolver = SystemResolver(getaddrinfo=servers, slow_s=0.01)
    accounts = range(MAX_LOOKUPS // MAX_LOOKUPS_PER_ACCOUNT)
    dead = [
        looks_up(resolver, f"greedy-{account}", f"{n}.{account}.dead")
        for account in accounts
        for n in range(MAX_LOOKUPS_PER_ACCOUNT + 1)
    ]
    await settled()

    found = await asyncio.wait_for(looks_up(resolver, "other", "images.example"), 60)

    assert found[0]["host"] == "192.0.2.7"
    assert len(servers.asked) == MAX_LOOKUPS + 1, "each account still has its share"
    servers.end.set()
    await ended(*dead)


async def test_slow_look_ups_give_everything_back_once(servers: NameServers) -> None:
    resolver = SystemResolver(getaddrinfo=servers, slow_s=0.01)
    dead = [looks_up(resolver, "greedy", f"{n}.dead") for n in range(MAX_LOOKUPS_PER_ACCOUNT)]
    await asyncio.wait_for(looks_up(resolver, "other", "images.example"), 60)
    servers.end.set()
    await asyncio.gather(*dead, return_exceptions=True)

    assert (resolver._threads.total, resolver._quick.total) == (0, 0)


async def test_an_abandoned_look_up_is_charged_until_its_thread_ends(servers: NameServers) -> None:
    resolver = SystemResolver(getaddrinfo=servers)
    dead = [looks_up(resolver, "greedy", f"{n}.dead") for n in range(MAX_LOOKUPS_PER_ACCOUNT)]
    await settled()
    await ended(*dead)

    waiting = looks_up(resolver, "greedy", "images.example")
    await settled()

    assert "images.example" not in servers.asked
    servers.end.set()
    assert (await asyncio.wait_for(waiting, 60))[0]["host"] == "192.0.2.7"


async def test_equal_look_ups_of_an_account_share_a_thread(servers: NameServers) -> None:
    resolver = SystemResolver(getaddrinfo=servers)
    dead = [looks_up(resolver, "greedy", "one.dead") for _ in range(20)]
    await settled()

    found = await asyncio.wait_for(looks_up(resolver, "greedy", "images.example"), 60)

    assert found
    assert servers.asked == ["one.dead", "images.example"]
    await ended(*dead)


async def test_a_look_up_without_an_answer_fails_in_time(servers: NameServers) -> None:
    resolver = SystemResolver(timeout_s=0.01, getaddrinfo=servers)

    with pytest.raises(OSError, match=r"not resolved within 0\.01 s"):
        await resolver.resolve("one.dead")


async def test_a_name_that_does_not_exist_is_an_os_error(servers: NameServers) -> None:
    servers.end.set()

    with pytest.raises(socket.gaierror):
        await SystemResolver(getaddrinfo=servers).resolve("one.dead")


async def test_every_client_resolves_names_with_it() -> None:
    fetcher, webhooks = Fetcher(FetchAllow(), FetchLimits()), WebhookClient(FetchAllow(), 1.0, None)
    connectors = [fetcher._client().connector, webhooks._client().connector]
    connectors += [_connector(use, Origin(URL("https://vendor.example"))) for use in _Use]

    for connector in connectors:
        assert isinstance(connector, aiohttp.TCPConnector)
        assert isinstance(connector._resolver, SystemResolver)
        await connector.close()
    await fetcher.close()
    await webhooks.close()


@pytest.mark.parametrize("client", ["download", "webhook"])
async def test_dead_names_of_one_account_hold_up_no_request_of_another(servers: NameServers, client: str) -> None:
    resolver, allow = SystemResolver(getaddrinfo=servers), FetchAllow()
    fetcher, webhooks = Fetcher(allow, FetchLimits(), resolver), WebhookClient(allow, 60.0, resolver)

    def request(host: str) -> "asyncio.Task[Any]":
        if client == "download":
            return asyncio.create_task(fetcher._client().get(f"http://{host}/"))
        return asyncio.create_task(webhooks.send(URL(f"https://{host}/"), {}, b""))

    with acting_for("greedy"):
        dead = [request(f"{n}.dead") for n in range(100)]
    with acting_for("other"):
        other = request("images.example")
    await asyncio.wait_for(servers.wait_for("images.example"), 30)

    assert sum(host.endswith(".dead") for host in servers.asked) <= MAX_LOOKUPS_PER_ACCOUNT
    await ended(other, *dead)
    await fetcher.close()
    await webhooks.close()
