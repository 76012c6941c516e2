"""What the HTTP faces are handed: the verbs of the service and the few things around them."""

from dataclasses import dataclass
from pathlib import Path

from limner.api.gate import Gate
from limner.api.pace import Pace
from limner.application.cancel import Cancel
from limner.application.credentials import IssueUploadCredentials
from limner.application.presign import Presign, TakePresigned
from limner.application.read import ReadTask, Seen
from limner.application.routing import Routing
from limner.application.submit import Submit
from limner.application.upload import TakeUpload
from limner.application.watch import Watch
from limner.application.webhooks import Webhooks
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.links import Links
from limner.ports.records import Store

SERVED_BY = "X-Limner-Served-By"


@dataclass(frozen=True, slots=True)
class Face:
    gate: Gate
    submit: Submit
    read: ReadTask
    cancel: Cancel
    upload: TakeUpload
    issue_credentials: IssueUploadCredentials
    presign: Presign
    take_presigned: TakePresigned
    routing: Routing
    links: Links
    store: Store
    blobs: BlobStore
    clock: Clock
    scratch: Path
    upload_pace: Pace
    create_pace: Pace | None
    watch: Watch
    webhooks: Webhooks

    def served_by(self, seen: Seen) -> dict[str, str]:
        """The header that names what served the task, or would serve it now."""
        provider = (seen.task.served_by or {}).get("provider")
        return {SERVED_BY: str(provider or self.routing.served_by(seen.task.model))}
