"""What a request comes to: the model that will run, its price, its pictures; refused here when it cannot be."""

from dataclasses import dataclass

from limner.domain.model import DEFAULT_MODEL, MODELS, ModelFacts, effective_model, models_with_images
from limner.domain.prompt import check_picture_numbers, clean_prompt, compose
from limner.domain.refusal import Code, Refusal
from limner.domain.request import ImageRequest
from limner.domain.template import named_template
from limner.ports.templates import LoadedTemplate, Templates


@dataclass(frozen=True, slots=True)
class Plan:
    """A request made definite. `price` is in credits."""

    model: ModelFacts
    prompt: str
    template: LoadedTemplate | None
    price: int


def plan(request: ImageRequest, templates: Templates, prompt_limit: int) -> Plan:
    """Check a request against the facts of its model; nothing is looked up and nothing is kept."""
    template = named_template(request.template, templates) if request.template is not None else None
    model = effective_model(_named_model(request.model), pictures=_pictures(request, template))
    _check_file_count(model, request)
    prompt = _prompt(request, template, prompt_limit)
    check_picture_numbers(prompt, len(request.files))
    made = Plan(model, prompt, template, model.credits)
    compose_for(made, request)  # a prompt that cannot be composed is refused now, not when the task runs
    return made


def compose_for(plan: Plan, request: ImageRequest) -> None:
    compose(
        plan.prompt,
        plan.model.dialect,
        template=plan.template.template if plan.template else None,
        t_pose=request.t_pose,
        sketch_to_render=request.sketch_to_render,
        own_pictures=len(request.files),
        cap=plan.model.reference_cap,
    )


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
        suggestion=f"Send at most {model.reference_cap} images in file and files together.",
        field="files",
    )


def _prompt(request: ImageRequest, template: LoadedTemplate | None, limit: int) -> str:
    if template is not None and not request.prompt.strip():
        return ""
    return clean_prompt(request.prompt, limit=limit)
