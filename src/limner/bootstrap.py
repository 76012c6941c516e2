"""The composition root: settings in, a wired service out. The only place that knows everybody."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points

from limner.application.accounts import Accounts, KeyDigest
from limner.application.authenticate import Authenticate
from limner.application.cancel import Cancel
from limner.application.execute import Execute
from limner.application.explain import Explain
from limner.application.journal import Journal
from limner.application.pursue import Pursue
from limner.application.read import ReadTask
from limner.application.references import Prepare, TakeInline
from limner.application.routing import Routing
from limner.application.submit import Submit, Terms
from limner.application.upload import KeepPicture, TakeUpload
from limner.db.migrate import migrate
from limner.db.open import open_store
from limner.intake.allow import FetchAllow
from limner.intake.door import ImageIntake
from limner.intake.limits import ImageLimits
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.links import Links
from limner.ports.provider import Provider
from limner.ports.records import Store
from limner.ports.signals import Signals
from limner.ports.templates import Templates
from limner.providers.sandbox import SandboxProvider
from limner.settings import Settings
from limner.storage.blobs import open_blobs
from limner.storage.links import SignedLinks
from limner.storage.scratch import Scratch, open_scratch, sweep
from limner.templates.loader import load_templates
from limner.vendors import active_vendors, default_routes
from limner.worker.clock import SystemClock
from limner.worker.dispatcher import Dispatcher
from limner.worker.identity import Identity, this_process
from limner.worker.leases import LeaseKeeper
from limner.worker.rescuer import Rescuer
from limner.worker.running import Running
from limner.worker.signals import LocalSignals
from limner.worker.worker import Worker

PICTURE_LIMITS = ImageLimits(max_bytes=64 * 1024 * 1024)
"""For what vendors deliver: a 4K PNG is larger than any reference may be."""


@dataclass(frozen=True, slots=True)
class Limner:
    """The service, wired. Everything in it is shared by its faces and its worker."""

    settings: Settings
    store: Store
    blobs: BlobStore
    intake: ImageIntake
    pictures: Intake
    templates: Templates
    providers: Mapping[str, Provider]
    routing: Routing
    running: Running
    signals: Signals
    links: Links
    clock: Clock
    digest: KeyDigest
    scratch: Scratch
    me: Identity

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.store, self.clock, self.digest)

    @property
    def authenticate(self) -> Authenticate:
        return Authenticate(self.store, self.clock, self.digest)

    @property
    def keep(self) -> KeepPicture:
        return KeepPicture(self.intake, self.blobs)

    @property
    def submit(self) -> Submit:
        chosen = self.settings
        terms = Terms(chosen.account_tasks, chosen.queue_deadline_s, chosen.run_deadline_s, chosen.transcode_webp)
        inline = TakeInline(self.keep, self.scratch.folder, chosen.transcode_webp)
        return Submit(self.store, self.intake, inline, self.templates, self.routing, self.signals, self.clock, terms)

    @property
    def upload(self) -> TakeUpload:
        return TakeUpload(self.store, self.keep, self.clock, int(self.settings.upload_hours * 3_600_000))

    @property
    def read(self) -> ReadTask:
        return ReadTask(self.store)

    @property
    def explain(self) -> Explain:
        return Explain(self.store, self.templates)

    @property
    def cancel(self) -> Cancel:
        return Cancel(self.store, self.signals, self.clock)

    @property
    def execute(self) -> Execute:
        prepare = Prepare(self.store, self.blobs, self.intake, self.clock, self.settings.transcode_webp)
        journal = Journal(self.store, self.clock)
        pursue = Pursue(journal, self.routing, self.blobs, self.pictures, self.clock)
        return Execute(self.store, prepare, pursue, self.routing, self.templates, self.clock, self.scratch.folder)

    def worker(self) -> Worker:
        lease_ms = int(self.settings.lease_s * 1000)
        dispatcher = Dispatcher(
            self.store,
            self.execute,
            self.signals,
            self.clock,
            self.running,
            str(self.me),
            lease_ms,
            self.settings.tasks_at_once,
            self.settings.poll_s,
        )
        return Worker(
            self.store,
            dispatcher,
            LeaseKeeper(self.store, self.clock, self.running, str(self.me), lease_ms),
            Rescuer(self.store, self.clock, dispatcher, self.me),
            self.running,
            self.settings.drain_s,
        )

    async def close(self) -> None:
        for provider in self.providers.values():
            await provider.close()
        await self.intake.close()
        await self.store.close()
        await asyncio.to_thread(self.scratch.close)


def prepare_data(settings: Settings) -> str:
    """Make the data folder, clear away what dead processes left in it, and bring the database up to date.

    Says what was done to the database.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    settings.scratch.mkdir(exist_ok=True)
    sweep(settings.scratch)
    return migrate(settings.resolved_database_url)


def build(settings: Settings) -> Limner:
    """Wire the service over a prepared data folder. Nothing runs yet."""
    secret = read_secret(settings)
    running = Running()
    providers = find_providers(settings)
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    return Limner(
        settings=settings,
        store=open_store(settings.resolved_database_url),
        blobs=open_blobs(settings.resolved_storage_url),
        intake=ImageIntake(fetch_allow=FetchAllow.parse(settings.fetch_allow)),
        pictures=ImageIntake(limits=PICTURE_LIMITS),
        templates=load_templates(*([settings.templates] if settings.templates else [])),
        providers=providers,
        routing=route_all(settings, providers),
        running=running,
        signals=LocalSignals(running),
        links=SignedLinks(secret, public_url, int(settings.link_hours * 3600)),
        clock=SystemClock(),
        digest=KeyDigest(secret),
        scratch=open_scratch(settings.scratch),
        me=this_process(),
    )


def route_all(settings: Settings, providers: Mapping[str, Provider]) -> Routing:
    return Routing(
        providers,
        settings.engine,
        float(settings.run_deadline_s),
        settings.unknown_outcome,
        default_routes(settings.unknown_outcome),
        settings.fallback_to_builtin,
    )


def find_providers(settings: Settings) -> dict[str, Provider]:
    """Our own, the configured vendors', and what installed packages offer as entry points `limner.providers`."""
    found: dict[str, Provider] = {"sandbox": SandboxProvider(settings.sandbox_delay_s), **active_vendors(settings)}
    for point in entry_points(group="limner.providers"):
        found[point.name] = point.load()()
    if settings.engine not in found:
        raise EngineMissing(settings.engine)
    return found


class EngineMissing(RuntimeError):
    """The engine that shall serve the models is not installed."""

    def __init__(self, engine: str) -> None:
        super().__init__(
            f"the engine {engine!r} is not installed: `pip install limner-builtin`, or set LIMNER_ENGINE=sandbox"
        )


def read_secret(settings: Settings) -> bytes:
    """The secret behind links and key hashes; made at the first start, readable by its owner alone."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data / "secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Limner]:
    """The service for one command's use: prepared, wired, and closed at the end."""
    prepare_data(settings)
    limner = build(settings)
    try:
        yield limner
    finally:
        await limner.close()
