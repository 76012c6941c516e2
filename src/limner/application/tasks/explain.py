"""All that is known of a task, for the person who asks what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.application.read import own_task
from limner.application.tasks.multiview import picture_specs
from limner.application.tasks.prompt_inputs import PromptInputs
from limner.application.webhooks.manage import DeliveryHistory, delivery_histories
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.ledger import LedgerRow
from limner.db.tables.retention import Erasure
from limner.db.tables.tasks import TaskInput
from limner.domain.ids import AccountId, TaskId
from limner.domain.model import MODELS
from limner.domain.prompts.prompt import ComposedPrompt
from limner.domain.tasks.task import Task
from limner.ports.templates import Templates


@dataclass(frozen=True, slots=True)
class Explanation:
    """`composed` is what the model was or will be told, `views` the same for each picture of a multiview task.

    `ignored` are fields of the request that mean nothing here. `erasure` is the receipt of a task whose content was
    erased: there is nothing left to compose.
    """

    task: Task
    composed: ComposedPrompt | None
    views: Mapping[str, ComposedPrompt]
    ignored: tuple[str, ...]
    inputs: Sequence[TaskInput]
    attempts: Sequence[Attempt]
    ledger: Sequence[LedgerRow]
    erasure: Erasure | None
    deliveries: Sequence[DeliveryHistory]


@dataclass(frozen=True, slots=True)
class Explain:
    store: Store
    templates: Templates

    async def __call__(self, account: AccountId | None, task_id: TaskId) -> Explanation:
        return await self.store.read(lambda records: self._explain(records, account, task_id))

    def _explain(self, records: Records, account: AccountId | None, task_id: TaskId) -> Explanation:
        task = own_task(records, account, task_id)
        order = records.tasks.order(task_id)
        inputs = records.tasks.inputs(task_id)
        composed = self._composed(task, order, len(inputs)) if order else {}
        return Explanation(
            task=task,
            composed=composed.pop("", None),
            views=composed,
            ignored=tuple(order.get("ignored", ())),
            inputs=inputs,
            attempts=records.attempts.of(task_id),
            ledger=records.ledger.of_task(task_id),
            erasure=records.retention.erasure(task_id),
            deliveries=delivery_histories(records, records.deliveries.of_task(task_id)),
        )

    def _composed(self, task: Task, order: dict[str, Any], pictures: int) -> dict[str, ComposedPrompt]:
        """The words for each picture of the task; none where its template is gone."""
        template = self.templates.get(order["template"] or "")
        if order["template"] and template is None:
            return {}
        plain, model = template.template if template else None, MODELS[task.model]
        return {
            shot.part: PromptInputs.in_order(order, shot.prompt).told_to(
                model, plain, pictures if shot.reference is None else 1
            )
            for shot in picture_specs(order)
        }
