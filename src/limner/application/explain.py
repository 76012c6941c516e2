"""Explaining a task: its prompt as composed, its attempts, its ledger rows and its deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.application.generation.routing import Routing
from limner.application.images.mask import MASK
from limner.application.read import own_task
from limner.application.tasks.compose import compose_image
from limner.application.webhooks.manage import DeliveryHistory, delivery_histories
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.ledger import LedgerRow
from limner.db.tables.retention import Erasure
from limner.db.tables.tasks import TaskInput
from limner.domain.ids import AccountId, TaskId, TemplateVersionId
from limner.domain.prompts.prompt import ComposedPrompt
from limner.domain.prompts.template import Template, normalise_slug
from limner.domain.refusal import Refusal
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Task
from limner.ports.templates import Templates

MOST_PARENTS = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """`composed` is the prompt as it was or will be sent, `views` the same for each image of a multiview task.

    `ignored` are fields of the request that have no meaning here. `parents` are the tasks that its references came
    from, by their field. `erasure` is the receipt of a task whose content was erased, so that there is nothing to
    compose.
    """

    task: Task
    composed: ComposedPrompt | None
    views: Mapping[str, ComposedPrompt]
    ignored: tuple[str, ...]
    inputs: Sequence[TaskInput]
    parents: Mapping[str, TaskId]
    attempts: Sequence[Attempt]
    ledger: Sequence[LedgerRow]
    erasure: Erasure | None
    deliveries: Sequence[DeliveryHistory]


@dataclass(frozen=True, slots=True)
class Explain:
    store: Store
    templates: Templates
    routing: Routing

    async def __call__(self, account: AccountId | None, task_id: TaskId) -> Explanation:
        return await self.store.read(lambda records: self.within(records, account, task_id))

    def within(self, records: Records, account: AccountId | None, task_id: TaskId) -> Explanation:
        """The same in a unit of work that reads more than this."""
        task = own_task(records, account, task_id)
        spec = records.tasks.spec(task_id)
        inputs = records.tasks.inputs(task_id)
        attempts = records.attempts.of(task_id)
        references = sum(each.field != MASK for each in inputs)
        template = self._template(records, spec) if spec else None
        composed = self._composed(task, spec, template, references, attempts) if spec else {}
        return Explanation(
            task=task,
            composed=composed.pop("", None),
            views=composed,
            ignored=spec.ignored if spec else (),
            inputs=inputs,
            parents={edge.field: edge.parent for edge in records.lineage.parents([task_id], MOST_PARENTS)},
            attempts=attempts,
            ledger=records.ledger.of_task(task_id),
            erasure=records.retention.erasure(task_id),
            deliveries=delivery_histories(records, records.deliveries.of_task(task_id)),
        )

    def _composed(
        self,
        task: Task,
        spec: TaskSpec,
        template: Template | None,
        references: int,
        attempts: Sequence[Attempt],
    ) -> dict[str, ComposedPrompt]:
        """The prompt of each image, by part; empty when the task's template or model was removed."""
        model = self.routing.models.get(task.model)
        if model is None or (spec.template and template is None):
            return {}
        return {
            each.part: compose_image(
                spec,
                each,
                model,
                template=template,
                own_references=count,
                route=self._route(task, count, attempts),
            )
            for each in spec.distinct_images
            for count in [references if each.reference is None else 1]
        }

    def _template(self, records: Records, spec: TaskSpec) -> Template | None:
        """The template that the task was planned with; a folder's as it is now, for a task of an old release."""
        if spec.template_row is not None:
            stored = records.templates.version(TemplateVersionId(spec.template_row))
            return stored.template if stored else None
        slug, version = normalise_slug(spec.template or ""), spec.template_version
        loaded = self.templates.get(slug)
        current = loaded.template if loaded else None
        if version is None or (loaded and loaded.version == version):
            return current
        return records.templates.folder_version(slug, version) or current

    def _route(self, task: Task, references: int, attempts: Sequence[Attempt]) -> Route | None:
        """The route of the last attempt, or the one that the first will take."""
        if attempts:
            return self.routing.route_of_attempt(attempts[-1])
        try:
            return self.routing.routes_for(task.model, references)[0]
        except Refusal:
            return None
