"""What a prompt is composed from: the caller's fields of one image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner.domain.model import ModelFacts
from limner.domain.prompts.prompt import ComposedPrompt, compose
from limner.domain.prompts.template import Template
from limner.domain.routing.route import Route


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """The caller's fields, without the reference images."""

    prompt: str
    t_pose: bool
    sketch_to_render: bool
    aspect_ratio: str | None

    @classmethod
    def of_order(cls, order: Mapping[str, Any], prompt: str) -> "PromptInputs":
        """The fields of an accepted task, for the one of its images that `prompt` describes."""
        return cls(prompt, order["t_pose"], order["sketch_to_render"], order.get("aspect_ratio"))

    def compose_for(
        self, model: ModelFacts, template: Template | None, own_references: int, route: Route | None = None
    ) -> ComposedPrompt:
        """The prompt for this model, beside `own_references` images of the caller's.

        The template's images that `route` does not take are left out.
        """
        cap = model.reference_cap
        if route is not None and route.reference_cap is not None:
            cap = min(cap, route.reference_cap)
        return compose(
            self.prompt,
            model.dialect,
            template=template,
            t_pose=self.t_pose,
            sketch_to_render=self.sketch_to_render,
            aspect_ratio=self.aspect_ratio,
            own_pictures=own_references,
            cap=cap,
        )
