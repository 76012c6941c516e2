"""The request for one image of a task, composed for the route that it is sent over."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.application.images.references import PrepareReferences
from limner.application.tasks.multiview import PictureSpec
from limner.application.tasks.prompt_inputs import PromptInputs
from limner.domain.model import MODELS
from limner.domain.prompts.template import normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.route import Route
from limner.domain.tasks.task import Task
from limner.ports.intake import Intake
from limner.ports.provider import CallerRequest, GenerationRequest, ReferenceImage
from limner.ports.templates import LoadedTemplate, Templates


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """All that the request for one image is composed from. `template_references` are all images of the template."""

    task: Task
    order: Mapping[str, Any]
    picture: PictureSpec
    references: tuple[ReferenceImage, ...]
    template: LoadedTemplate | None
    template_references: tuple[ReferenceImage, ...]
    workdir: Path

    def compose(self, route: Route) -> GenerationRequest:
        """The request in the words of the task's model, with the template's images that the route has room for."""
        inputs = PromptInputs.of_order(self.order, self.picture.prompt)
        plain = self.template.template if self.template else None
        composed = inputs.compose_for(MODELS[self.task.model], plain, len(self.references), route)
        return GenerationRequest(
            task_id=self.task.id,
            attempt_id="",
            upstream=route.upstream,
            prompt=composed.text,
            brief=self._caller_request(inputs),
            references=self.references + self.template_references[: composed.template_pictures],
            aspect_ratio=composed.aspect_ratio,
            seed=_seed(self.task.id),
            workdir=self.workdir,
        )

    def _caller_request(self, inputs: PromptInputs) -> CallerRequest:
        own_prompt = self.picture.wish
        return CallerRequest(
            prompt=self.picture.prompt if own_prompt is None else own_prompt,
            template=self.template.template.slug if self.template else None,
            t_pose=inputs.t_pose,
            sketch_to_render=inputs.sketch_to_render,
            own_references=len(self.references),
            view=self.picture.part if own_prompt == "" else None,
        )


@dataclass(frozen=True, slots=True)
class PrepareInputs:
    """Loads what a task's requests are composed from: its references, cleaned, and its template."""

    prepare: PrepareReferences
    templates: Templates

    async def references(self, task: Task, workdir: Path) -> tuple[ReferenceImage, ...]:
        """The caller's images, fetched and cleaned. Raises `Refusal` for one that cannot be had or read."""
        return await self.prepare(task.id, MODELS[task.model], workdir)

    async def __call__(
        self,
        task: Task,
        order: Mapping[str, Any],
        picture: PictureSpec,
        references: tuple[ReferenceImage, ...],
        workdir: Path,
    ) -> ImageInputs:
        own = references if picture.reference is None else references[picture.reference : picture.reference + 1]
        if picture.part:
            workdir /= picture.part
            await asyncio.to_thread(workdir.mkdir, exist_ok=True)
        template = self._template(order["template"])
        return ImageInputs(
            task=task,
            order=order,
            picture=picture,
            references=own,
            template=template,
            template_references=await _template_references(template, self.prepare.intake),
            workdir=workdir,
        )

    def _template(self, slug: str | None) -> LoadedTemplate | None:
        if slug is None:
            return None
        try:
            return self.templates[normalise_slug(slug)]
        except KeyError:
            raise Refusal(
                Code.INVALID, f"template {slug!r} was removed", suggestion="Use another one.", field="template"
            ) from None


async def _template_references(template: LoadedTemplate | None, intake: Intake) -> tuple[ReferenceImage, ...]:
    paths = template.pictures if template else ()
    seen = [(path, await intake.inspect(path)) for path in paths]
    return tuple(ReferenceImage(path, each.media_type, each.width, each.height) for path, each in seen)


def _seed(task_id: str) -> int:
    """A number from 0 to 2^31 - 1, the same for each attempt: where a model takes a seed, a retry repeats the image."""
    return int.from_bytes(hashlib.blake2b(task_id.encode(), digest_size=4).digest()) >> 1
