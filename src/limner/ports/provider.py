"""The provider port: the request for one image, and the answers of a vendor."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from limner.domain.network.ip_address import Address
from limner.domain.picture_size import exact_size, shape_of
from limner.domain.prompts.dialect import PromptDialect, dialect_named_in
from limner.domain.routing.abilities import NO_ABILITIES, Abilities, SizeLimits
from limner.domain.routing.failure import Failure
from limner.domain.routing.prices import NO_PRICES, Prices
from limner.domain.tasks.spec import TaskSpec

ProxyFor = Callable[[str], str | None]
"""The URL of the proxy for a request to a URL; None for a direct connection."""

Allows = Callable[[str, Address | None, int], bool]
"""Whether the operator allows fetching from a host, an address (None before it is resolved) and a port."""


def allows_none(_host: str, _address: Address | None, _port: int) -> bool:
    return False


def no_proxy(_url: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class VendorAccount:
    """A vendor's address and our credentials. `options` are the adapter's own, as which hosts may see the key.

    Deliveries are fetched from hosts that are not public only if `base_url` is not public or `allows` permits it.
    """

    base_url: str
    key: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    allows: Allows = field(default=allows_none, repr=False)
    proxy_for: ProxyFor = field(default=no_proxy, repr=False)


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """One reference image, normalised, on the local disk for as long as the task runs."""

    path: Path
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the vendor made it: a file inside the request's `workdir`, or the bytes of a small one.

    Nobody writes to the file any more: the store may share its bytes.
    """

    source: Path | bytes


OnPartialImage = Callable[[int, Picture], Awaitable[None]]
"""Takes a preview and its number, from 0. It raises nothing, and returns soon."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One attempt's request to one provider, for one image.

    `prompt` and `aspect_ratio` were composed for the model. `spec` is what the caller asked, with the prompt of this
    image, for an engine that follows instructions rather than prose. `references` are the caller's images, of which
    there are `own_references`, then the template's. `view` is the side to show where nothing else is asked. Of the
    fields of `spec` that only some vendors obey, those are set that the provider declares for this route. `mask` is of
    the size of the first reference: its transparent parts are drawn anew. Images are written to `workdir`, a scratch
    folder for this image (see `Provider`). `options` are those of the route. `deadline_s` bounds one call. `caller`
    tells the callers of this server apart and names none, for vendors that watch for abuse. `on_partial_image` takes
    previews, where it is set.
    """

    task_id: str
    attempt_id: str
    upstream: str
    prompt: str
    spec: TaskSpec
    references: tuple[ReferenceImage, ...]
    aspect_ratio: str | None
    seed: int
    workdir: Path
    own_references: int = 0
    mask: ReferenceImage | None = None
    view: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = 600.0
    caller: str = ""
    on_partial_image: OnPartialImage | None = None

    def pixels(self, limits: SizeLimits) -> tuple[int, int] | None:
        """Width and height of the size that the caller asked for, within these limits; None where it asked for none.

        A class takes the requested shape, else that of the caller's first image, else a square.
        """
        size = self.spec.size
        if size is None:
            return None
        if sides := exact_size(size):
            return limits.nearest(*sides)
        first = self.references[0] if self.own_references else None
        return limits.of_class(size, self.aspect_ratio or (shape_of(first.width, first.height) if first else "1:1"))


@dataclass(frozen=True, slots=True)
class Delivered:
    """The job is done. `served_by` is shown to the caller; `cost_usd` is what the vendor charged, where known."""

    picture: Picture
    served_by: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor accepted the job under a handle; poll after `wait_s` seconds."""

    handle: Mapping[str, Any]
    wait_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Pending:
    """The job is not done. `progress` is the vendor's own figure, 0 to 100, where there is one.

    `queued` says that the vendor has not begun to work on it, where the vendor tells that.
    `handle` replaces the handle where it changed; it is journaled before the next poll.
    """

    progress: int | None = None
    wait_s: float = 1.0
    handle: Mapping[str, Any] | None = None
    queued: bool = False


Report = Callable[[int], None]
"""Called by a provider with 0 to 100 while it works; cheap, and safe to call from any thread."""


@dataclass(frozen=True, slots=True)
class UpstreamCheck:
    """The result of a vendor's free check. `says` is one line for the operator."""

    well: bool
    says: str


@runtime_checkable
class ChecksUpstreams(Protocol):
    """A provider whose vendor has a free call that checks the key and the models."""

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        """Check the key, and the `upstreams` where the vendor lists its models. Failures are returned, not raised."""
        ...


@dataclass(frozen=True, slots=True)
class ServerState:
    """One of several servers: whether it takes requests, and a line for the operator."""

    url: str
    well: bool
    says: str


@runtime_checkable
class HasServers(Protocol):
    """A provider over several servers of the operator's."""

    async def states(self) -> Sequence[ServerState]:
        """What each server is, asked now, by calls that cost nothing."""
        ...


@runtime_checkable
class ValidatesRoute(Protocol):
    """A provider that checks routes when they are configured. The account's options are checked by its constructor."""

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        """Why no request under this name with these options can be sent; None where it can. No network."""
        ...


@runtime_checkable
class CapsReferences(Protocol):
    """A provider that knows how many reference pictures its upstreams take."""

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:
        """The most reference pictures of one request under this name, with a route's options; 0 for a text-only one.

        None where the provider sets no limit or does not know the upstream. No network; it may read a small local
        file, so call it at start-up or in a thread.
        """
        ...


@runtime_checkable
class DeclaresAbilities(Protocol):
    """A provider that says which fields of a task its upstreams obey."""

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        """What is obeyed under this name with a route's options; a field that the options fix is not. No network."""
        ...


def abilities_of(provider: object, upstream: str, options: Mapping[str, Any]) -> Abilities:
    """What the provider declares; nothing for one that declares nothing, or is not configured."""
    return provider.abilities(upstream, options) if isinstance(provider, DeclaresAbilities) else NO_ABILITIES


@runtime_checkable
class KnowsPrices(Protocol):
    """A provider that knows the list prices of its upstreams."""

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        """What a picture costs with a route's options, by what callers may ask of it."""
        ...


def prices_of(provider: object, upstream: str, options: Mapping[str, Any]) -> Prices:
    """What the provider says; no price for one that knows none, or is not configured."""
    return provider.prices(upstream, options) if isinstance(provider, KnowsPrices) else NO_PRICES


@runtime_checkable
class KnowsDialects(Protocol):
    """A provider that knows how its upstreams expect their prompts."""

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
        """How the upstream's family expects a prompt. It may read a small local file, as `reference_cap`."""
        ...


def dialect_of(provider: object, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
    """What the provider says; for one that says nothing, what the name of the upstream, or of its family, says."""
    if isinstance(provider, KnowsDialects):
        return provider.dialect(upstream, options)
    return dialect_named_in(str(options.get("family", upstream)))


@dataclass(frozen=True, slots=True)
class JobCancellation:
    """A vendor's answer to a request to stop a job.

    `accepted` says that the vendor will stop the job, or that it has ended already. `detail` is one line for the
    journal and never holds a secret.
    """

    accepted: bool
    detail: str


@runtime_checkable
class CancelsJobs(Protocol):
    """A provider whose vendor can be asked to stop a job."""

    async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
        """Ask the vendor to stop the job with this handle. Best effort: one request, no retry, no failure is raised.

        `request` is what `poll` would get; its `deadline_s` bounds the call, which takes 10 seconds at most. The job
        may be charged all the same.
        """
        ...


def expects_workdir(provider: "Provider") -> bool:
    """Whether the folder of a request must exist: not for a provider that makes it where it is needed."""
    return not getattr(provider, "makes_workdir", False)


class Provider(Protocol):
    """One vendor's protocol. Failures come back as values; only a bug raises.

    `resumable` providers answer `submit` with `Accepted` and can be polled by handle after a crash. `free` providers
    cost nothing, so that they may be called again after an unknown outcome. A provider may have an attribute
    `makes_workdir = True`: then it makes the folder of a request itself, when it has something to write there.
    """

    name: str
    resumable: bool
    free: bool

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        """Send the request. A synchronous vendor answers with the image, an asynchronous one with a handle."""
        ...

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        """Poll a job by its handle, and fetch its image once it is done.

        A poll without an answer (connection, 5xx, 429) is `Pending`: `Failure` says that the job itself ended.
        """
        ...

    async def close(self) -> None:
        """Close connections and child processes."""
        ...
