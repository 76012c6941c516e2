"""`make cluster`: Limner on ten hosts of one machine, while hosts, networks, clocks and the database fail."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.database import Database, missing
from cluster.faults import Faults
from cluster.network import BRIDGE, Network
from cluster.service import APIS, WORKERS, Service, bucket, made_service, new_build
from cluster.summary import Outcome
from crash.chaos.client import Clients
from crash.chaos.invariants import find_violations
from crash.chaos.plan import Plan
from crash.chaos.processes import logged_defects
from crash.chaos.records import RunRecords, read_records, unfinished
from crash.chaos.vendors import faulty_vendors
from crash.chaos.webhook_receiver import webhook_receiver

CREDITS = 1_000_000


def main() -> int:
    chosen = _chosen()
    if packages := missing():
        _say(f"NOT RUN: missing are Debian's {' '.join(packages)}. As root `make cluster` installs them:")
        _say(f"    sudo apt-get install -y --no-install-recommends {' '.join(packages)}")
        return 1
    plan = Plan(tasks=chosen.tasks, seed=chosen.seed, faults=chosen.faults, clients=chosen.clients)
    folder = Path(tempfile.mkdtemp(prefix="limner-cluster-"))
    folder.chmod(0o755)
    _say(f"seed {plan.seed}, {plan.tasks} tasks; logs and data are in {folder}")
    prepared = Run(folder, plan)
    try:
        violations = asyncio.run(prepared())
    finally:
        prepared.network.end()
    if not (violations or chosen.keep):
        shutil.rmtree(folder)
    return 1 if violations else 0


@dataclass(frozen=True, slots=True)
class End:
    """What the operator's commands found at the end, and the account's balance."""

    violations: Sequence[str]
    shown: tuple[int, int]


class Run:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.began = time.monotonic()
        self.network = Network()
        apis = {name: self.network.add(name) for name in APIS}
        for name in WORKERS:
            self.network.add(name)
        self.database = Database(self.network, folder, apis)
        self.s3, self.storage = bucket(self.network, folder)
        self.network.add("vendors")

    async def __call__(self) -> Sequence[str]:
        books, network = self.folder / "books.jsonl", self.network
        self.s3.start()
        await self.database.start()
        self.say("the database has a primary and a standby")
        vendors_at = network.addresses["vendors"]
        with faulty_vendors(books, self.plan, vendors_at, network.within("vendors")) as vendors:
            async with webhook_receiver(self.plan.seed, BRIDGE) as receiver:
                settings = {**vendors.environment, **self.plan.settings(receiver.host), **self.storage}
                service = made_service(network, self.database, self.folder, settings)
                clients = await self._opened(service, receiver)
                faults = Faults(network, self.database, service, new_build(self.folder), self.say)
                await self._run(service, clients, faults)
                end = await self._end(service)
        records = await asyncio.to_thread(read_records, self.database.direct, books)
        violations = [
            *end.violations,
            *find_violations(records, clients.client_records, receiver.messages),
            *receiver.violations,
            *self._balances(records, end.shown),
        ]
        _say(
            str(
                Outcome(
                    seed=self.plan.seed,
                    began_s=self.began,
                    records=records,
                    clients=clients,
                    faults=faults.done,
                    struck=vendors.struck,
                    messages=receiver.messages,
                    violations=violations,
                )
            )
        )
        return violations

    async def _opened(self, service: Service, receiver: Any) -> Clients:
        await service.cli("db", "upgrade")
        await service.cli("accounts", "create", "load", "--credits", str(CREDITS), "--tasks", "1000000")
        key = (await service.cli("keys", "create", "--account", "load"))["key"]
        receiver.secret = (await service.cli("webhooks", "add", receiver.address, "--account", "load"))["secret"]
        await service.start()
        self.say("two APIs and three workers are ready")
        url = f"http://{self.network.addresses['haproxy']}:8000"
        return Clients(self.plan, url, key, lambda: None)

    async def _run(self, service: Service, clients: Clients, faults: Faults) -> None:
        """Clients send tasks until there are enough and all faults are over."""
        failing = asyncio.create_task(faults())
        clients.wanted = lambda number: number < self.plan.tasks or not failing.done()
        sending = asyncio.create_task(clients())
        done, _ = await asyncio.wait({failing, sending}, return_when=asyncio.FIRST_EXCEPTION)
        for each in done:
            each.result()
        await asyncio.gather(failing, sending)
        self.say(f"{len(clients.client_records)} tasks have ended")

    async def _end(self, service: Service) -> End:
        async with asyncio.timeout(180):
            while any(await asyncio.to_thread(unfinished, self.database.direct)):  # noqa: ASYNC110 - others' state
                await asyncio.sleep(0.5)
        for host in service.hosts.values():
            await host.stop()
        doctor = await service.cli("doctor", "--deep", "--hashes")
        proof = await service.cli("credits", "prove")
        shown = await service.cli("credits", "show", "--account", "load", "--limit", "1")
        violations = [
            *(f"{host.name} ended with {code}" for host in service.hosts.values() for code in host.ends if code),
            *(
                f"doctor: {each['check']}: {each['detail']} {each['which']}"
                for each in doctor["findings"]
                if not each["well"]
            ),
            *(f"the ledger: {fault}" for fault in proof["faults"]),
            *logged_defects(sorted(self.folder.glob("*.log"))),
        ]
        return End(violations, (shown["balance"], shown["frozen"]))

    def _balances(self, records: RunRecords, shown: tuple[int, int]) -> Iterator[str]:
        spent = sum(each.consumed for each in records.tasks)
        if shown != (CREDITS - spent, 0):
            yield f"the balance is {shown}: {CREDITS} were granted and {spent} spent"

    def say(self, text: str) -> None:
        _say(f"{time.monotonic() - self.began:6.1f} s  {text}")


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--faults", type=float, default=0.1, help="Share of orders that get a fault of their vendor.")
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--keep", action="store_true", help="Keep the logs, the purchase records and the data.")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
