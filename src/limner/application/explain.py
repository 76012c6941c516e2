"""All that is known of a task, for the person who asks what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limner.application.read import own_task
from limner.domain.ids import AccountId, TaskId
from limner.domain.model import MODELS
from limner.domain.prompt import Composed, compose
from limner.domain.task import Task
from limner.ports.records import Attempt, Input, Movement, Records, Store
from limner.ports.templates import Templates


@dataclass(frozen=True, slots=True)
class Explanation:
    """`composed` is what the model was or will be told; `ignored` are fields of the request that mean nothing here."""

    task: Task
    composed: Composed | None
    ignored: tuple[str, ...]
    inputs: Sequence[Input]
    attempts: Sequence[Attempt]
    ledger: Sequence[Movement]


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
        return Explanation(
            task=task,
            composed=self._composed(task, order, len(inputs)),
            ignored=tuple(order["ignored"]),
            inputs=inputs,
            attempts=records.attempts.of(task_id),
            ledger=records.ledger.of_task(task_id),
        )

    def _composed(self, task: Task, order: dict[str, Any], pictures: int) -> Composed | None:
        template = self.templates.get(order["template"] or "")
        if order["template"] and template is None:
            return None
        model = MODELS[task.model]
        return compose(
            order["prompt"],
            model.dialect,
            template=template.template if template else None,
            t_pose=order["t_pose"],
            sketch_to_render=order["sketch_to_render"],
            own_pictures=pictures,
            cap=model.reference_cap,
        )
