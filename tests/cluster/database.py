"""PostgreSQL in two hosts under Patroni and etcd, HAProxy before it, PgBouncer between: all of Debian."""

import asyncio
import json
import os
import shutil
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import yaml

from cluster.hosts import Host, answers
from cluster.network import NETWORK, Network
from postgres import find_programs

PROGRAMS = {
    "etcd": "etcd-server",
    "patroni": "patroni",
    "haproxy": "haproxy",
    "pgbouncer": "pgbouncer",
    "nft": "nftables",
    "faketime": "faketime",
    "initdb": "postgresql",
}
TTL_S = 20
"""After this long without a word from the primary another server may be promoted: the least that Patroni allows."""

_HAPROXY = """
global
  maxconn 4000
defaults
  mode tcp
  timeout connect 3s
  timeout client 1h
  timeout server 1h
  timeout check 2s
  option clitcpka
  option srvtcpka
listen postgres
  bind {here}:5432
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{databases}
listen api
  bind {here}:8000
  mode http
  option httpchk GET /readyz
  option redispatch
  retries 2
  timeout client 60s
  timeout server 60s
  default-server inter 1s fall 2 rise 1
{apis}
"""
_PGBOUNCER = """
[databases]
limner = host={database} port=5432 user=limner
[pgbouncer]
listen_addr = {here}
listen_port = 6432
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_login_retry = 1
server_connect_timeout = 5
query_wait_timeout = 30
tcp_keepalive = 1
tcp_keepidle = 15
tcp_keepintvl = 5
tcp_keepcnt = 3
tcp_user_timeout = 30000
"""


class Database:
    """`direct` is HAProxy's address, which forwards to the primary; `pooled` is PgBouncer's."""

    def __init__(self, network: Network, folder: Path, apis: Mapping[str, str]) -> None:
        self.network = network
        self._folder = folder
        self._plain = {name: os.environ[name] for name in ("PATH", "HOME")}
        for name in ("etcd", "pg1", "pg2", "haproxy", "pgbouncer"):
            network.add(name)
        here = network.addresses
        self.direct = f"postgresql://limner@{here['haproxy']}:5432/limner"
        self.pooled = f"postgresql://limner@{here['pgbouncer']}:6432/limner"
        self.etcd = self._host("etcd", self._etcd(here["etcd"]), answers(f"http://{here['etcd']}:2379/health"))
        self.servers = {name: self._server(name) for name in ("pg1", "pg2")}
        self.haproxy = self._host("haproxy", ["haproxy", "-db", "-f", str(self._haproxy(apis))], lambda: True)
        self.pgbouncer = self._host("pgbouncer", ["pgbouncer", str(self._pgbouncer())], lambda: True, user="postgres")

    async def start(self) -> None:
        self.etcd.start()
        await self.etcd.ready()
        self.servers["pg1"].start()
        await self.servers["pg1"].ready()
        self.servers["pg2"].start()
        self.haproxy.start()
        await self.in_step()
        await asyncio.to_thread(self._create)
        self.pgbouncer.start()

    def _create(self) -> None:
        with psycopg.connect(self.direct.removesuffix("limner") + "postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE limner")
            connection.execute("ALTER DATABASE limner SET idle_in_transaction_session_timeout = '10s'")

    async def leader(self) -> str:
        """The host of the primary; waits until there is one."""
        while True:
            for member in await asyncio.to_thread(self._members):
                if member["role"] == "leader" and member["state"] == "running":
                    return str(member["name"])
            await asyncio.sleep(0.2)

    async def led_by(self, name: str) -> None:
        while await self.leader() != name:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.2)

    async def in_step(self) -> None:
        """Wait until there are a primary and a standby that has all that was committed."""
        async with asyncio.timeout(120):
            while True:
                members = await asyncio.to_thread(self._members)
                roles = {member["role"] for member in members if member["state"] in {"running", "streaming"}}
                if {"leader", "sync_standby"} <= roles:
                    return
                await asyncio.sleep(0.5)

    async def switch_over(self) -> None:
        """Let the two servers change their roles, as before maintenance."""
        leader = await self.leader()
        order = json.dumps({"leader": leader}).encode()
        url = f"http://{self.network.addresses[leader]}:8008/switchover"
        await asyncio.to_thread(lambda: urllib.request.urlopen(url, order, timeout=60).close())

    def _members(self) -> list[dict[str, Any]]:
        for name in self.servers:
            try:
                with urllib.request.urlopen(f"http://{self.network.addresses[name]}:8008/cluster", timeout=2) as answer:
                    members: list[dict[str, Any]] = json.load(answer)["members"]
                    return members
            except (OSError, ValueError):
                continue
        return []

    def _host(self, name: str, command: list[str], is_ready: Callable[[], bool], user: str | None = None) -> Host:
        return Host(name, self.network, self._folder, command, self._plain, is_ready, user=user)

    def _etcd(self, here: str) -> list[str]:
        client, peer = f"http://{here}:2379", f"http://{here}:2380"
        data = self._folder / "etcd"
        return [
            *("etcd", "--name", "etcd", "--data-dir", str(data), "--initial-cluster", f"etcd={peer}"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        ]

    def _server(self, name: str) -> Host:
        here, programs = self.network.addresses[name], find_programs()
        folder = self._folder / name
        folder.mkdir()
        settings = {
            "scope": "limner",
            "name": name,
            "restapi": {"listen": f"{here}:8008", "connect_address": f"{here}:8008"},
            "etcd3": {"host": f"{self.network.addresses['etcd']}:2379"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_S,
                    "loop_wait": 3,
                    "retry_timeout": 5,
                    "synchronous_mode": True,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {"max_connections": 100, "wal_keep_size": "256MB", "tcp_user_timeout": 10_000},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"{here}:5432",
                "connect_address": f"{here}:5432",
                "data_dir": str(folder / "data"),
                "bin_dir": str(programs),
                "pgpass": str(folder / "pgpass"),
                "authentication": {
                    "superuser": {"username": "limner"},
                    "replication": {"username": "standby"},
                    "rewind": {"username": "limner"},
                },
                "parameters": {"unix_socket_directories": str(folder)},
                "pg_hba": [
                    "local all all trust",
                    *(f"host {each} all {NETWORK} trust" for each in ("all", "replication")),
                ],
            },
        }
        path = folder / "patroni.yml"
        path.write_text(yaml.safe_dump(settings))
        shutil.chown(folder, "postgres")
        ready = answers(f"http://{here}:8008/health")
        return self._host(name, ["patroni", str(path)], ready, user="postgres")

    def _haproxy(self, apis: Mapping[str, str]) -> Path:
        here = self.network.addresses
        databases = [f"  server {name} {here[name]}:5432 check port 8008" for name in ("pg1", "pg2")]
        servers = [f"  server {name} {address}:8000 check" for name, address in apis.items()]
        text = _HAPROXY.format(here=here["haproxy"], databases="\n".join(databases), apis="\n".join(servers))
        path = self._folder / "haproxy.cfg"
        path.write_text(text)
        return path

    def _pgbouncer(self) -> Path:
        path = self._folder / "pgbouncer.ini"
        here = self.network.addresses
        path.write_text(_PGBOUNCER.format(here=here["pgbouncer"], database=here["haproxy"]))
        return path


def missing() -> list[str]:
    """Debian's packages of the programs that are not installed."""
    where = os.environ["PATH"] + ":/usr/sbin:/sbin"
    absent = [program for program in PROGRAMS if program != "initdb" and not shutil.which(program, path=where)]
    return [PROGRAMS[program] for program in [*absent, *([] if find_programs() else ["initdb"])]]
