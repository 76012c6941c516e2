from collections.abc import Mapping
from typing import Any

import pytest

from limner.application.tasks.plan import Plan, plan
from limner.domain.prompts.prompt import V2_RULES as RULES
from limner.domain.prompts.prompt import PromptRules
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import FileInput, ImageRequest, UrlSource
from limner.domain.tasks.spec import TaskSpec
from limner.models import shipped_models
from limner.ports.templates import LoadedTemplate, Templates
from stores import request_with

MODELS = shipped_models()

Fields = Mapping[str, Any]


def request(**fields: Any) -> ImageRequest:
    return request_with(**fields)


def pictures(count: int) -> tuple[FileInput, ...]:
    return tuple(FileInput(f"files[{n}]", None, UrlSource("https://example.com/a.png")) for n in range(count))


def with_pictures(templates: Templates) -> LoadedTemplate:
    return next(template for template in templates.values() if template.pictures)


def refused(templates: Templates, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        plan(request(**fields), MODELS, templates, RULES)
    return refusal.value


def test_a_plain_request_is_the_default_model_at_its_price(templates: Templates) -> None:
    made = plan(request(), MODELS, templates, RULES)

    assert made == Plan(MODELS["flux.1_kontext_pro"], TaskSpec(prompt="a red fox in the snow"), 5)


@pytest.mark.parametrize("name", MODELS)
def test_the_price_is_the_model_s_and_nothing_else_s(templates: Templates, name: str) -> None:
    cap = MODELS[name].reference_cap
    plain = plan(request(model=name), MODELS, templates, RULES)
    laden = plan(request(model=name, files=pictures(cap), t_pose=True, priority=3), MODELS, templates, RULES)

    assert plain.price == laden.price == MODELS[name].credits


def test_an_unknown_model_is_refused_with_the_known_ones(templates: Templates) -> None:
    refusal = refused(templates, model="flux.9")

    assert (refusal.code, refusal.field) == (Code.VERSION_UNKNOWN, "model_version")
    assert "'flux.9'" in refusal.reason
    assert all(name in refusal.suggestion for name in MODELS)


def test_a_text_only_model_with_a_picture_becomes_its_successor(templates: Templates) -> None:
    assert plan(request(model="flux.1_dev"), MODELS, templates, RULES).model.name == "flux.1_dev"
    assert (
        plan(request(model="flux.1_dev", files=pictures(1)), MODELS, templates, RULES).model.name
        == "flux.1_kontext_pro"
    )


def test_a_template_s_pictures_count_as_pictures_too(templates: Templates) -> None:
    slug = with_pictures(templates).template.slug

    assert plan(request(model="flux.1_dev", template=slug), MODELS, templates, RULES).model.name == "flux.1_kontext_pro"


def test_midjourney_takes_no_pictures_and_says_who_does(templates: Templates) -> None:
    refusal = refused(templates, model="midjourney", files=pictures(1))

    assert (refusal.code, refusal.field) == (Code.INVALID, "files[0]")
    assert "gpt_image_2" in refusal.suggestion
    assert "flux.1_dev" not in refusal.suggestion


def test_midjourney_leaves_a_template_s_pictures_out(templates: Templates) -> None:
    slug = with_pictures(templates).template.slug

    assert plan(request(model="midjourney", template=slug), MODELS, templates, RULES).model.name == "midjourney"


@pytest.mark.parametrize("name", [name for name, facts in MODELS.items() if facts.reference_cap])
def test_as_many_pictures_as_the_model_takes_and_no_more(templates: Templates, name: str) -> None:
    cap = MODELS[name].reference_cap
    plan(request(model=name, files=pictures(cap)), MODELS, templates, RULES)

    refusal = refused(templates, model=name, files=pictures(cap + 1))

    assert (refusal.code, refusal.field) == (Code.INVALID, "files")
    assert refusal.reason == f"{cap + 1} reference images were given, {name} takes at most {cap}"


def test_a_template_s_pictures_do_not_take_the_caller_s_room(templates: Templates) -> None:
    slug = with_pictures(templates).template.slug

    assert plan(request(files=pictures(4), template=slug), MODELS, templates, RULES).spec.template == slug


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
def test_a_prompt_may_be_left_out_only_with_a_template(templates: Templates, prompt: str) -> None:
    slug = next(iter(templates))

    assert plan(request(prompt=prompt, template=slug), MODELS, templates, RULES).spec.prompt == ""
    assert refused(templates, prompt=prompt).code is Code.INVALID


def test_a_prompt_is_trimmed_and_measured_in_characters(templates: Templates) -> None:
    assert plan(request(prompt=f"  {'狐' * 1024}\n"), MODELS, templates, RULES).spec.prompt == "狐" * 1024
    assert refused(templates, prompt="x" * 1025).code is Code.INVALID


def test_how_long_a_prompt_may_be_is_the_wire_s_affair(templates: Templates) -> None:
    assert len(plan(request(prompt="x" * 1800), MODELS, templates, PromptRules(1800)).spec.prompt) == 1800


def test_a_picture_s_number_beyond_those_given_is_refused_before_anything_is_spent(templates: Templates) -> None:
    plan(request(prompt="image[2] as image[1]", files=pictures(2)), MODELS, templates, RULES)

    assert refused(templates, prompt="image[3] as image[1]", files=pictures(2)).code is Code.INVALID
    assert refused(templates, prompt="like image[0]", files=pictures(2)).code is Code.INVALID


def test_both_spellings_of_a_template_name_it(templates: Templates) -> None:
    slug = next(slug for slug in templates if "_" in slug)

    assert plan(request(template=slug.replace("_", "-")), MODELS, templates, RULES).spec.template == slug


def test_an_unknown_template_is_refused_with_the_known_ones(templates: Templates) -> None:
    refusal = refused(templates, template="portrait_of_nobody")

    assert (refusal.code, refusal.field) == (Code.INVALID, "template")
    assert all(slug in refusal.suggestion for slug in templates)


@pytest.mark.parametrize("slug", ["", *["t_pose"]])
def test_templates_and_switches_go_together(templates: Templates, slug: str) -> None:
    made = plan(request(template=slug or None, t_pose=True, sketch_to_render=True), MODELS, templates, RULES)

    assert made.price == 5
