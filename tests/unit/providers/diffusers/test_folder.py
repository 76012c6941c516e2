from pathlib import Path

import pytest

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers.diffusers.folder import PIPELINES, Weights, folder_of, inspect_folder
from unit.providers.diffusers.folders import model_folder


def unavailable(seen: object) -> Failure:
    assert isinstance(seen, Failure)
    assert seen.kind is FailureKind.MODEL_UNAVAILABLE
    return seen


def test_a_name_is_a_folder_among_the_models(tmp_path: Path) -> None:
    assert folder_of(str(tmp_path), "FLUX.1-dev") == tmp_path / "FLUX.1-dev"


def test_an_absolute_path_does_for_itself(tmp_path: Path) -> None:
    assert folder_of("/elsewhere", str(tmp_path)) == tmp_path


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_index_names_the_pipeline(tmp_path: Path, pipeline: str) -> None:
    folder = model_folder(tmp_path / "model", pipeline)

    assert inspect_folder(folder) == Weights(folder, pipeline, PIPELINES[pipeline])


@pytest.mark.parametrize(
    ("pipeline", "guidance_embeds", "distilled", "steps"),
    [
        ("FluxPipeline", True, None, 28),
        ("FluxPipeline", False, None, 4),
        ("FluxKontextPipeline", True, None, 28),
        ("Flux2KleinPipeline", False, True, 4),
        ("Flux2KleinPipeline", False, False, 50),
    ],
)
def test_a_distilled_model_takes_few_steps(
    tmp_path: Path, pipeline: str, *, guidance_embeds: bool, distilled: bool | None, steps: int
) -> None:
    index = {} if distilled is None else {"is_distilled": distilled}
    folder = model_folder(tmp_path / "model", pipeline, guidance_embeds=guidance_embeds, **index)

    weights = inspect_folder(folder)

    assert isinstance(weights, Weights)
    assert weights.facts.steps == steps


def test_a_missing_folder_is_named_and_its_place_is_for_the_operator_alone(tmp_path: Path) -> None:
    refused = unavailable(inspect_folder(tmp_path / "FLUX.1-dev"))

    assert "'FLUX.1-dev' does not exist" in refused.reason
    assert "put the weights there" in refused.reason
    assert str(tmp_path) not in refused.reason
    assert refused.detail == str(tmp_path / "FLUX.1-dev")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '"FluxPipeline"'])
def test_a_folder_without_a_readable_index_is_no_model(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "model_index.json").write_text(text)

    refused = unavailable(inspect_folder(tmp_path))

    assert "model_index.json" in refused.reason


def test_another_library_s_model_is_reported_those_that_are_known(tmp_path: Path) -> None:
    refused = unavailable(inspect_folder(model_folder(tmp_path / "model", "StableDiffusionPipeline")))

    assert "is a StableDiffusionPipeline" in refused.reason
    assert "Flux2KleinPipeline" in refused.reason


def test_the_missing_component_of_an_incomplete_download_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    (folder / "vae").rmdir()

    refused = unavailable(inspect_folder(folder))

    assert "has no component 'vae'" in refused.reason
