"""One provider over two servers of the operator's: which gets a request, and what happens when one goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fakes import content_of
from integration.providers.order_runner import order, run_order
from limner.bootstrap import find_providers
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, Delivered, GenerationRequest, VendorAccount
from limner.providers._servers import PoolFacts, ServerPool, open_pool
from limner.providers._servers.server import LOOK_AGAIN_S, REST_S
from limner.providers.openai import OpenAiProvider
from limner.providers.ray import RayProvider
from limner.settings import Settings
from limner.vendors import upstreams
from limner_vendors import EmulatedSpeed, Fault, FaultKind, Vendors, read_card, sha_of
from limner_vendors.engines import EngineEmulator

HELD = Fault(FaultKind.HOLD, how="received")


@dataclass
class Servers:
    """Two servers of one kind, each of which can be killed; `now_s` is the pools' clock."""

    kind: str
    running: list[Vendors]
    ends: list[AsyncExitStack]
    now_s: float = 1000.0
    pools: list[ServerPool] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        return [each.base_url(self.kind) for each in self.running]

    @property
    def upstream(self) -> str:
        return getattr(self.running[0].emulator(self.kind), "served", "FLUX.2-klein-4B")

    @property
    def sold(self) -> list[int]:
        return [len(each.purchases()) for each in self.running]

    def engine(self, number: int) -> EngineEmulator:
        found = self.running[number].emulator(self.kind)
        assert isinstance(found, EngineEmulator)
        return found

    def pool(self, *draining: str) -> ServerPool:
        """A worker's own."""
        is_ray = self.kind == "ray"
        options = {} if is_ray else {"dialect": "vllm-omni" if self.kind == "vllm" else "sglang"}
        accounts = [
            VendorAccount(each.base_url(self.kind), each.key(self.kind) if is_ray else "", options)
            for each in self.running
        ]
        adapter: Any = RayProvider if is_ray else OpenAiProvider
        facts = PoolFacts("gpu_room", "/healthz" if is_ray else "/health", draining)
        made = open_pool(facts, accounts, adapter, lambda: self.now_s)
        self.pools.append(made)
        return made

    def fault(self, fault: Fault) -> None:
        for each in self.running:
            each.faults(self.kind).add(fault)

    async def kill(self, number: int) -> None:
        await self.ends[number].aclose()

    async def held(self) -> int:
        """The number of the server that holds a request."""
        waiting = [asyncio.ensure_future(each.emulator(self.kind).holds.until()) for each in self.running]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        number = next(number for number, each in enumerate(waiting) if each.done())
        for each in waiting:
            each.cancel()
        return number


@pytest.fixture(params=["sglang", "vllm"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def servers(kind: str) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as both:
        running, ends = [], []
        for _ in range(2):
            end = await both.enter_async_context(AsyncExitStack())
            running.append(await end.enter_async_context(Vendors.running([kind], speed=EmulatedSpeed(pending=1))))
            ends.append(end)
        made = Servers(kind, running, ends)
        yield made
        for each in made.pools:
            await each.close()
        assert [violation for each in running for violation in each.violations()] == []


def asked(servers: Servers, workdir: Path, number: int = 1) -> GenerationRequest:
    return order(workdir, servers.upstream, attempt_id=f"attempt-{number}", prompt=f"a fox, number {number}")


async def submitted(pool: ServerPool, request: GenerationRequest) -> Any:
    return await pool.submit(request, lambda _: None)


async def test_a_request_goes_to_the_server_that_has_the_fewest(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    servers.fault(HELD)

    both = [asyncio.ensure_future(submitted(pool, asked(servers, tmp_path, number))) for number in range(2)]
    for each in servers.running:
        await each.emulator(servers.kind).holds.until()
    for each in servers.running:
        each.emulator(servers.kind).holds.let_go()

    assert [type(each) for each in await asyncio.gather(*both)] == [Delivered] * 2
    assert servers.sold == [1, 1]


async def test_a_picture_whose_server_is_killed_is_drawn_by_the_other_one(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    servers.fault(HELD)
    drawn = asyncio.ensure_future(submitted(pool, asked(servers, tmp_path)))
    first = await servers.held()
    left = 1 - first
    servers.running[left].faults(servers.kind).clear()

    await servers.kill(first)
    answer = await drawn
    again = [await submitted(pool, asked(servers, tmp_path, number)) for number in range(2, 5)]

    assert isinstance(answer, Delivered)
    assert read_card(content_of(answer)).prompt_sha == sha_of("a fox, number 1")
    assert [type(each) for each in again] == [Delivered] * 3
    assert servers.sold[left] == 4
    states = {each.url: each.well for each in await pool.states()}
    assert states == {servers.urls[first]: False, servers.urls[left]: True}


async def test_a_server_that_drains_gets_nothing_until_it_is_well_again(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    servers.engine(0).draining = True

    for number in range(3):
        assert isinstance(await submitted(pool, asked(servers, tmp_path, number)), Delivered)
    drained = servers.sold
    servers.engine(0).draining, servers.engine(1).draining = False, True
    servers.now_s += LOOK_AGAIN_S
    assert isinstance(await submitted(pool, asked(servers, tmp_path, 4)), Delivered)

    assert (drained, servers.sold) == ([0, 3], [1, 3])


async def test_what_a_draining_server_works_on_is_delivered(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool(servers.urls[1])
    servers.fault(HELD)
    drawn = asyncio.ensure_future(submitted(pool, asked(servers, tmp_path)))
    await servers.engine(0).holds.until()

    servers.engine(0).draining = True
    none_ready = await pool.check([servers.upstream])
    servers.engine(0).draining = False  # to its emulator a held request has not come yet
    servers.engine(0).holds.let_go()

    assert isinstance(await drawn, Delivered)
    assert not none_ready.well
    assert "its health check answers 503" in none_ready.says


async def test_a_server_that_the_operator_marks_gets_nothing(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool(servers.urls[1])

    for number in range(3):
        assert isinstance(await submitted(pool, asked(servers, tmp_path, number)), Delivered)

    assert servers.sold == [3, 0]
    assert "is draining (by the configuration)" in (await pool.check([servers.upstream])).says


async def test_a_server_that_failed_is_left_alone_for_a_while_and_tried_again(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool(servers.urls[1])  # so that the first one is asked
    servers.running[0].faults(servers.kind).add(Fault(FaultKind.UNAVAILABLE, times=1))
    assert isinstance(await submitted(pool, asked(servers, tmp_path)), Failure)
    [failed] = [each for each in pool._servers.values() if each.url == servers.urls[0]]

    early = failed.needs_look
    servers.now_s += REST_S[0]
    late = failed.needs_look

    assert (early, late) == (False, True)
    assert isinstance(await submitted(pool, asked(servers, tmp_path, 2)), Delivered)
    assert failed.state.well


async def test_the_provider_is_down_only_when_all_servers_are(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    await servers.kill(0)
    one_left = await pool.check([servers.upstream])
    await servers.kill(1)

    failure = await submitted(pool, asked(servers, tmp_path))
    none_left = await pool.check([servers.upstream])

    assert (one_left.well, none_left.well) == (True, False)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.TRANSIENT
    assert all(f"{url} is down" in none_left.says for url in servers.urls)


async def test_a_server_that_takes_all_the_time_leaves_none_for_another(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    servers.fault(HELD)

    asking = asyncio.ensure_future(submitted(pool, order(tmp_path, servers.upstream, deadline_s=0.4)))
    await servers.held()
    servers.now_s += 0.4
    failure = await asking

    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.UNKNOWN_OUTCOME
    assert sum(server.takes_requests for server in pool._servers.values()) == 1


async def test_a_full_server_passes_its_request_on_and_stays_well(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()
    servers.fault(Fault(FaultKind.QUOTA))

    full = await submitted(pool, asked(servers, tmp_path))

    assert isinstance(full, Failure)
    assert [each.says for each in await pool.states()] == ["well", "well"]


async def test_the_configuration_makes_one_provider_of_several_servers(servers: Servers, tmp_path: Path) -> None:
    rows = {"adapter": "openai", "base_urls": servers.urls, "options": {"dialect": "sglang"}}

    def made() -> Any:
        settings = Settings(data=tmp_path / "data", provider={"gpu_room": rows})
        return find_providers(settings, upstreams(settings))["gpu_room"]

    provider = await asyncio.to_thread(made)

    assert isinstance(provider, ServerPool)
    assert (await provider.check([])).well
    assert provider.prices(servers.upstream, {}).usual is None
    await provider.close()


@pytest.mark.parametrize("kind", ["sglang"], indirect=True)
async def test_an_order_runs_to_its_end_as_with_one_server(servers: Servers, tmp_path: Path) -> None:
    followed = await run_order(servers.pool(), asked(servers, tmp_path))

    assert followed.card.prompt_sha == sha_of("a fox, number 1")


# --- servers that work on jobs ------------------------------------------------------------------------------------

with_jobs = pytest.mark.parametrize("kind", ["ray"], indirect=True)


@with_jobs
async def test_a_job_is_polled_where_it_was_made_by_another_worker_while_that_server_drains(
    servers: Servers, tmp_path: Path
) -> None:
    jobs = [await submitted(servers.pool(servers.urls[1 - where]), asked(servers, tmp_path, where)) for where in (0, 1)]
    assert all(isinstance(job, Accepted) for job in jobs)

    for where, job in enumerate(jobs):
        successor = servers.pool(servers.urls[where])
        handle, answer = job.handle, await successor.poll(job.handle, asked(servers, tmp_path, where))
        while not isinstance(answer, Delivered | Failure):
            handle = answer.handle or handle
            answer = await successor.poll(handle, asked(servers, tmp_path, where))
        assert isinstance(answer, Delivered)

    assert [job.handle["server"] for job in jobs] == servers.urls
    assert servers.sold == [1, 1]


@with_jobs
async def test_a_job_counts_until_it_has_ended(servers: Servers, tmp_path: Path) -> None:
    pool = servers.pool()

    jobs = [await submitted(pool, asked(servers, tmp_path, number)) for number in range(4)]
    busy = [each.outstanding for each in pool._servers.values()]
    await pool.cancel(jobs[0].handle, asked(servers, tmp_path, 0))

    assert busy == [2, 2]
    assert sum(each.outstanding for each in pool._servers.values()) == 3
    servers.now_s += 3600
    assert sum(each.outstanding for each in pool._servers.values()) == 0


@with_jobs
async def test_a_job_of_a_server_that_is_no_longer_configured_ends(servers: Servers, tmp_path: Path) -> None:
    handle = {"id": "job-12345", "server": "http://10.0.0.9:8200"}

    gone = await servers.pool().poll(handle, asked(servers, tmp_path))

    assert isinstance(gone, Failure)
    assert "no longer configured" in gone.reason


@with_jobs
async def test_a_handle_from_before_there_were_several_servers_belongs_to_the_first(
    servers: Servers, tmp_path: Path
) -> None:
    pool = servers.pool(servers.urls[1])
    job = await submitted(pool, asked(servers, tmp_path))
    earlier = {name: value for name, value in job.handle.items() if name != "server"}

    assert not isinstance(await pool.poll(earlier, asked(servers, tmp_path)), Failure)
