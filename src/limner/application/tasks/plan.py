"""What a request comes to: the model that will run, its price, its pictures; refused here when it cannot be."""

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
from limner.domain.prompts.prompt import check_picture_numbers, clean_prompt
from limner.domain.prompts.template import named_template
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View, edit_prompt, view_prompt
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.ports.templates import LoadedTemplate, Templates

MULTIVIEW_CREDITS = 10
"""For the four views of a subject together."""

EDITED_VIEW_CREDITS = 5
"""For each view that is changed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request made definite. `price` is in credits; `views` are the shots of a multiview task."""

    model: ModelFacts
    prompt: str
    template: LoadedTemplate | None
    price: int
    views: tuple[PictureSpec, ...] = ()


def plan(
    request: ImageRequest,
    templates: Templates,
    prompt_limit: int,
    multiview_model: str = DEFAULT_MULTIVIEW_MODEL,
) -> Plan:
    """Check a request against the facts of its model; nothing is looked up and nothing is kept."""
    match request.type:
        case TaskType.GENERATE_IMAGE | TaskType.TEXT_TO_IMAGE:
            return _one_picture(request, templates, prompt_limit)
        case TaskType.GENERATE_MULTIVIEW:
            shots = tuple(PictureSpec(view, view_prompt(view), 0, "") for view in View)
            return _views(request, request.model or multiview_model, shots, MULTIVIEW_CREDITS)
        case TaskType.EDIT_MULTIVIEW:
            model = request.model or multiview_model
            return _views(request, model, _edits(request, prompt_limit), EDITED_VIEW_CREDITS * len(request.changes))


def _edits(request: ImageRequest, prompt_limit: int) -> tuple[PictureSpec, ...]:
    shots = []
    for number, change in enumerate(request.changes):
        try:
            wish = clean_prompt(change.wish, limit=prompt_limit)
        except Refusal as refusal:
            raise refusal.at(f"prompts[{number}].prompt") from None
        shots.append(PictureSpec(change.view, edit_prompt(change.view, wish), list(View).index(change.view), wish))
    return tuple(shots)


def _views(request: ImageRequest, named: str, shots: tuple[PictureSpec, ...], price: int) -> Plan:
    model = effective_model(_named_model(named), pictures=1)
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images, and views are drawn from one",
            suggestion=f"Choose a model that takes them: {', '.join(models_with_images())}.",
            field="model_version",
        )
    for shot in shots:
        PromptInputs(shot.prompt, t_pose=False, sketch_to_render=False, aspect_ratio=None).told_to(model, None, 1)
    return Plan(model, request.prompt, None, price, shots)


def _one_picture(request: ImageRequest, templates: Templates, prompt_limit: int) -> Plan:
    template = named_template(request.template, templates) if request.template is not None else None
    model = effective_model(_named_model(request.model), pictures=_pictures(request, template))
    _check_file_count(model, request)
    prompt = _prompt(request, template, prompt_limit)
    check_picture_numbers(prompt, len(request.files))
    made = Plan(model, prompt, template, model.credits)
    # A prompt that cannot be composed is refused now, not when the task runs.
    wishes = PromptInputs(prompt, request.t_pose, request.sketch_to_render, request.aspect_ratio)
    wishes.told_to(model, template.template if template else None, len(request.files))
    return made


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
    if template is not None and not request.prompt.strip():
        return ""
    return clean_prompt(request.prompt, limit=limit)
