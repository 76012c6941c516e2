"""Composing the prompt of one image for its model and route."""

from limner.domain.model import ModelFacts
from limner.domain.prompts.dialect import PLAIN
from limner.domain.prompts.prompt import ComposedPrompt, compose_spec
from limner.domain.prompts.template import Template
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import ImageSpec, TaskSpec


def compose_image(
    spec: TaskSpec,
    image: ImageSpec,
    model: ModelFacts,
    *,
    template: Template | None,
    own_references: int,
    route: Route | None = None,
) -> ComposedPrompt:
    """The prompt of `image`, beside `own_references` images of the caller's.

    Images of the template that the route, or the model, does not take are left out. Raises `Refusal` for a prompt
    that cannot be composed.
    """
    dialect, cap = (route.dialect if route else None) or PLAIN, model.reference_cap
    if route is not None and route.reference_cap is not None:
        cap = min(cap, route.reference_cap)
    return compose_spec(spec, dialect, prompt=image.prompt, template=template, own_pictures=own_references, cap=cap)
