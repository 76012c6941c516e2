"""The composition root: settings in, a wired service out. The only module that imports all others."""

import asyncio
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.api.v2.task import task_body
from limner.application.accounts.authenticate import Authenticate
from limner.application.accounts.manage import HashKey, ManageAccounts
from limner.application.accounts.report import ReportAccount
from limner.application.accounts.sign_in import SignIn
from limner.application.explain import Explain
from limner.application.generation.attempt import RunAttempt
from limner.application.generation.disk_guard import DiskGuard
from limner.application.generation.generate import Generate
from limner.application.generation.journal import SpendJournal
from limner.application.generation.keep_image import KeepImage
from limner.application.generation.keep_partial_image import KeepPartialImage
from limner.application.generation.observe_attempt import ObserveAttempt
from limner.application.generation.route_limits import RouteLimits
from limner.application.generation.routing import Routing
from limner.application.generation.stop_jobs import StopJobs
from limner.application.generation.workdirs import Workdirs
from limner.application.images.keep import Keep
from limner.application.images.mask import CheckMask
from limner.application.images.object_uploads import FindObject, TakeObject
from limner.application.images.open_picture import OpenPicture
from limner.application.images.presign import Presign, TakePresigned
from limner.application.images.references import KeepInlineImages, PrepareReferences
from limner.application.images.upload import KeepPicture, TakeUpload
from limner.application.images.upload_credentials import FindGrantOwner, IssueUploadCredentials, SessionTokenSigner
from limner.application.library.erase_later import EraseLater
from limner.application.library.keep_tasks import KeepTask
from limner.application.library.lineage import ReadLineage
from limner.application.library.listing import ListTasks
from limner.application.library.templates import AccountTemplates
from limner.application.library.thumbnails import Thumbnails
from limner.application.moderation.appeals import ManageModeration
from limner.application.moderation.before_delivery import CheckPicture
from limner.application.moderation.before_order import AwaitVerdict, CheckOrder
from limner.application.moderation.judge import Judge
from limner.application.moderation.word_lists import WordLists
from limner.application.operations.check_providers import CheckProviders
from limner.application.operations.overview import ReadOverview
from limner.application.operations.rest_routes import RestRoutes
from limner.application.provenance.await_marks import AwaitMarks
from limner.application.provenance.detect import Detect
from limner.application.provenance.index_perceptual_hashes import IndexPerceptualHashes
from limner.application.provenance.sign_copies import SignCopies
from limner.application.read import ReadTask, TaskView
from limner.application.retention.check_consistency import CheckConsistency
from limner.application.retention.delete_unreferenced import DeleteUnreferenced
from limner.application.retention.erase import Erase, EraseAccount
from limner.application.retention.prune import Prune, RetentionPolicy
from limner.application.retention.take_down import TakeDown
from limner.application.route_statistics.read import ReadRouteStatistics
from limner.application.route_statistics.watch_routes import WatchRoutes
from limner.application.tasks.accept import SubmitLimits
from limner.application.tasks.cancel import Cancel
from limner.application.tasks.execute import ExecuteTask
from limner.application.tasks.image_request import PrepareInputs
from limner.application.tasks.plan_task import DefaultModels, PlanTask
from limner.application.tasks.quote import QuoteTask
from limner.application.tasks.submit import Submit
from limner.application.watching.watch import Watch, WatchLimits
from limner.application.webhooks.deliver import Deliver, DeliveryLimits
from limner.application.webhooks.manage import ManageWebhooks
from limner.application.webhooks.signing import SigningSecret
from limner.db.database_files import scrub
from limner.db.migrate import migrate
from limner.db.open_store import connections_of, open_relay, open_store
from limner.db.sql import StatementCount
from limner.db.store import Store
from limner.domain.accounts.rate_limit import RateLimit
from limner.domain.ids import AccountId
from limner.domain.moderation import RefusalStage
from limner.domain.tasks.task import StatusChange
from limner.intake.decode_pool import DecodePool
from limner.intake.image_intake import ImageIntake
from limner.intake.limits import ImageLimits
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from limner.ports.clock import Clock
from limner.ports.links import Links
from limner.ports.parts import UploadParts
from limner.ports.provenance import SigningFailed
from limner.ports.provider import Provider
from limner.ports.telemetry import NO_TELEMETRY, Telemetry
from limner.ports.templates import Templates
from limner.ports.tracing import NO_TRACING, Tracing
from limner.provenance.installed import Provenance, SigningConfiguration, is_installed
from limner.providers.sandbox import SandboxProvider
from limner.routes import check_routes, routes_of, with_provider_facts
from limner.settings import Settings
from limner.storage.blobs import ObjectBlobs, open_blobs
from limner.storage.new_file import create_file
from limner.storage.parts import open_parts
from limner.storage.presigned import PresignedBucket, presigned_bucket
from limner.storage.scratch import Scratch, free_bytes, open_scratch, sweep
from limner.storage.signed_links import SignedLinks
from limner.templates.loader import load_or_refuse, load_templates
from limner.vendors import Upstream, upstreams
from limner.worker.clock import SystemClock
from limner.worker.dispatcher import Dispatcher
from limner.worker.eraser import Eraser
from limner.worker.janitor import Janitor
from limner.worker.lease_owner import LeaseOwner, is_dead, operator, this_process
from limner.worker.lease_renewal import LeaseRenewer
from limner.worker.perceptual_hash_indexer import PerceptualHashIndexer
from limner.worker.progress_writer import ProgressWriter
from limner.worker.provider_checker import ProviderChecker
from limner.worker.rescuer import Rescuer
from limner.worker.running_tasks import RunningTasks
from limner.worker.signals import SharedSignals
from limner.worker.webhook_sender import WebhookSender
from limner.worker.worker import Worker, WorkerLoop

if TYPE_CHECKING:
    from limner.telemetry.measuring import Measuring
    from limner.telemetry.tracing import OtelTracing

PICTURE_LIMITS = ImageLimits(max_bytes=64 * 1024 * 1024, purpose="a vendor's picture")
"""For what vendors deliver: a 4K PNG is larger than any reference may be."""

CHECKED_LIMITS = ImageLimits(max_bytes=64 * 1024 * 1024, min_side=1, purpose="a picture to check")
"""For what people bring to have it checked, which may be a picture of any vendor."""


@dataclass(frozen=True, slots=True)
class Limner:
    """The service, wired. Everything in it is shared by its APIs and its worker."""

    settings: Settings
    store: Store
    blobs: ObjectBlobs
    parts: UploadParts
    intake: ImageIntake
    pictures: ImageIntake
    checked: ImageIntake
    sent_for_check: ImageIntake
    templates: Templates
    upstreams: Mapping[str, Upstream]
    providers: Mapping[str, Provider]
    routing: Routing
    running: RunningTasks
    signals: SharedSignals
    links: Links
    webhook_http: GuardedWebhookHttp
    judge_http: GuardedWebhookHttp
    clock: Clock
    digest: HashKey
    signing: SigningSecret
    session_tokens: SessionTokenSigner
    scratch: Scratch
    disk_guard: DiskGuard
    me: LeaseOwner
    start_ms: int
    measuring: "Measuring | None" = None
    """What measures this process; None in a command."""
    traces: "OtelTracing | None" = None
    """What records this process's traces; None where they are off."""

    @property
    def telemetry(self) -> Telemetry:
        return self.measuring.metrics if self.measuring else NO_TELEMETRY

    @property
    def tracing(self) -> Tracing:
        return self.traces or NO_TRACING

    def read_overview(self) -> ReadOverview:
        """Build the one `ReadOverview` of a process, which keeps what it read for a moment."""
        return ReadOverview(self.store, self.routing, self.clock)

    def read_route_statistics(self) -> ReadRouteStatistics:
        """Build the one `ReadRouteStatistics` of a process."""
        return ReadRouteStatistics(self.store, self.routing, self.clock)

    @property
    def check_providers(self) -> CheckProviders:
        missing = {
            name: None if upstream.account is not None else upstream.missing or "It is not configured."
            for name, upstream in self.upstreams.items()
        }
        return CheckProviders(self.store, self.routing, self.route_limits, self.clock, missing)

    @property
    def rest_routes(self) -> RestRoutes:
        return RestRoutes(self.store, self.routing, self.clock, operator())

    @property
    def accounts(self) -> ManageAccounts:
        return ManageAccounts(self.store, self.clock, self.digest, operator())

    @property
    def authenticate(self) -> Authenticate:
        return Authenticate(self.store, self.clock, self.digest, RateLimit(self.settings.wrong_keys_per_minute, 60))

    @property
    def sign_in(self) -> SignIn:
        return SignIn(self.store, self.clock, self.digest)

    @property
    def report_account(self) -> ReportAccount:
        return ReportAccount(self.store, self.clock)

    @property
    def keep(self) -> KeepPicture:
        return KeepPicture(self.intake, Keep(self.store, self.blobs, self.clock))

    @property
    def plan_task(self) -> PlanTask:
        return PlanTask(
            intake=self.intake,
            templates=self.templates,
            routing=self.routing,
            default_models=DefaultModels(self.settings.default_model, self.settings.multiview_model),
            check_webhook=self.webhook_http.check,
            account_templates=self.account_templates,
        )

    @property
    def quote(self) -> QuoteTask:
        return QuoteTask(self.store, self.plan_task, self.clock, self.settings.transcode_webp)

    @property
    def submit(self) -> Submit:
        settings = self.settings
        return Submit(
            store=self.store,
            keep_inline=KeepInlineImages(self.keep, self.scratch.folder, settings.transcode_webp),
            check_mask=CheckMask(self.store, self.blobs, self.intake, self.scratch.folder),
            plan=self.plan_task,
            signals=self.signals,
            clock=self.clock,
            limits=SubmitLimits(
                image_tasks=settings.account_tasks,
                queue_deadline_s=settings.queue_deadline_s,
                run_deadline_s=settings.run_deadline_s,
                transcode_webp=settings.transcode_webp,
            ),
            tracing=self.tracing,
            check_order=CheckOrder(self.store, self.clock, WordLists(self.store, self.clock), self.judge),
        )

    @property
    def moderation(self) -> ManageModeration:
        return ManageModeration(self.store, self.clock, operator())

    @property
    def judge(self) -> Judge | None:
        """The operator's judge; None where there is none."""
        settings = self.settings
        if settings.judge_url is None or settings.judge_secret is None:
            return None
        stages = settings.stages_of_judge
        return Judge(
            self.judge_http,
            settings.judge_url,
            settings.judge_secret.get_secret_value().encode(),
            self.clock,
            settings.judge_on_timeout,
            before_order=RefusalStage.ORDER in stages,
            before_delivery=RefusalStage.DELIVERY in stages,
        )

    @property
    def upload(self) -> TakeUpload:
        return TakeUpload(self.store, self.keep, self.clock, int(self.settings.upload_hours * 3_600_000))

    @property
    def issue_credentials(self) -> IssueUploadCredentials:
        return IssueUploadCredentials(
            self.session_tokens, self.clock, self.settings.resolved_public_url.partition("://")[2]
        )

    @property
    def find_owner(self) -> FindGrantOwner:
        return FindGrantOwner(self.store, self.clock)

    @property
    def take_object(self) -> TakeObject:
        return TakeObject(self.store, self.keep, self.clock, int(self.settings.upload_hours * 3_600_000))

    @property
    def find_object(self) -> FindObject:
        return FindObject(self.store, self.clock)

    @property
    def presign(self) -> Presign:
        return Presign(self.links, self.clock)

    @property
    def take_presigned(self) -> TakePresigned:
        return TakePresigned(self.store, self.upload, self.clock)

    @property
    def read(self) -> ReadTask:
        return ReadTask(self.store)

    @property
    def presigned(self) -> PresignedBucket | None:
        """What signs links of the bucket; None where pictures leave through Limner alone."""
        settings = self.settings
        if not settings.deliver_from_bucket:
            return None
        return presigned_bucket(settings.resolved_storage_url, settings.bucket_public_url)

    @property
    def open_picture(self) -> OpenPicture:
        settings, sign = self.settings, self._sign_copies() if self.settings.sign_images and is_installed() else None
        return OpenPicture(
            self.store, self.blobs, mark=settings.mark_images, sign=sign, require=settings.require_marking
        )

    @property
    def provenance(self) -> Provenance:
        settings = self.settings
        return Provenance(
            SigningConfiguration(
                settings.data / "provenance",
                settings.provenance_certificate,
                settings.provenance_key,
                shlex.split(settings.provenance_program),
                settings.provenance_time_stamps,
                settings.provenance_trusted,
            )
        )

    def _sign_copies(self) -> SignCopies:
        both = self.provenance
        keep = not self.settings.sign_vendors_images
        return SignCopies(self.store, self.blobs, both, both, self.clock, self.scratch.folder, keep_vendors=keep)

    @property
    def keep_task(self) -> KeepTask:
        return KeepTask(self.store)

    @property
    def erase_later(self) -> EraseLater:
        return EraseLater(self.store, self.clock)

    @property
    def lineage(self) -> ReadLineage:
        return ReadLineage(self.store)

    @property
    def detect_sent(self) -> Detect:
        """For what comes over HTTP, whose bodies are smaller than the files that a command reads."""
        return replace(self.detect, intake=self.sent_for_check)

    @property
    def detect(self) -> Detect:
        return Detect(
            self.store, self.checked, self.provenance if is_installed() else None, self.index_perceptual_hashes
        )

    @property
    def index_perceptual_hashes(self) -> IndexPerceptualHashes:
        return IndexPerceptualHashes(self.store, self.blobs, self.pictures, self.clock, self.scratch.folder)

    @property
    def thumbnails(self) -> Thumbnails:
        return Thumbnails(self.store, self.blobs, self.pictures.thumbnail, self.scratch.folder)

    @property
    def account_templates(self) -> AccountTemplates:
        folder = self.scratch.folder / "templates"
        return AccountTemplates(self.store, self.clock, self.templates, load_or_refuse, self.intake, folder)

    @property
    def list_tasks(self) -> ListTasks:
        return ListTasks(self.store)

    @property
    def explain(self) -> Explain:
        return Explain(self.store, self.templates, self.routing)

    @property
    def cancel(self) -> Cancel:
        return Cancel(self.store, self.signals, self.clock)

    @property
    def webhooks(self) -> ManageWebhooks:
        return ManageWebhooks(self.store, self.webhook_http, self.signing, self.clock, operator())

    @property
    def deliver(self) -> Deliver:
        limits = DeliveryLimits(lane=self.settings.webhooks_at_once)
        ports = (self.store, self.webhook_http, self.signing)
        return Deliver(*ports, partial(_task_body, links=self.links), self.clock, str(self.me), limits, self.tracing)

    @property
    def route_limits(self) -> RouteLimits:
        return RouteLimits({upstream.name: upstream.limits for upstream in self.upstreams.values()}, self.start_ms)

    @property
    def execute(self) -> ExecuteTask:
        references = PrepareReferences(self.store, self.blobs, self.intake, self.clock, self.settings.transcode_webp)
        journal = SpendJournal(self.store, self.clock, self.route_limits)
        keep = KeepImage(journal, self.routing, self.blobs, self.pictures, self.clock, self.disk_guard)
        judge = self.judge
        check = self._check_picture(journal, judge) if judge and judge.before_delivery else None
        # Nobody sees a picture before its verdict, and no part of it.
        previews = None if check else KeepPartialImage(self.store, self.blobs, self.pictures, self.clock)
        observe = ObserveAttempt(self.routing, self.telemetry, self.tracing)
        run_attempt = RunAttempt(journal, self.routing, keep, self.clock, self.disk_guard, observe, previews)
        return ExecuteTask(
            store=self.store,
            prepare=PrepareInputs(
                references, self.templates, self.settings.models, self.caller_of, self.account_templates
            ),
            generate=Generate(journal, self.routing, run_attempt, self.clock, check),
            stop_jobs=StopJobs(journal, self.routing, keep),
            clock=self.clock,
            workdirs=Workdirs(self.scratch.folder),
            tracing=self.tracing,
            await_marks=AwaitMarks(self.store, self.why_unmarkable) if self.settings.require_marking else None,
            await_verdict=AwaitVerdict(self.store, judge) if judge and judge.before_order else None,
        )

    def _check_picture(self, journal: SpendJournal, judge: Judge) -> CheckPicture:
        show = self.pictures.thumbnail
        scratch = self.scratch.folder
        return CheckPicture(self.store, journal, self.routing, self.blobs, show, judge, self.clock, scratch)

    async def why_unmarkable(self) -> str | None:
        """Why no picture could leave now where marks are required; None where it could."""
        if not self.settings.mark_images:
            return "marks are switched off (LIMNER_MARK_IMAGES)"
        if not (self.settings.sign_images and is_installed()):
            return None
        try:
            await asyncio.to_thread(lambda: self.provenance.key)
        except SigningFailed as error:
            return str(error)
        return None

    def caller_of(self, account: AccountId) -> str:
        """What vendors are told of an account: the same for all of its tasks, and of no use to find it."""
        return self.digest(f"caller {account}").hex()[:32]

    @property
    def delete_unreferenced(self) -> DeleteUnreferenced:
        return DeleteUnreferenced(
            self.store, self.blobs, self.clock, str(self.me), lambda owner: is_dead(owner, self.me)
        )

    @property
    def prune(self) -> Prune:
        return Prune(self.store, self.blobs, self.parts, self.clock, self.delete_unreferenced, policy(self.settings))

    @property
    def erase(self) -> Erase:
        return Erase(self.store, self.delete_unreferenced, self.clock, operator())

    @property
    def take_down(self) -> TakeDown:
        return TakeDown(self.erase)

    @property
    def erase_account(self) -> EraseAccount:
        return EraseAccount(self.store, self.erase, self.clock)

    @property
    def examine(self) -> CheckConsistency:
        return CheckConsistency(self.store, self.blobs, self.clock, lambda owner: is_dead(owner, self.me))

    async def scrub(self) -> bool:
        """Leave nothing of what was erased in the database's own files; whether that was possible just now."""
        return await asyncio.to_thread(scrub, self.settings.resolved_direct_url)

    def watch(self) -> Watch:
        """Build the one `Watch` of a process; all APIs share its read of the event feed."""
        return Watch(self.store, self.clock, WatchLimits(self.settings.watches, self.settings.account_watches))

    def worker(self) -> Worker:
        lease_ms = int(self.settings.lease_s * 1000)
        route_limits, routes = self.route_limits, self.routing.active_routes()
        dispatcher = Dispatcher(
            store=self.store,
            execute=self.execute,
            signals=self.signals,
            clock=self.clock,
            running=self.running,
            owner=str(self.me),
            lease_ms=lease_ms,
            capacity=self.settings.tasks_at_once,
            poll_s=self.settings.poll_s,
            claim_limits=lambda records, now_ms: route_limits.claim_limits(records, routes, now_ms),
            disk_guard=self.disk_guard,
            telemetry=self.telemetry,
            tracing=self.tracing,
        )
        return Worker(
            store=self.store,
            dispatcher=dispatcher,
            leases=LeaseRenewer(self.store, self.clock, self.running, str(self.me), lease_ms),
            rescuer=Rescuer(self.store, self.clock, dispatcher, self.me),
            running=self.running,
            drain_s=self.settings.drain_s,
            more={
                "janitor": Janitor(self.prune, self.clock, lambda: sweep(self.settings.scratch)).run,
                "eraser": Eraser(self.store, self.erase, self.clock).run,
                "perceptual_hashes": PerceptualHashIndexer(self.index_perceptual_hashes, self.clock).run,
                "webhooks": self.webhook_sender().run,
                "progress": ProgressWriter(self.store, self.clock, self.running).run,
                **self._provider_checker(),
            },
        )

    def _provider_checker(self) -> dict[str, WorkerLoop]:
        minutes = self.settings.provider_check_minutes
        if not minutes:
            return {}
        watch = WatchRoutes(self.store, self.check_providers, self.clock, int(minutes * 60_000))
        return {"providers": ProviderChecker(watch, self.clock, minutes * 60).run}

    def webhook_sender(self) -> WebhookSender:
        ports = (self.store, self.deliver, self.signals, self.clock)
        return WebhookSender(*ports, lambda owner: is_dead(owner, self.me), telemetry=self.telemetry)

    async def close(self) -> None:
        for provider in self.providers.values():
            await provider.close()
        await self.intake.close()
        await self.pictures.close()
        await self.webhook_http.close()
        await self.judge_http.close()
        await self.signals.close()
        await self.store.close()
        if self.traces:
            await asyncio.to_thread(self.traces.close)
        await asyncio.to_thread(self.scratch.close)


def prepare_data(settings: Settings) -> str:
    """Make the data folder, clear away what dead processes left in it, and bring the database up to date.

    Says what was done to the database.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # prompts and pictures are private
        settings.scratch.mkdir(exist_ok=True)
    except OSError as error:
        raise OSError(f"the data folder {settings.data} cannot be made or used: {error.strerror}") from error
    sweep(settings.scratch)
    return migrate(settings.resolved_direct_url)


def build(settings: Settings, *, measured: bool = False) -> Limner:
    """Wire the service over a prepared data folder, `measured` for a server or worker. Nothing runs yet.

    A server or worker that could serve no model raises `EngineMissing`.
    """
    secret = read_secret(settings)
    running = RunningTasks()
    signals = SharedSignals(running, open_relay(settings.resolved_direct_url))
    store, measuring = _open_store(settings, signals, running, measured=measured)
    reached = upstreams(settings)
    providers = find_providers(settings, reached)
    if measured:
        check_engine(settings, providers)
    decodes = DecodePool()
    return Limner(
        settings=settings,
        store=store,
        blobs=open_blobs(settings.resolved_storage_url),
        parts=open_parts(settings.resolved_storage_url),
        intake=ImageIntake(fetch_allow=FetchAllow.parse(settings.fetch_allow), pool=decodes),
        pictures=ImageIntake(limits=PICTURE_LIMITS, pool=decodes),
        checked=ImageIntake(limits=CHECKED_LIMITS, pool=decodes),
        sent_for_check=ImageIntake(limits=ImageLimits(min_side=1, purpose=CHECKED_LIMITS.purpose), pool=decodes),
        templates=load_templates(*([settings.templates] if settings.templates else [])),
        upstreams=reached,
        providers=providers,
        routing=route_all(settings, reached, providers),
        running=running,
        signals=signals,
        links=SignedLinks(secret, settings.resolved_public_url, int(settings.link_hours * 3600)),
        webhook_http=GuardedWebhookHttp(FetchAllow.parse(settings.fetch_allow), settings.webhook_timeout_s),
        judge_http=GuardedWebhookHttp(
            FetchAllow.parse(settings.judge_allow), settings.judge_timeout_s, reads_answers=True
        ),
        clock=SystemClock(),
        digest=HashKey(secret),
        signing=SigningSecret(secret),
        session_tokens=SessionTokenSigner(secret),
        scratch=open_scratch(settings.scratch),
        disk_guard=DiskGuard(partial(free_bytes, _folders_of_pictures(settings))),
        me=this_process(),
        start_ms=SystemClock().now_ms(),
        measuring=measuring,
        traces=_open_traces(settings) if measured else None,
    )


def _open_store(
    settings: Settings, signals: SharedSignals, running: RunningTasks, *, measured: bool
) -> "tuple[Store, Measuring | None]":
    """The store, and what measures it where it is `measured`."""
    url = settings.resolved_database_url
    if not measured:
        return open_store(url, signals.tasks_changed, pool=settings.pool), None
    from limner.telemetry.measuring import Measuring  # noqa: PLC0415 - a tenth of a second that no command needs

    measuring = Measuring(settings.metrics_listen, StatementCount(), lambda: len(running))
    measuring.metrics.connections.set(connections_of(url, settings.pool))

    def on_tasks_changed(changes: Sequence[StatusChange]) -> None:
        measuring.metrics.tasks_changed(changes)
        signals.tasks_changed(changes)

    store = open_store(url, on_tasks_changed, pool=settings.pool, statements=measuring.statements)
    return measuring.measured(store), measuring


def _open_traces(settings: Settings) -> "OtelTracing | None":
    if settings.traces_url is None:
        return None
    try:
        from limner.telemetry.tracing import OtelTracing  # noqa: PLC0415 - needs an extra, and takes a while
    except ModuleNotFoundError as error:
        raise TracesUnavailable(error.name) from error
    return OtelTracing(settings.traces_url, settings.traces_share)


class AgentsUnavailable(RuntimeError):
    """`/mcp` is asked for, and its packages are not installed."""

    def __init__(self, module: str | None) -> None:
        super().__init__(f"LIMNER_MCP is set and {module} is not installed: run `pip install limner[mcp]`, or unset it")


class TracesUnavailable(RuntimeError):
    """Traces are asked for, and OpenTelemetry is not installed."""

    def __init__(self, module: str | None) -> None:
        super().__init__(
            f"LIMNER_TRACES_URL is set and {module} is not installed: run `pip install limner[otel]`, or unset it"
        )


def _folders_of_pictures(settings: Settings) -> list[Path]:
    """Where pictures arrive, and where they are kept if that is a folder."""
    url = settings.resolved_storage_url
    return [settings.scratch, *([Path(url.removeprefix("file://"))] if url.startswith("file://") else [])]


def _task_body(seen: TaskView, account_tag: str, now_ms: int, *, links: Links) -> dict[str, Any]:
    """A task in a webhook's message: what GET /v2/openapi/task/{id} answers."""
    return task_body(seen, account_tag, links, now_ms)


def policy(settings: Settings) -> RetentionPolicy:
    """How long things are kept, as the settings say."""
    return RetentionPolicy(
        inputs_ms=_days_ms(settings.keep_inputs_days),
        results_ms=_days_ms(settings.keep_results_days),
        events_ms=_days_ms(settings.keep_events_days),
        unused_ms=int(settings.keep_unused_hours * 3_600_000),
    )


def _days_ms(days: float) -> int | None:
    return int(days * 86_400_000) if days else None


def route_all(settings: Settings, reached: Mapping[str, Upstream], providers: Mapping[str, Provider]) -> Routing:
    routes = routes_of(settings, frozenset(reached) | providers.keys())
    check_routes(routes, providers)
    return Routing(
        providers=providers,
        engine=settings.engine,
        deadline_s=float(settings.run_deadline_s),
        unknown_outcome=settings.unknown_outcome,
        routes=with_provider_facts(routes, providers, settings.models),
        always_use_engine=settings.fallback_to_builtin,
        fallback=settings.fallback,
        models=settings.models,
    )


def find_providers(settings: Settings, reached: Mapping[str, Upstream]) -> dict[str, Provider]:
    """Our own, the configured vendors', and what installed packages offer as entry points `limner.providers`."""
    vendors = {name: provider for name, upstream in reached.items() if (provider := upstream.open())}
    found: dict[str, Provider] = {"sandbox": SandboxProvider(settings.sandbox_delay_s), **vendors}
    for point in entry_points(group="limner.providers"):
        found[point.name] = point.load()()
    return found


def check_engine(settings: Settings, providers: Mapping[str, Provider]) -> None:
    """Raise `EngineMissing` where requests may need the engine and it is not installed."""
    vendors = upstreams(settings).keys() & providers.keys()
    if settings.engine not in providers and (settings.fallback_to_builtin or not vendors):
        raise EngineMissing(settings.engine)


class EngineMissing(RuntimeError):
    """The engine that shall serve the models is not installed.

    It keeps a server, a worker and `limner generate` from starting, and no command that only reads or administers.
    """

    def __init__(self, engine: str) -> None:
        super().__init__(
            f"no vendor is configured and the engine {engine!r} is not installed: set a vendor's key such as "
            "OPENAI_API_KEY, run `pip install limner[builtin]`, or set LIMNER_ENGINE=sandbox"
        )


LEAST_SECRET_BYTES = 32


class SecretTooShort(RuntimeError):
    """The secret file is empty or was cut off: what is signed with it could be forged."""

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(
            f"{path} holds {size} bytes, and a secret has at least {LEAST_SECRET_BYTES}: restore the file from a "
            "backup, or remove it and start again. A new secret ends all API keys, links and webhook secrets"
        )


def read_secret(settings: Settings) -> bytes:
    """The secret behind links and key hashes. The first start makes it, readable by its owner alone.

    Raises `SecretTooShort`.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    path = settings.data / "secret"
    if not path.exists():
        create_file(path, secrets.token_hex(32).encode())
    secret = path.read_bytes()
    if len(secret) < LEAST_SECRET_BYTES:
        raise SecretTooShort(path, len(secret))
    return secret


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Limner]:
    """The service for one command's use: prepared, wired, and closed at the end."""
    prepare_data(settings)
    limner = build(settings)
    try:
        yield limner
    finally:
        await limner.close()
