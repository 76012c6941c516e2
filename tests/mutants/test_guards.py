"""The list of guards stays usable: every row can be tried by `make mutants`."""

from project_scripts import load_script


def test_the_text_of_every_guard_occurs_exactly_once() -> None:
    module = load_script("mutants")
    guards = module.guards()

    assert len(guards) >= 60
    assert {guard.invariant for guard in guards} == set(range(1, 9))
    assert [problem for guard in guards for problem in module.problems(guard)] == []


def test_every_guard_is_listed_once() -> None:
    keeps = [guard.keeps for guard in load_script("mutants").guards()]

    assert len(keeps) == len(set(keeps))
