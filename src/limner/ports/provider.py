"""What a task asks of a model, and what may come back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from limner.domain.network.ip_address import Address
from limner.domain.routing.failure import Failure

Allows = Callable[[str, Address | None, int], bool]
"""Whether the operator lets us fetch from a host, at an address where that is known, and a port, public or not."""


def allows_none(_host: str, _address: Address | None, _port: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class VendorAccount:
    """Where a vendor is reached, and as whom. `options` are the adapter's own: which hosts may see the key, say.

    Its deliveries may lie on hosts that are not public where `base_url` is not, or where `allows` says so.
    """

    base_url: str
    key: str = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    allows: Allows = field(default=allows_none, repr=False)


@dataclass(frozen=True, slots=True)
class ReferenceImage:
    """One reference picture, normalised, on this machine's disk for as long as the attempt runs."""

    path: Path
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One attempt's order to one provider.

    `prompt` is the composed prompt in the words this model likes; `brief` is what the caller asked, for an
    engine that follows instructions rather than prose. `references` are the caller's pictures in their own order, then
    the template's. `options` are the route's own, for what one vendor knows and the others don't. `deadline_s` is what
    is left of the time for one call. `workdir` is a scratch folder of this task: pictures are written there.
    """

    task_id: str
    attempt_id: str
    upstream: str
    prompt: str
    brief: "CallerRequest"
    references: tuple[ReferenceImage, ...]
    aspect_ratio: str | None
    seed: int
    workdir: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = 600.0


@dataclass(frozen=True, slots=True)
class CallerRequest:
    """The caller's wishes before they were composed into one prompt.

    `view` is the side to show, where nothing else is wished.
    """

    prompt: str
    template: str | None
    t_pose: bool
    sketch_to_render: bool
    own_references: int
    view: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a provider delivered: a file inside the order's `workdir`, as the vendor made it."""

    path: Path


@dataclass(frozen=True, slots=True)
class Delivered:
    """The work is done. `served_by` is shown to the caller; `cost_usd` is what the vendor charged, where known."""

    picture: Picture
    served_by: Mapping[str, Any] = field(default_factory=dict)
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took the job and gave a handle; ask again after `wait_s` seconds."""

    handle: Mapping[str, Any]
    wait_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Pending:
    """The job is not done. `progress` is the vendor's own figure, 0 to 100, where it tells one.

    `handle` is the handle to ask by from now on, where it has changed; it is journaled before the next question.
    """

    progress: int | None = None
    wait_s: float = 1.0
    handle: Mapping[str, Any] | None = None


Report = Callable[[int], None]
"""Called by a provider with 0 to 100 while it works; cheap, and safe to call from any thread."""


@dataclass(frozen=True, slots=True)
class UpstreamCheck:
    """What a vendor answered to a question that costs nothing. `says` is one line for the operator."""

    well: bool
    says: str


@runtime_checkable
class ChecksUpstreams(Protocol):
    """A provider whose vendor can be asked whether it knows us."""

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        """Ask; `upstreams` are the names that our routes order by. Every failure is an answer, none is raised."""
        ...


@runtime_checkable
class ValidatesRoute(Protocol):
    """A provider that tells beforehand which orders it would not take. Its account's options it checks when made."""

    def unfit(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        """Why no order under this name with a route's options would go out; None where it would. Nobody is asked."""
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


class Provider(Protocol):
    """One vendor's protocol. Failures come back as values; only a bug raises.

    `resumable` providers answer `submit` with `Accepted` and can be asked by handle after a crash. `free`
    providers may be called again after an unknown outcome, for nothing is bought.
    """

    name: str
    resumable: bool
    free: bool

    async def submit(self, order: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:
        """Send the order. A synchronous vendor answers with the picture, an asynchronous one with a handle."""
        ...

    async def poll(self, handle: Mapping[str, Any], order: GenerationRequest) -> Delivered | Pending | Failure:
        """Ask after a job by its handle; fetch the picture once it is there.

        A question that got no answer (connection, 5xx, 429) is `Pending`: `Failure` says that the job itself ended.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and child processes."""
        ...
