"""Samples in the documentation run as they are given."""

import ast
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from limner.settings import load_settings
from limner_ray.settings import settings_of

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[Any]:
    fenced = re.compile(rf"^( *)```{language}\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [
        pytest.param(textwrap.dedent(block), id=f"{page.name}-{number}")
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
        for number, (_, block) in enumerate(fenced.findall(page.read_text(encoding="utf-8")), 1)
    ]


SAMPLES = blocks("python")
OF_RAY = re.compile(r"^\[\[engine\]\]$", re.MULTILINE)
"""Stands in `limner-ray.toml` only."""


def samples_of(of_ray: bool) -> list[Any]:  # noqa: FBT001
    return [sample for sample in blocks("toml") if bool(OF_RAY.search(sample.values[0])) is of_ray]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_python_sample_is_a_program(sample: str) -> None:
    """Raises `SyntaxError` for `await` and `async with` outside a function, too."""
    compile(sample, "sample", "exec", flags=ast.PyCF_ONLY_AST)
    compile(sample, "sample", "exec")


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_folder_that_a_sample_saves_to_is_made_by_it(sample: str) -> None:
    assert 'download_task_models(task, "out")' not in sample or 'Path("out").mkdir' in sample


@pytest.mark.parametrize("sample", samples_of(of_ray=False))
def test_a_sample_of_limner_toml_is_a_valid_configuration(
    sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limner.toml").write_text(sample)
    monkeypatch.delenv("LIMNER_CONFIG", raising=False)

    assert load_settings(data=tmp_path).data == tmp_path


@pytest.mark.parametrize("sample", samples_of(of_ray=True))
def test_a_sample_of_limner_ray_toml_is_a_valid_configuration(sample: str) -> None:
    assert settings_of(tomllib.loads(sample)).engine
