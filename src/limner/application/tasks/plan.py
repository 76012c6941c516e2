"""Planning a request: its effective model, prompt, template and price. Raises `Refusal` for what cannot be done."""

from dataclasses import dataclass

from limner.application.tasks.multiview import PictureSpec
from limner.application.tasks.prompt_inputs import PromptInputs
from limner.domain.model import (
    DEFAULT_MODEL,
    DEFAULT_MULTIVIEW_MODEL,
    MODELS,
    ModelFacts,
    effective_model,
    models_with_images,
)
from limner.domain.prompts.characters import is_blank
from limner.domain.prompts.prompt import check_picture_numbers, clean_prompt
from limner.domain.prompts.template import named_template
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View, edit_prompt, view_prompt
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.ports.templates import LoadedTemplate, Templates

MULTIVIEW_CREDITS = 10
"""For all four views of a subject."""

EDITED_VIEW_CREDITS = 5
"""For each view that is edited."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request will run as. `price` is in credits; `views` are the images of a multiview task.

    `references` is how many of the caller's images one request to a provider carries.
    """

    model: ModelFacts
    prompt: str
    template: LoadedTemplate | None
    price: int
    references: int = 0
    views: tuple[PictureSpec, ...] = ()


def plan(
    request: ImageRequest,
    templates: Templates,
    prompt_limit: int,
    multiview_model: str = DEFAULT_MULTIVIEW_MODEL,
) -> Plan:
    """Check a request against the facts of its model. Reads and writes nothing."""
    match request.type:
        case TaskType.GENERATE_IMAGE | TaskType.TEXT_TO_IMAGE:
            return _one_picture(request, templates, prompt_limit)
        case TaskType.GENERATE_MULTIVIEW:
            specs = tuple(PictureSpec(view, view_prompt(view), 0, "") for view in View)
            return _views(request, request.model or multiview_model, specs, MULTIVIEW_CREDITS)
        case TaskType.EDIT_MULTIVIEW:
            model = request.model or multiview_model
            return _views(request, model, _edits(request, prompt_limit), EDITED_VIEW_CREDITS * len(request.changes))


def _edits(request: ImageRequest, prompt_limit: int) -> tuple[PictureSpec, ...]:
    specs = []
    for number, edit in enumerate(request.changes):
        try:
            text = clean_prompt(edit.wish, limit=prompt_limit)
        except Refusal as refusal:
            raise refusal.at(f"prompts[{number}].prompt") from None
        specs.append(PictureSpec(edit.view, edit_prompt(edit.view, text), list(View).index(edit.view), text))
    return tuple(specs)


def _views(request: ImageRequest, named: str, specs: tuple[PictureSpec, ...], price: int) -> Plan:
    model = effective_model(_named_model(named), pictures=1)
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images, and views are drawn from one",
            suggestion=f"Choose a model that takes them: {', '.join(models_with_images())}.",
            field="model_version",
        )
    for each in specs:
        PromptInputs(each.prompt, t_pose=False, sketch_to_render=False, aspect_ratio=None).compose_for(model, None, 1)
    return Plan(model, request.prompt, None, price, references=1, views=specs)


def _one_picture(request: ImageRequest, templates: Templates, prompt_limit: int) -> Plan:
    template = named_template(request.template, templates) if request.template is not None else None
    model = effective_model(_named_model(request.model), pictures=_pictures(request, template))
    _check_file_count(model, request)
    prompt = _prompt(request, template, prompt_limit)
    check_picture_numbers(prompt, len(request.files))
    inputs = PromptInputs(prompt, request.t_pose, request.sketch_to_render, request.aspect_ratio)
    # Compose now, so that a prompt that cannot be composed is refused before the task is accepted.
    inputs.compose_for(model, template.template if template else None, len(request.files))
    return Plan(model, prompt, template, model.credits, references=len(request.files))


def _named_model(name: str | None) -> ModelFacts:
    if name is None:
        return MODELS[DEFAULT_MODEL]
    if name not in MODELS:
        raise Refusal(
            Code.VERSION_UNKNOWN,
            f"there is no model version {name!r}",
            suggestion=f"model_version may be {', '.join(MODELS)}; left out, it is {DEFAULT_MODEL}.",
            field="model_version",
        )
    return MODELS[name]


def _pictures(request: ImageRequest, template: LoadedTemplate | None) -> int:
    return len(request.files) + (len(template.template.pictures) if template else 0)


def _check_file_count(model: ModelFacts, request: ImageRequest) -> None:
    given = len(request.files)
    if given <= model.reference_cap:
        return
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images",
            suggestion=f"Leave the images out, or choose a model that takes them: {', '.join(models_with_images())}.",
            field=request.files[0].field,
        )
    raise Refusal(
        Code.INVALID,
        f"{given} reference images were given, {model.name} takes at most {model.reference_cap}",
        suggestion=f"Send at most {model.reference_cap} images in all.",
        field=request.files[-1].field.partition("[")[0],
    )


def _prompt(request: ImageRequest, template: LoadedTemplate | None, limit: int) -> str:
    if template is not None and is_blank(request.prompt):
        return ""
    return clean_prompt(request.prompt, limit=limit)
