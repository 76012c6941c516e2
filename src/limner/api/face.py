"""What the HTTP faces are handed: the verbs of the service and the few things around them."""

from dataclasses import dataclass
from pathlib import Path

from limner.application.authenticate import Authenticate
from limner.application.cancel import Cancel
from limner.application.read import ReadTask
from limner.application.routing import Routing
from limner.application.submit import Submit
from limner.application.upload import TakeUpload
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.links import Links
from limner.ports.records import Store


@dataclass(frozen=True, slots=True)
class Face:
    authenticate: Authenticate
    submit: Submit
    read: ReadTask
    cancel: Cancel
    upload: TakeUpload
    routing: Routing
    links: Links
    store: Store
    blobs: BlobStore
    clock: Clock
    scratch: Path
    uploads_per_second: int
