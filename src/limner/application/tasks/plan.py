"""Planning a request: its effective model, prompt, template and price. Raises `Refusal` for what cannot be done."""

from dataclasses import dataclass, replace
from functools import partial

from limner.application.tasks.compose import compose_image
from limner.application.tasks.picture_options import checked_options
from limner.domain.model import DEFAULT_MODEL, DEFAULT_MULTIVIEW_MODEL, ModelFacts, Models
from limner.domain.prompts.characters import is_blank
from limner.domain.prompts.prompt import ComposedPrompt, PromptRules, check_picture_numbers, clean_prompt
from limner.domain.prompts.template import named_template
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.route import Route
from limner.domain.tasks.multiview import View, edit_prompt, view_prompt
from limner.domain.tasks.request import ImageRequest, TaskType
from limner.domain.tasks.spec import ImageSpec, TaskSpec
from limner.ports.templates import LoadedTemplate, Templates

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


class NoPlanError(Exception):
    """The model is unknown, so that nothing can be planned. It is among the problems."""


def plan(
    request: ImageRequest,
    models: Models,
    templates: Templates,
    prompt_rules: PromptRules,
    *,
    problems: Problems | None = None,
) -> Plan:
    """Check a request against the facts of its model. Reads and writes nothing.

    Raises the first `Refusal`, or collects all of them in `problems` and may raise `NoPlanError`.
    """
    planning = _Planning(request, models, templates, prompt_rules, problems or Problems())
    match request.type:
        case TaskType.GENERATE_IMAGE | TaskType.TEXT_TO_IMAGE:
            return planning.one_prompt()
        case TaskType.GENERATE_MULTIVIEW:
            views = tuple(ImageSpec(view, view_prompt(view), 0, "") for view in View)
            return planning.views(views, MULTIVIEW_CREDITS)
        case TaskType.EDIT_MULTIVIEW:
            return planning.views(planning.edits(), EDITED_VIEW_CREDITS * len(request.edits))


def composed_prompts(planned: Plan, templates: Templates, route: Route) -> dict[str, ComposedPrompt]:
    """The prompt of each image for the route, by part. Raises `Refusal` for one that cannot be composed."""
    loaded = templates.get(planned.spec.template or "")
    template = loaded.template if loaded else None
    spec, given = planned.spec, planned.references
    composed = [
        compose_image(spec, each, planned.model, template=template, own_references=given, route=route)
        for each in spec.distinct_images
    ]
    return {each.part: composed[number % len(composed)] for number, each in enumerate(spec.images)}


@dataclass(frozen=True, slots=True)
class _Planning:
    request: ImageRequest
    models: Models
    templates: Templates
    prompt_rules: PromptRules
    problems: Problems

    def one_prompt(self) -> Plan:
        given = len(self.request.files)
        loaded = self.problems.get(self._template, None)
        template = loaded.template if loaded else None
        asked = DEFAULT_MODEL if self.request.model is None else self.request.model
        model = self._effective(asked, given + (len(template.pictures) if template else 0))
        if model is not None:
            self.problems.check(partial(_check_file_count, model, self.request, self.models))
        prompt = self._prompt(given)
        spec = replace(
            checked_options(self.request.spec, references=given, problems=self.problems),
            prompt=prompt,
            template=template.slug if template else None,
            template_version=loaded.version if loaded else None,
            template_row=loaded.row if loaded else None,
        )
        if model is None:
            raise NoPlanError
        return Plan(model, spec, model.credits * spec.n, references=given)

    def _prompt(self, given: int) -> str:
        asked = self.request.spec
        prompt = self.problems.get(lambda: _prompt(asked, self.prompt_rules), asked.prompt)
        self.problems.check(lambda: check_picture_numbers(prompt, given))
        return prompt

    def views(self, views: tuple[ImageSpec, ...], price: int) -> Plan:
        model = self._effective(self.request.model or DEFAULT_MULTIVIEW_MODEL, 1)
        if model is None:
            raise NoPlanError
        self.problems.check(partial(_check_takes_images, model, self.models))
        return Plan(model, replace(self.request.spec, views=views), price, references=1)

    def edits(self) -> tuple[ImageSpec, ...]:
        views = []
        for number, edit in enumerate(self.request.edits):
            text = self.problems.get(partial(self._edit, edit.prompt, number), edit.prompt)
            views.append(ImageSpec(edit.view, edit_prompt(edit.view, text), list(View).index(edit.view), text))
        return tuple(views)

    def _edit(self, prompt: str, number: int) -> str:
        try:
            return clean_prompt(prompt, rules=self.prompt_rules)
        except Refusal as refusal:
            raise refusal.at(f"prompts[{number}].prompt") from None

    def _template(self) -> LoadedTemplate | None:
        named = self.request.spec.template
        return named_template(named, self.templates) if named is not None else None

    def _effective(self, name: str, pictures: int) -> ModelFacts | None:
        """The model that runs; None where none has this name, which is a problem."""
        named = self.problems.get(lambda: _named_model(name, self.models), None)
        return self.models.effective(named, pictures=pictures) if named else None


def _check_takes_images(model: ModelFacts, models: Models) -> None:
    if not model.reference_cap:
        raise Refusal(
            Code.INVALID,
            f"{model.name} takes no reference images, and views are drawn from one",
            suggestion=f"Choose a model that takes them: {', '.join(models.with_images())}.",
            field="model_version",
        )


def _named_model(name: str, models: Models) -> ModelFacts | None:
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


def _prompt(spec: TaskSpec, rules: PromptRules) -> str:
    if spec.template is not None and is_blank(spec.prompt):
        return ""
    return clean_prompt(spec.prompt, rules=rules)
