"""What cluster.yaml describes, started as processes with the same environment: `make compose-check`.

PostgreSQL, an S3 server, the migration, two APIs, two workers and Caddy with the Caddyfile run in a network of their
own, where the names of the services lead to addresses of the loopback interface, and /run/secrets holds what
make_secrets.sh made. The containers' images, limits and volumes are not part of it. It is no file of tests: it needs
root and Caddy.
"""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.client import FINAL, PICTURE, multipart
from postgres import dies_with_parent, find_programs

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
ADDRESSES = {"postgres": ["127.0.4.1"], "s3": ["127.0.4.2"], "api": ["127.0.4.3", "127.0.4.4"]}
TIMEOUT_S = 60


@dataclass(frozen=True)
class Cluster:
    folder: Path
    environments: Mapping[str, dict[str, str]]
    life: ExitStack

    def start(self, name: str, command: list[str | Path], **options: Any) -> "subprocess.Popen[bytes]":
        log = self.life.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen([*dies_with_parent(), *command], stdout=log, stderr=log, **options)
        self.life.callback(_end, process)
        return process

    def limner(self, name: str, service: str, **own: str) -> "subprocess.Popen[bytes]":
        described = yaml.safe_load((COMPOSE / "cluster.yaml").read_text())["services"][service]
        data = self.folder / name
        data.mkdir()
        environment = self.environments[service] | {"LIMNER_DATA": str(data), "LIMNER_ENGINE": "sandbox"} | own
        return self.start(name, [sys.executable, "-m", "limner", *described["command"]], env=environment)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(TIMEOUT_S)


def until(answers: Any) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not answers():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def own_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names and secrets as in the containers. The command has unshared this process's network and mounts."""
    assert [name for _, name in socket.if_nameindex()] == ["lo"], "run `make compose-check`"
    folder = tmp_path_factory.mktemp("cluster")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    folder.parent.parent.chmod(0o755)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    lines = [f"{address} {name}" for name, addresses in ADDRESSES.items() for address in addresses]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    subprocess.run(["mount", "--bind", folder / "hosts", "/etc/hosts"], check=True)
    shutil.copytree(COMPOSE, folder / "compose", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run(["sh", folder / "compose" / "make_secrets.sh"], check=True)
    (folder / "compose" / "secrets").chmod(0o755)  # Compose binds each file alone: its folder is not seen there
    Path("/run/secrets").mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", folder / "compose" / "secrets", "/run/secrets"], check=True)
    return folder


@pytest.fixture(scope="module")
def cluster(own_network: Path) -> Iterator[Cluster]:
    described = yaml.safe_load((COMPOSE / "cluster.yaml").read_text())["services"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME")}
    given = {
        name: kept | {key: str(value) for key, value in each["environment"].items() if "${" not in str(value)}
        for name, each in described.items()
        if "environment" in each
    }
    with ExitStack() as life:
        made = Cluster(own_network, given, life)
        start_postgres(made)
        start_s3(made)
        assert made.limner("migrate", "migrate").wait(TIMEOUT_S) == 0
        public = {"LIMNER_PUBLIC_URL": "https://localhost", "LIMNER_TRUSTED_PROXIES": "127.0.0.0/8"}
        for number, address in enumerate(ADDRESSES["api"]):
            made.limner(f"api-{number}", "api", LIMNER_HOST=address, **public)
        for number in range(2):
            made.limner(f"worker-{number}", "worker", LIMNER_METRICS_LISTEN=f"127.0.5.{number + 1}:9464", **public)
        until(lambda: all(is_ready(f"http://{address}:8000/readyz") for address in ADDRESSES["api"]))
        until(lambda: all(is_ready(f"http://127.0.5.{number}:9464/metrics") for number in (1, 2)))
        caddy = {"SITE": "localhost", "API": "api", "HOME": str(own_network), "PATH": kept["PATH"]}
        made.start("proxy", ["caddy", "run", "--config", COMPOSE / "Caddyfile"], env=caddy)
        until(lambda: listens("127.0.0.1", 443))
        yield made


def is_ready(url: str) -> bool:
    healthy = [sys.executable, str(ROOT / "deploy" / "container" / "healthy.py"), url]
    return subprocess.run(healthy, check=False, capture_output=True).returncode == 0


def start_postgres(cluster: Cluster) -> None:
    programs, folder = find_programs(), cluster.folder / "postgres"
    assert programs
    folder.mkdir()
    shutil.chown(folder, "postgres")
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
    options = ["--username=limner", "--auth=scram-sha-256", "--pwfile=/run/secrets/postgres_password", "--no-sync"]
    subprocess.run([programs / "initdb", *options, "-D", folder / "data"], check=True, capture_output=True, **owner)
    where = ["-c", f"listen_addresses={ADDRESSES['postgres'][0]}", "-k", folder]
    cluster.start("postgres", [programs / "postgres", "-D", folder / "data", *where], **owner)
    until(lambda: listens("postgres", 5432))
    password = Path("/run/secrets/postgres_password").read_text()
    until(lambda: _created(programs, password))


def _created(programs: Path, password: str) -> bool:
    command = [programs / "createdb", "-h", "postgres", "-U", "limner", "limner"]
    return not subprocess.run(command, env={"PGPASSWORD": password}, check=False, capture_output=True).returncode


def start_s3(cluster: Cluster) -> None:
    (cluster.folder / "s3" / "pictures").mkdir(parents=True)
    secret = Path("/run/secrets/s3_secret_key").read_text()
    keys = {"NANIO_ACCESS_KEY": "limner", "NANIO_SECRET_KEY": secret}
    command = [sys.executable, "-m", "nanio", "serve", "--data-dir", cluster.folder / "s3"]
    cluster.start("s3", [*command, "--host", ADDRESSES["s3"][0], "--port", "7070"], env=os.environ | keys)
    until(lambda: listens("s3", 7070))


@dataclass(frozen=True)
class Caller:
    key: str
    trust: ssl.SSLContext

    def call(self, path: str, body: bytes | None = None, **headers: str) -> bytes:
        url = path if "//" in path else f"https://localhost/v2/openapi{path}"
        sent = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        request = urllib.request.Request(url, body, sent)  # noqa: S310 - the proxy of this test
        with urllib.request.urlopen(request, context=self.trust, timeout=TIMEOUT_S) as got:  # noqa: S310
            answer: bytes = got.read()
        return answer

    def data(self, path: str, body: bytes | None = None, **headers: str) -> Any:
        return json.loads(self.call(path, body, **headers))["data"]

    def done(self, **fields: Any) -> dict[str, Any]:
        task = self.data("/task", json.dumps({"type": "generate_image"} | fields).encode())["task_id"]
        deadline = time.monotonic() + TIMEOUT_S
        while (found := self.data(f"/task/{task}"))["status"] not in FINAL:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        whole: dict[str, Any] = found
        return whole


@pytest.fixture(scope="module")
def caller(cluster: Cluster) -> Caller:
    environment = cluster.environments["api"] | {"LIMNER_DATA": str(cluster.folder / "cli")}
    made = subprocess.run(
        [sys.executable, "-m", "limner", "keys", "create", "--json"], env=environment, check=True, capture_output=True
    )
    authority = cluster.folder / ".local/share/caddy/pki/authorities/local/root.crt"
    return Caller(json.loads(made.stdout)["key"], ssl.create_default_context(cafile=str(authority)))


def test_pictures_are_made_over_tls_by_both_workers(caller: Caller, cluster: Cluster) -> None:
    body, headers = multipart([("file", "cat.png", PICTURE)])
    token = caller.data("/upload", body, Content_Type=headers["Content-Type"])["image_token"]
    with ThreadPoolExecutor(8) as threads:
        tasks = list(
            threads.map(
                lambda number: caller.done(prompt=f"cat {number}", file={"type": "png", "file_token": token}), range(8)
            )
        )
    picture = caller.call(tasks[0]["output"]["generated_image"])

    assert {task["status"] for task in tasks} == {"success"}
    assert picture[:4] in {b"\x89PNG", b"RIFF", b"\xff\xd8\xff\xe0"}
    assert [path for path in (cluster.folder / "s3" / "pictures").rglob("*") if path.is_file()]


def test_requests_are_answered_while_an_api_is_replaced(caller: Caller, cluster: Cluster) -> None:
    public = {"LIMNER_PUBLIC_URL": "https://localhost", "LIMNER_TRUSTED_PROXIES": "127.0.0.0/8"}
    third = {"LIMNER_HOST": "127.0.4.4"} | public
    with asking(caller) as statuses:
        for pid in pids_listening_on("127.0.4.4"):
            os.kill(pid, signal.SIGTERM)
        until(lambda: not listens("127.0.4.4", 8000))
        cluster.limner("api-again", "api", **third)
        until(lambda: is_ready("http://127.0.4.4:8000/readyz"))
        until(lambda: len(statuses) > 10)  # on a busy machine fewer are answered while the API is replaced

    assert set(statuses) == {"ok"}


@contextmanager
def asking(caller: Caller) -> Iterator[list[str]]:
    """Somebody who asks for the balance again and again; what became of each request."""
    outcomes, over = list[str](), list[bool]()

    def asks() -> None:
        while not over:
            try:
                caller.data("/user/balance")
                outcomes.append("ok")
            except OSError as error:
                outcomes.append(str(error))

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(asks)
        try:
            yield outcomes
        finally:
            over.append(True)
            running.result()


def pids_listening_on(host: str) -> list[int]:
    environments = {
        path.parent.name: path.read_bytes() for path in Path("/proc").glob("[0-9]*/environ") if _is_ours(path)
    }
    return [int(pid) for pid, text in environments.items() if f"LIMNER_HOST={host}\0".encode() in text + b"\0"]


def _is_ours(environ: Path) -> bool:
    try:
        return b"LIMNER_DATA=" in environ.read_bytes()
    except OSError:
        return False
