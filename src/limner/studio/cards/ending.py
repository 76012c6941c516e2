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
_FIELD = re.compile(r"\bfiles?(?:\[(\d+)\])?(?=[:. ])")
"""How a refusal names a reference: `files[0]`, or `file` for a single one."""

_OUT_OF_ORDER = frozenset({FailureKind.TRANSIENT, FailureKind.MODEL_UNAVAILABLE})
_OF_THE_OPERATOR = frozenset({FailureKind.AUTH, FailureKind.QUOTA_EXHAUSTED})
_SPOILT = frozenset({FailureKind.BAD_OUTPUT, FailureKind.UNSUPPORTED_OUTPUT})


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
        more = task.error_msg or t("Leave out real people, or use a model with other rules.")
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
        actions = [self._replace(task.error_msg)] if task.error_code in _REFERENCES else [self._again, self._edit]
        if attempts and attempts[-1].outcome == FailureKind.NO_IMAGE and (other := self._other(task)):
            actions = [other, self._edit]
        return CardEnd("circle-alert", self.t("No picture"), say, more, self.t("Not charged"), actions)

    def _cause(self, task: Task, attempts: Sequence[Attempt]) -> tuple[str, str]:
        """What happened, and what more is known of it."""
        t, said = self.t, _numbered(task.error_msg or "")
        if task.error_code in _REFERENCES:
            return self._reference(task.error_code), said
        if not attempts or attempts[-1].outcome is None:
            return t("No picture was made"), said
        vendor, kind = self._vendor(attempts[-1]), attempts[-1].outcome
        tried = t.plural("Asked once at {vendor}.", "Asked {n} times, last at {vendor}.", len(attempts), vendor=vendor)
        if kind == FailureKind.NO_IMAGE:
            return t("The vendor answered with words, not a picture"), f"{tried} {t('Another model often draws it.')}"
        if kind == FailureKind.UNKNOWN_OUTCOME:
            unsure = t("Nobody can say whether {vendor} did the work. It was not ordered twice.", vendor=vendor)
            return t("The connection broke in the middle"), unsure
        return self._kind(str(kind)), f"{tried} {said}"

    def _reference(self, code: int | None) -> str:
        t = self.t
        match code:
            case Code.IMAGE_EMPTY:
                return t("A reference cannot be opened")
            case Code.IMAGE_TYPE_UNSUPPORTED:
                return t("A reference has a format that the model does not take")
            case Code.IMAGE_TOO_LARGE:
                return t("A reference is too large")
            case _:
                return t("A reference could not be fetched")

    def _kind(self, kind: str) -> str:
        """The sentence for a kind of failure that needs no more than its vendor and the reason."""
        t = self.t
        if kind in _OUT_OF_ORDER:
            return t("The vendor is out of order")
        if kind in _OF_THE_OPERATOR:
            return t("The vendor takes no orders from this server")
        if kind in _SPOILT:
            return t("The vendor sent a file that cannot be opened")
        if kind == FailureKind.RATE_LIMITED:
            return t("The vendor had no room")
        if kind == FailureKind.TIMEOUT:
            return t("The vendor took too long")
        return t("The vendor gave no picture")

    def _replace(self, said: str | None) -> CardAction:
        named = re.search(r"image\[\d+\]", _numbered(said or ""))
        label = self.t("Replace {name}", name=named[0]) if named else self.t("Replace it")
        return CardAction(label, "vary")

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


def _numbered(reason: str) -> str:
    """A reason that names a reference as the composer does: `image[1]` is the first."""
    return _FIELD.sub(lambda found: f"image[{int(found[1] or 0) + 1}]", reason)
