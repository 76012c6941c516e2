"""The application services that HTTP handlers use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from limner.api.http.authentication import Authentication
from limner.api.http.rate_limits import RequestRate
from limner.application.accounts.manage import ManageAccounts
from limner.application.accounts.sign_in import SignIn
from limner.application.explain import Explain
from limner.application.generation.routing import Routing
from limner.application.images.open_picture import OpenPicture
from limner.application.images.presign import Presign, TakePresigned
from limner.application.images.upload import TakeUpload
from limner.application.images.upload_credentials import IssueUploadCredentials
from limner.application.library.erase_later import EraseLater
from limner.application.library.keep_tasks import KeepTask
from limner.application.library.lineage import ReadLineage
from limner.application.library.listing import ListTasks
from limner.application.library.templates import AccountTemplates
from limner.application.library.thumbnails import Thumbnails
from limner.application.moderation.appeals import ManageModeration
from limner.application.operations.check_providers import CheckProviders
from limner.application.operations.overview import ReadOverview
from limner.application.operations.rest_routes import RestRoutes
from limner.application.provenance.detect import Detect
from limner.application.read import ReadTask, TaskView
from limner.application.readiness import Readiness
from limner.application.retention.check_consistency import CheckConsistency
from limner.application.retention.erase import EraseAccount
from limner.application.retention.prune import Prune
from limner.application.route_statistics.read import ReadRouteStatistics
from limner.application.tasks.cancel import Cancel
from limner.application.tasks.quote import QuoteTask
from limner.application.tasks.repeats import Repeats
from limner.application.tasks.submit import Submit
from limner.application.watching.wait_for_end import WaitForEnd
from limner.application.watching.watch import Watch
from limner.application.webhooks.manage import ManageWebhooks
from limner.db.store import Store
from limner.ports.blobs import PresignsBlobs
from limner.ports.clock import Clock
from limner.ports.links import Links
from limner.ports.tracing import Tracing

SERVED_BY = "X-Limner-Served-By"


@dataclass(frozen=True, slots=True)
class OperatorServices:
    """What the API for operators uses, the same as the command line."""

    store: Store
    clock: Clock
    accounts: ManageAccounts
    moderation: ManageModeration
    webhooks: ManageWebhooks
    rest_routes: RestRoutes
    check_providers: CheckProviders
    read_overview: ReadOverview
    read_route_statistics: ReadRouteStatistics
    prune: Prune
    examine: CheckConsistency
    read: ReadTask
    list_tasks: ListTasks
    explain: Explain
    lineage: ReadLineage
    cancel: Cancel
    keep_task: KeepTask
    erase_account: EraseAccount
    scrub: Callable[[], Awaitable[bool]]
    templates: AccountTemplates
    sign_in: SignIn
    links: Links
    public_url: str
    credit_usd: float
    free_bytes: Callable[[], int]
    """What is left of the disk that pictures go to; it may block."""


DETECTIONS_PER_SECOND = 5
"""For each account: a picture is decoded, which is the dearest thing that a free call does."""


@dataclass(frozen=True, slots=True)
class Services:
    authentication: Authentication
    submit: Submit
    quote: QuoteTask
    read: ReadTask
    list_tasks: ListTasks
    keep_task: KeepTask
    erase_later: EraseLater
    lineage: ReadLineage
    explain: Explain
    thumbnails: Thumbnails
    templates: AccountTemplates
    cancel: Cancel
    upload: TakeUpload
    issue_credentials: IssueUploadCredentials
    presign: Presign
    take_presigned: TakePresigned
    routing: Routing
    links: Links
    store: Store
    open_picture: OpenPicture
    presigned: PresignsBlobs | None
    """Where clients may fetch pictures from the bucket."""

    detect: Detect
    moderation: ManageModeration
    clock: Clock
    scratch: Path
    upload_rate: RequestRate
    create_rate: RequestRate | None
    watch: Watch
    wait_for_end: WaitForEnd
    repeats: Repeats
    webhooks: ManageWebhooks
    readiness: Readiness
    read_route_statistics: ReadRouteStatistics
    operators: OperatorServices
    tracing: Tracing
    detect_rate: RequestRate = field(default_factory=partial(RequestRate, DETECTIONS_PER_SECOND, "detections"))
    metrics_page: Callable[[], Awaitable[bytes]] | None = None
    """The metrics as text; None where they are not served on this address."""

    def served_by(self, seen: TaskView) -> dict[str, str]:
        """The header with the provider that served the task, or the first open route of its model."""
        provider = (seen.task.served_by or {}).get("provider")
        return {SERVED_BY: str(provider or self.routing.served_by(seen.task.model))}
