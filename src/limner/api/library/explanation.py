"""A task explained, as JSON of either API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from limner.api.library.face import ApiFace
from limner.application.explain import Explanation
from limner.db.tables.attempts import Attempt
from limner.db.tables.tasks import TaskInput
from limner.domain.prompts.prompt import ComposedPrompt


@dataclass(frozen=True, slots=True)
class ExplanationBody:
    """`with_costs` adds what attempts cost the operator."""

    face: ApiFace
    with_costs: bool

    def __call__(self, told: Explanation) -> dict[str, Any]:
        task = told.task
        return {
            "task_id": task.id,
            "status": task.status,
            "model": task.model,
            "price": task.price,
            "consumed_credit": task.consumed,
            "prompts": list(_prompts(told)),
            "ignored": [*({"field": each, "reason": "unknown field"} for each in told.ignored), *_not_obeyed(told)],
            "references": [_reference(each, told.parents) for each in told.inputs],
            "times": self._times({"created": task.created_ms, "started": task.started_ms, "ended": task.finished_ms}),
            "attempts": [self._attempt(each) for each in told.attempts],
            "credits": [
                {
                    "movement": row.movement,
                    "available": row.available,
                    "frozen": row.frozen,
                    **self._times({"moved": row.at_ms}),
                }
                for row in told.ledger
            ],
            "served_by": task.served_by,
            "erased": self._times({"erased": told.erasure.at_ms}) if told.erasure else None,
        }

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        times = {
            "ordered": attempt.intended_ms,
            "accepted": attempt.submitted_ms,
            "vendor_queued": attempt.vendor_queued_ms,
            "working": attempt.working_ms,
            "delivered": attempt.delivered_ms,
            "closed": attempt.closed_ms,
        }
        body: dict[str, Any] = {
            "number": attempt.number,
            "part": attempt.part,
            "provider": attempt.provider,
            "model": attempt.upstream,
            "state": attempt.state,
            "outcome": attempt.outcome,
            "reason": attempt.reason,
            "charged": attempt.charged,
            **self._times(times),
        }
        if self.with_costs:
            body |= {"route": attempt.route, "price_usd": attempt.price_usd, "cost_usd": attempt.cost_usd}
        return body

    def _times(self, times: Mapping[str, int | None]) -> dict[str, int | str | None]:
        return {
            f"{name}{self.face.moment_suffix}": None if at_ms is None else self.face.moment(at_ms)
            for name, at_ms in times.items()
        }


def _prompts(told: Explanation) -> Iterator[dict[str, Any]]:
    """The prompt of each picture, in parts. An erased task has none."""
    composed: Mapping[str, ComposedPrompt] = {"": told.composed} if told.composed else told.views
    for part, prompt in composed.items():
        yield {
            "part": part,
            "text": prompt.text,
            "parts": [{"source": each.source, "text": each.text} for each in prompt.parts],
            "aspect_ratio": prompt.aspect_ratio,
            "notes": list(prompt.notes),
        }


def _not_obeyed(told: Explanation) -> Iterator[dict[str, str]]:
    return ({"field": each.field, "reason": each.reason} for each in told.task.ignored)


def _reference(reference: TaskInput, parents: Mapping[str, str]) -> dict[str, Any]:
    """A reference as it came, and the clean copy that vendors get."""
    clean = reference.clean
    copy = {"media_type": clean.media_type, "width": clean.width, "height": clean.height} if clean else None
    field = reference.field
    made_from = parents.get(field) or parents.get(field.partition(".")[0])
    return {"field": field, "url": reference.url, "made_from": made_from, "sent": copy}
