"""Planning a request: its effective model, prompt, template and price. Raises `Refusal` for what cannot be done."""

from dataclasses import dataclass, replace

from limner.application.tasks.compose import compose_image
from limner.application.tasks.picture_options import checked_options
from limner.domain.model import DEFAULT_MODEL, DEFAULT_MULTIVIEW_MODEL, ModelFacts, Models
from limner.domain.prompts.characters import is_blank
from limner.domain.prompts.prompt import check_picture_numbers, clean_prompt
from limner.domain.prompts.template import named_template
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.route import Route
from limner.domain.tasks.multiview import View, edit_prompt, view_prompt
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.domain.tasks.spec import ImageSpec, TaskSpec
from limner.ports.templates import Templates

MULTIVIEW_CREDITS = 10
"""For all four views of a subject."""

EDITED_VIEW_CREDITS = 5
"""For each view that is edited."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request runs as. `price` is in credits.

    `references` is how many of the caller's images one request to a provider carries.
    """

    model: ModelFacts
    spec: TaskSpec
    price: int
    references: int = 0


def plan(request: ImageRequest, models: Models, templates: Templates, prompt_limit: int) -> Plan:
    """Check a request against the facts of its model. Reads and writes nothing."""
    match request.type:
        case TaskType.GENERATE_IMAGE | TaskType.TEXT_TO_IMAGE:
            return _one_image(request, models, templates, prompt_limit)
        case TaskType.GENERATE_MULTIVIEW:
            views = tuple(ImageSpec(view, view_prompt(view), 0, "") for view in View)
            return _views(request, models, views, MULTIVIEW_CREDITS)
        case TaskType.EDIT_MULTIVIEW:
            return _views(request, models, _edits(request, prompt_limit), EDITED_VIEW_CREDITS * len(request.edits))


def check_prompts(planned: Plan, templates: Templates, route: Route) -> None:
    """Raise `Refusal` for a prompt that cannot be composed for the route, so that no task is accepted with it."""
    loaded = templates.get(planned.spec.template or "")
    template = loaded.template if loaded else None
    for each in planned.spec.images:
        compose_image(
            planned.spec, each, planned.model, template=template, own_references=planned.references, route=route
        )


def _edits(request: ImageRequest, prompt_limit: int) -> tuple[ImageSpec, ...]:
    views = []
    for number, edit in enumerate(request.edits):
        try:
            text = clean_prompt(edit.prompt, limit=prompt_limit)
        except Refusal as refusal:
            raise refusal.at(f"prompts[{number}].prompt") from None
        views.append(ImageSpec(edit.view, edit_prompt(edit.view, text), list(View).index(edit.view), text))
    return tuple(views)


def _views(request: ImageRequest, models: Models, views: tuple[ImageSpec, ...], price: int) -> Plan:
    model = models.effective(_named_model(request.model or DEFAULT_MULTIVIEW_MODEL, models), pictures=1)
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images, and views are drawn from one",
            suggestion=f"Choose a model that takes them: {', '.join(models.with_images())}.",
            field="model_version",
        )
    return Plan(model, replace(request.spec, views=views), price, references=1)


def _one_image(request: ImageRequest, models: Models, templates: Templates, prompt_limit: int) -> Plan:
    given = len(request.files)
    loaded = named_template(request.spec.template, templates) if request.spec.template is not None else None
    template = loaded.template if loaded else None
    named = _named_model(DEFAULT_MODEL if request.model is None else request.model, models)
    model = models.effective(named, pictures=given + (len(template.pictures) if template else 0))
    _check_file_count(model, request, models)
    prompt = _prompt(request.spec, prompt_limit)
    check_picture_numbers(prompt, given)
    checked = checked_options(request.spec, references=given)
    spec = replace(checked, prompt=prompt, template=template.slug if template else None)
    return Plan(model, spec, model.credits * spec.n, references=given)


def _named_model(name: str, models: Models) -> ModelFacts:
    if model := models.called(name):
        return model
    raise Refusal(
        Code.VERSION_UNKNOWN,
        f"there is no model version {name!r}",
        suggestion=f"model_version may be {', '.join(models)}, or left out for the default model.",
        field="model_version",
    )


def _check_file_count(model: ModelFacts, request: ImageRequest, models: Models) -> None:
    given = len(request.files)
    if given <= model.reference_cap:
        return
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images",
            suggestion=f"Leave the images out, or choose a model that takes them: {', '.join(models.with_images())}.",
            field=request.files[0].field,
        )
    raise Refusal(
        Code.INVALID,
        f"{given} reference images were given, {model.name} takes at most {model.reference_cap}",
        suggestion=f"Send at most {model.reference_cap} images in all.",
        field=request.files[-1].field.partition("[")[0],
    )


def _prompt(spec: TaskSpec, limit: int) -> str:
    if spec.template is not None and is_blank(spec.prompt):
        return ""
    return clean_prompt(spec.prompt, limit=limit)
