"""The request for one image of a task, composed for the route that it is sent over."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from limner.application.images.mask import check_clean_mask
from limner.application.images.references import PrepareReferences
from limner.application.library.templates import AccountTemplates
from limner.application.tasks.compose import compose_image
from limner.domain.ids import AccountId
from limner.domain.model import ModelFacts, Models
from limner.domain.prompts.template import normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.obeyed import obeyed
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import MAX_SEED, ImageSpec, TaskSpec
from limner.domain.tasks.task import Task
from limner.ports.intake import Intake
from limner.ports.provider import GenerationRequest, ReferenceImage
from limner.ports.templates import LoadedTemplate, Templates


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """All that the request for one image is composed from. `template_references` are all images of the template."""

    task: Task
    model: ModelFacts
    spec: TaskSpec
    image: ImageSpec
    references: tuple[ReferenceImage, ...]
    template: LoadedTemplate | None
    template_references: tuple[ReferenceImage, ...]
    workdir: Path
    mask: ReferenceImage | None = None
    caller: str = ""

    def compose(self, route: Route) -> GenerationRequest:
        """The request in the words of the task's model, with the template's images that the route takes."""
        template = self.template.template if self.template else None
        spec = obeyed(self.spec, route).spec
        composed = compose_image(
            spec,
            self.image,
            self.model,
            template=template,
            own_references=len(self.references),
            route=route,
        )
        own_prompt = self.image.caller_prompt
        return GenerationRequest(
            task_id=self.task.id,
            attempt_id="",
            upstream=route.upstream,
            prompt=composed.text,
            spec=replace(
                spec,
                prompt=self.image.prompt if own_prompt is None else own_prompt,
                template=template.slug if template else None,
            ),
            references=self.references + self.template_references[: composed.template_pictures],
            aspect_ratio=composed.aspect_ratio,
            seed=_seed(self.task.id, self.spec.seed, self.image.part),
            workdir=self.workdir,
            own_references=len(self.references),
            mask=self.mask,
            view=self.image.part if own_prompt == "" else None,
            caller=self.caller,
        )


def _nobody(_account: AccountId) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class PrepareInputs:
    """Loads what a task's requests are composed from: its references, cleaned, and its template.

    `caller_of` is what vendors are told of an account, see `GenerationRequest`.
    """

    prepare: PrepareReferences
    templates: Templates
    models: Models
    caller_of: Callable[[AccountId], str] = _nobody
    account_templates: AccountTemplates | None = None

    async def references(self, task: Task, spec: TaskSpec, workdir: Path) -> tuple[ReferenceImage, ...]:
        """The caller's images, fetched and cleaned, a mask last. Raises `Refusal` for one that will not do."""
        references = await self.prepare(task.id, self._model(task), workdir)
        if spec.mask:
            await check_clean_mask(self.prepare.intake, references[-1], references[0])
        return references

    async def __call__(
        self, task: Task, spec: TaskSpec, image: ImageSpec, references: tuple[ReferenceImage, ...], workdir: Path
    ) -> ImageInputs:
        mask = references[-1] if spec.mask else None
        pictures = references[:-1] if spec.mask else references
        own = pictures if image.reference is None else pictures[image.reference : image.reference + 1]
        if image.part:
            workdir /= image.part
        template = await self._template(spec)
        return ImageInputs(
            task=task,
            model=self._model(task),
            spec=spec,
            image=image,
            references=own,
            template=template,
            template_references=await _template_references(template, self.prepare.intake),
            workdir=workdir,
            mask=mask,
            caller=self.caller_of(task.account),
        )

    def _model(self, task: Task) -> ModelFacts:
        if model := self.models.get(task.model):
            return model
        reason = f"model {task.model!r} was removed"
        raise Refusal(Code.VERSION_UNKNOWN, reason, suggestion="Use another one.", field="model_version")

    async def _template(self, spec: TaskSpec) -> LoadedTemplate | None:
        """The template that the task was planned with. Raises `Refusal` when it was removed."""
        if spec.template is None:
            return None
        if self.account_templates:
            return await self.account_templates.pinned(spec)
        try:
            return self.templates[normalise_slug(spec.template)]
        except KeyError:
            raise Refusal(
                Code.INVALID, f"template {spec.template!r} was removed", suggestion="Use another one.", field="template"
            ) from None


async def _template_references(template: LoadedTemplate | None, intake: Intake) -> tuple[ReferenceImage, ...]:
    paths = template.pictures if template else ()
    seen = [(path, await intake.inspect(path)) for path in paths]
    return tuple(ReferenceImage(path, each.media_type, each.width, each.height) for path, each in seen)


def _seed(task_id: str, wanted: int | None, part: str) -> int:
    """A number from 0 to 2^31 - 1, the same for each attempt: where a model takes a seed, a retry repeats the image.

    Each further picture of one prompt has the next number; the views of a subject have the same.
    """
    if wanted is None:
        wanted = int.from_bytes(hashlib.blake2b(task_id.encode(), digest_size=4).digest()) >> 1
    number = int(part) - 1 if part.isdecimal() else 0
    return (wanted + number) & MAX_SEED
