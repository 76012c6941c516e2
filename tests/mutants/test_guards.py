"""The list of guards stays usable: every row can be tried by `make mutants`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def mutants() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def test_the_text_of_every_guard_occurs_exactly_once() -> None:
    module = mutants()
    guards = module.guards()

    assert len(guards) >= 60
    assert {guard.invariant for guard in guards} == set(range(1, 9))
    assert [problem for guard in guards for problem in module.problems(guard)] == []


def test_every_guard_is_listed_once() -> None:
    keeps = [guard.keeps for guard in mutants().guards()]

    assert len(keeps) == len(set(keeps))
