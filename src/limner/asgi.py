"""The ASGI application. For other servers: `uvicorn --factory limner.asgi:create`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from limner.api.app import RequestLimits, create_app
from limner.api.http.authentication import Authentication
from limner.api.http.rate_limits import RequestRate
from limner.api.s3.bucket import UploadBucket
from limner.api.service_container import OperatorServices, Services
from limner.application.operations.overview import ReadOverview
from limner.application.readiness import Readiness
from limner.application.route_statistics.read import ReadRouteStatistics
from limner.application.tasks.repeats import Repeats
from limner.application.watching.wait_for_end import WaitForEnd
from limner.application.watching.watch import Watch
from limner.bootstrap import AgentsUnavailable, Limner, build, prepare_data
from limner.domain.network.proxies import TrustedProxies
from limner.settings import Settings, load_settings
from limner.studio.studio import Studio, studio_pages
from limner.telemetry.logs import configure_logs
from limner.worker.worker import Worker

if TYPE_CHECKING:
    from limner.agents.endpoint import AgentEndpoint


def create(settings: Settings | None = None, *, with_worker: bool = True) -> Starlette:
    """The application on its data folder, with a worker in the process if `with_worker`."""
    settings = settings or load_settings()
    configure_logs(settings.log_format, settings.log_level, settings.secrets)
    prepare_data(settings)
    limner = build(settings, measured=True)
    return application(limner, worker=limner.worker() if with_worker else None)


def application(limner: Limner, *, worker: Worker | None) -> Starlette:
    """`state.drain` of the application is called when a stop was asked for, before the worker is stopped."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        limner.signals.start()
        if limner.measuring:
            await limner.measuring.start(overview)
        watch.start(limner.signals)
        if worker:
            worker.start()
        async with endpoint.running() if endpoint else nullcontext():
            yield
        await watch.stop()
        if worker:
            await worker.stop()
        if limner.measuring:
            await limner.measuring.stop()
        await limner.close()

    watch, overview = limner.watch(), limner.read_overview()
    uploads = RequestRate(limner.settings.uploads_per_second, "uploads")  # shared by all upload methods
    readiness = Readiness(limner.store, limner.blobs, limner.clock, worker.is_running if worker else None)
    services = _services(limner, watch, uploads, readiness, overview)
    studio = Studio(
        services=services,
        sign_in=limner.sign_in,
        templates=limner.templates,
        explain=limner.explain,
        report=limner.report_account,
        accounts=replace(limner.accounts, actor="studio"),
        disk_guard=limner.disk_guard,
    )
    endpoint = _agent_endpoint(limner.settings, services.authentication)
    limits, pages = _request_limits(limner.settings), studio_pages(studio)
    app = create_app(services, _bucket(limner, uploads), lifespan, limits, pages=pages, agents=endpoint)
    if endpoint:
        endpoint.app = app

    def drain() -> None:
        readiness.draining = True
        services.wait_for_end.stop()

    app.state.drain = drain
    return app


def _agent_endpoint(settings: Settings, authentication: Authentication) -> "AgentEndpoint | None":
    if not settings.mcp:
        return None
    try:
        from limner.agents.endpoint import AgentEndpoint  # noqa: PLC0415 - needs an extra, and takes a while
    except ModuleNotFoundError as error:
        raise AgentsUnavailable(error.name) from error
    return AgentEndpoint(authentication)


def _services(
    limner: Limner, watch: Watch, uploads: RequestRate, readiness: Readiness, overview: ReadOverview
) -> Services:
    return Services(
        authentication=_authentication(limner),
        submit=limner.submit,
        quote=limner.quote,
        read=limner.read,
        list_tasks=limner.list_tasks,
        keep_task=limner.keep_task,
        erase_later=limner.erase_later,
        lineage=limner.lineage,
        explain=limner.explain,
        thumbnails=limner.thumbnails,
        templates=limner.account_templates,
        cancel=limner.cancel,
        upload=limner.upload,
        issue_credentials=limner.issue_credentials,
        presign=limner.presign,
        take_presigned=limner.take_presigned,
        routing=limner.routing,
        links=limner.links,
        store=limner.store,
        open_picture=limner.open_picture,
        presigned=limner.presigned,
        detect=limner.detect_sent,
        moderation=limner.moderation,
        clock=limner.clock,
        scratch=limner.scratch.folder,
        upload_rate=uploads,
        create_rate=RequestRate(creates, "creates") if (creates := limner.settings.creates_per_second) else None,
        watch=watch,
        wait_for_end=WaitForEnd(watch),
        repeats=Repeats(limner.store, limner.clock),
        webhooks=replace(limner.webhooks, actor=None),
        readiness=readiness,
        read_route_statistics=(statistics := limner.read_route_statistics()),
        operators=_operators(limner, overview, statistics),
        tracing=limner.tracing,
        metrics_page=limner.measuring.public_page if limner.measuring else None,
    )


def _operators(limner: Limner, overview: ReadOverview, statistics: ReadRouteStatistics) -> OperatorServices:
    return OperatorServices(
        store=limner.store,
        clock=limner.clock,
        free_bytes=limner.disk_guard.free,
        accounts=limner.accounts,
        moderation=limner.moderation,
        webhooks=limner.webhooks,
        rest_routes=limner.rest_routes,
        check_providers=limner.check_providers,
        read_overview=overview,
        read_route_statistics=statistics,
        prune=limner.prune,
        examine=limner.examine,
        read=limner.read,
        list_tasks=limner.list_tasks,
        explain=limner.explain,
        lineage=limner.lineage,
        cancel=limner.cancel,
        keep_task=limner.keep_task,
        erase_account=limner.erase_account,
        scrub=limner.scrub,
        templates=limner.account_templates,
        sign_in=limner.sign_in,
        links=limner.links,
        public_url=limner.settings.resolved_public_url,
        credit_usd=limner.settings.credit_usd,
    )


def _request_limits(settings: Settings) -> RequestLimits:
    return RequestLimits(
        at_once=settings.requests_at_once,
        memory=settings.large_bodies_mib * 1024 * 1024,
        slow_s=settings.slow_client_s,
        cors_origins=settings.allowed_origins,
        access_log=settings.access_log,
        public_path=settings.public_path,
        a1111=settings.a1111,
    )


def _authentication(limner: Limner) -> Authentication:
    proxies = TrustedProxies.parse(limner.settings.trusted_proxies)
    return Authentication(limner.authenticate, RequestRate(1, "requests"), proxies, limner.clock)


def _bucket(limner: Limner, uploads: RequestRate) -> UploadBucket:
    return UploadBucket(
        session_tokens=limner.session_tokens,
        find_owner=limner.find_owner,
        take=limner.take_object,
        find=limner.find_object,
        parts=limner.parts,
        clock=limner.clock,
        scratch=limner.scratch.folder,
        rate=uploads,
    )
