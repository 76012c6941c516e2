"""The words a model is told, composed in one place from what the caller wished."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner.domain.model import ModelFacts
from limner.domain.prompts.prompt import ComposedPrompt, compose
from limner.domain.prompts.template import Template


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """What the caller wrote, beside the pictures."""

    prompt: str
    t_pose: bool
    sketch_to_render: bool
    aspect_ratio: str | None

    @classmethod
    def in_order(cls, order: Mapping[str, Any], prompt: str) -> "PromptInputs":
        """The wishes of an accepted task, for the one of its pictures that `prompt` describes."""
        return cls(prompt, order["t_pose"], order["sketch_to_render"], order.get("aspect_ratio"))

    def told_to(self, model: ModelFacts, template: Template | None, own_pictures: int) -> ComposedPrompt:
        """The prompt for this model, which also gets `own_pictures` of the caller's."""
        return compose(
            self.prompt,
            model.dialect,
            template=template,
            t_pose=self.t_pose,
            sketch_to_render=self.sketch_to_render,
            aspect_ratio=self.aspect_ratio,
            own_pictures=own_pictures,
            cap=model.reference_cap,
        )
