from pathlib import Path

from limner.providers.diffusers.inspection import inspect
from unit.providers.diffusers.folders import model_folder


def test_the_models_of_a_folder_are_named_with_their_kind(tmp_path: Path) -> None:
    model_folder(tmp_path / "FLUX.1-dev")
    model_folder(tmp_path / "FLUX.2-klein-4B", "Flux2KleinPipeline")
    (tmp_path / "notes").mkdir()

    said = inspect(tmp_path, [])

    assert said.well
    assert said.says == "FLUX.1-dev (FluxPipeline); FLUX.2-klein-4B (Flux2KleinPipeline)"


def test_a_model_that_cannot_be_used_is_reported_beside_those_that_can(tmp_path: Path) -> None:
    model_folder(tmp_path / "FLUX.1-dev")
    model_folder(tmp_path / "stable", "StableDiffusionPipeline")

    said = inspect(tmp_path, [])

    assert said.well
    assert "the model folder 'stable' is a StableDiffusionPipeline" in said.says


def test_without_any_good_model_all_is_not_well(tmp_path: Path) -> None:
    nothing = inspect(tmp_path, [])
    model_folder(tmp_path / "stable", "StableDiffusionPipeline")
    bad = inspect(tmp_path, [])

    assert (nothing.well, nothing.says) == (False, f"there is no model in the folder {tmp_path}")
    assert (bad.well, "is a StableDiffusionPipeline" in bad.says) == (False, True)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    said = inspect(tmp_path / "models", [])

    assert (said.well, said.says) == (False, f"the models folder {tmp_path / 'models'} does not exist")


def test_missing_packages_are_reported_with_the_remedy(tmp_path: Path) -> None:
    model_folder(tmp_path / "FLUX.1-dev")

    said = inspect(tmp_path, ["torch", "diffusers"])

    assert (said.well, said.says) == (False, "torch, diffusers not installed; run pip install 'limner[diffusers]'")
