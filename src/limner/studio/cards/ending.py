"""Why a task has no picture: what happened, what it cost, and what can be done next."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from limner.db.tables.attempts import Attempt
from limner.domain.model import Models
from limner.domain.refusal import Code
from limner.domain.routing.failure import FailureKind
from limner.domain.tasks.task import Status, Task
from limner.studio.texts import Texts
from limner.studio.vendor_titles import vendor_title

_REFERENCES = frozenset({Code.FILE_NOT_FOUND, Code.IMAGE_EMPTY, Code.IMAGE_TYPE_UNSUPPORTED, Code.IMAGE_TOO_LARGE})
_FIELD = re.compile(r"^files?(?:\[(\d+)\])?(?:\.\w+)?: ")
"""How the reason of a refused reference begins: with `files[0]: `, or `file: ` for a single one."""

_KINDS = frozenset(FailureKind)
_OTHER_MODEL = frozenset(
    {
        FailureKind.NO_IMAGE,
        FailureKind.AUTH,
        FailureKind.QUOTA_EXHAUSTED,
        FailureKind.MODEL_UNAVAILABLE,
        FailureKind.BAD_INPUT,
        FailureKind.UNSUPPORTED_OUTPUT,
    }
)
"""Failures that the same request would meet again, while another model may draw it."""


@dataclass(frozen=True, slots=True)
class CardAction:
    """A button on a card whose task ended without a picture. `act` is a name of `acts.js`, `value` is its argument."""

    label: str
    act: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class CardEnd:
    """Why there is no picture: a heading, what happened, what it cost and what to do next."""

    icon: str
    label: str
    say: str
    more: str
    cost: str
    actions: Sequence[CardAction] = ()


@dataclass(frozen=True, slots=True)
class Endings:
    """Tells how tasks ended, in one language; `models` are those that another try may use, the preferred first."""

    t: Texts
    models: Models
    served: Sequence[str] = ()

    def of(self, task: Task, attempts: Sequence[Attempt]) -> CardEnd | None:
        """None for a task under way and for one with a picture."""
        if not task.status.final or task.result:
            return None
        t, last = self.t, attempts[-1] if attempts else None
        match task.status:
            case Status.SUCCESS:
                paid = t.plural("{n} credit was paid", "{n} credits were paid", task.consumed)
                return CardEnd("trash-2", t("Erased"), t("Words and picture are gone"), t("The receipt stays."), paid)
            case Status.BANNED:
                return self._refused(task, last)
            case Status.EXPIRED:
                return self._expired(task)
            case Status.CANCELLED:
                return self._cancelled(task)
            case _:
                return self._failed(task, attempts)

    def _refused(self, task: Task, last: Attempt | None) -> CardEnd:
        t = self.t
        say = t("The policy of {vendor} refused it", vendor=self._vendor(last)) if last else t("A policy refused it")
        more = _numbered(task.error_msg or "") or t("Leave out real people, or use a model with other rules.")
        edit = CardAction(t("Edit the prompt"), "vary")
        return CardEnd("ban", t("Refused"), say, more, t("Not charged"), [edit])

    def _expired(self, task: Task) -> CardEnd:
        t, minutes = self.t, max(1, round((task.queue_deadline_ms - task.created_ms) / 60_000))
        say = t.plural("{n} minute in the queue, and no room", "{n} minutes in the queue, and no room", minutes)
        return CardEnd("hourglass", t("Waited too long"), say, "", t("Not charged"), [self._again, self._edit])

    def _cancelled(self, task: Task) -> CardEnd:
        t = self.t
        say = t("You cancelled it") if task.started_ms else t("You cancelled it in the queue")
        back = t.plural("{n} credit came back", "{n} credits came back", task.price - task.consumed)
        return CardEnd("circle-x", t("Cancelled"), say, "", back, [self._again])

    def _failed(self, task: Task, attempts: Sequence[Attempt]) -> CardEnd:
        say, more = self._cause(task, attempts)
        failed = _failed_attempt(attempts)
        actions = self._ways_on(task, FailureKind(str(failed.outcome)) if failed else None)
        return CardEnd("circle-alert", self.t("No picture"), say, more, self.t("Not charged"), actions)

    def _cause(self, task: Task, attempts: Sequence[Attempt]) -> tuple[str, str]:
        """What happened, and what more is known of it."""
        t, said = self.t, _numbered(task.error_msg or "")
        if _reference_at_fault(task):
            return self._reference(task.error_code), said
        failed = _failed_attempt(attempts)
        if failed is None:
            return t("No picture was made"), said
        vendor, kind = self._vendor(failed), FailureKind(str(failed.outcome))
        tried = t.plural("Asked once at {vendor}.", "Asked {n} times, last at {vendor}.", len(attempts), vendor=vendor)
        if kind is FailureKind.NO_IMAGE:
            return t("The vendor answered with words, not a picture"), f"{tried} {t('Another model often draws it.')}"
        if kind is FailureKind.UNKNOWN_OUTCOME:
            unsure = t("Nobody can say whether {vendor} did the work. It was not ordered twice.", vendor=vendor)
            return t("The connection broke in the middle"), unsure
        return self._kind(kind), f"{tried} {said}"

    def _reference(self, code: int | None) -> str:
        t = self.t
        match code:
            case Code.IMAGE_EMPTY:
                return t("A reference cannot be opened")
            case Code.IMAGE_TYPE_UNSUPPORTED:
                return t("A reference has a format that the model does not take")
            case Code.IMAGE_TOO_LARGE:
                return t("A reference is too large")
            case Code.FILE_NOT_FOUND:
                return t("A reference could not be fetched")
            case _:
                return t("A reference cannot be used")

    def _kind(self, kind: FailureKind) -> str:
        """The sentence for a kind of failure that needs no more than its vendor and the reason."""
        t = self.t
        refused, no_orders = t("The vendor refused the request"), t("The vendor takes no orders from this server")
        said = {
            FailureKind.CONTENT_POLICY: refused,
            FailureKind.BAD_INPUT: refused,
            FailureKind.AUTH: no_orders,
            FailureKind.QUOTA_EXHAUSTED: no_orders,
            FailureKind.TRANSIENT: t("The vendor is out of order"),
            FailureKind.MODEL_UNAVAILABLE: t("The vendor does not have this model"),
            FailureKind.RATE_LIMITED: t("The vendor had no room"),
            FailureKind.TIMEOUT: t("The vendor took too long"),
            FailureKind.BAD_OUTPUT: t("The vendor’s picture cannot be used"),
            FailureKind.UNSUPPORTED_OUTPUT: t("The vendor’s answer cannot be read"),
            FailureKind.CANCELLED: t("The vendor cancelled it"),
        }
        return said.get(kind) or t("The vendor gave no picture")

    # --- what can be done next ----------------------------------------------------------------------------------

    def _ways_on(self, task: Task, kind: FailureKind | None) -> Sequence[CardAction]:
        if _reference_at_fault(task):
            return [self._replace(task.error_msg or "")]
        other = self._other(task) if kind in _OTHER_MODEL else None
        return [other or self._again, self._edit]

    def _replace(self, said: str) -> CardAction:
        number = _position(said)
        if number is None:
            return CardAction(self.t("Replace it"), "vary")
        return CardAction(self.t("Replace {name}", name=f"image[{number}]"), "replace", str(number))

    def _other(self, task: Task) -> CardAction | None:
        """Another model that takes as many pictures as this one does."""
        asked = self.models.called(task.model)
        needed = asked.reference_cap if asked else 0
        for name in self.served:
            if name != task.model and (not needed or self.models[name].reference_cap):
                return CardAction(self.t("Try with {model}", model=self.models[name].title), "vary", name)
        return None

    def _vendor(self, attempt: Attempt | None) -> str:
        return vendor_title(attempt.provider, self.t) if attempt else ""

    @property
    def _again(self) -> CardAction:
        return CardAction(self.t("Send again"), "again")

    @property
    def _edit(self) -> CardAction:
        return CardAction(self.t("Edit"), "vary")


def _failed_attempt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that a task failed by: the last failed one, but not one that was stopped because of another."""
    failed = [each for each in attempts if each.outcome in _KINDS]
    return next(
        (each for each in reversed(failed) if each.outcome != FailureKind.CANCELLED), failed[-1] if failed else None
    )


def _reference_at_fault(task: Task) -> bool:
    """Whether a reference could not be used."""
    return _FIELD.match(task.error_msg or "") is not None or task.error_code in _REFERENCES


def _position(said: str) -> int | None:
    """The number of the reference that a reason begins with; the first is 1."""
    found = _FIELD.match(said)
    return int(found[1] or 0) + 1 if found else None


def _numbered(said: str) -> str:
    """A reason as a sentence, that names a reference as the composer does: `image[1]` is the first."""
    number = _position(said)
    said = f"image[{number}]: {_FIELD.sub('', said)}" if number else said[:1].upper() + said[1:]
    return said if not said or said.endswith((".", "。", "!", "?")) else f"{said}."
