"""Samples in the documentation run as they are given."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_python_sample_is_a_program(sample: str) -> None:
    """Raises `SyntaxError` for `await` and `async with` outside a function, too."""
    compile(sample, "sample", "exec", flags=ast.PyCF_ONLY_AST)
    compile(sample, "sample", "exec")


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_folder_that_a_sample_saves_to_is_made_by_it(sample: str) -> None:
    assert 'download_task_models(task, "out")' not in sample or 'Path("out").mkdir' in sample
