"""What differs between two tasks, in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from limner.application.explain import Explanation
from limner.domain.model import Models
from limner.domain.tasks.task import Task
from limner.studio.texts import Texts

MOST_WORDS = 1_000
"""Of each prompt: a comparison takes the square of it. Scripts without blanks count each character."""

_SWITCHES = (("t_pose", "T-pose"), ("sketch_to_render", "Sketch to render"))
_WORD = re.compile(r"\s+|[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact of both tasks, as runs of (text, `same`, `removed` or `added`)."""

    title: str
    runs: Sequence[tuple[str, str]]

    @property
    def equal(self) -> bool:
        return all(kind == "same" for _, kind in self.runs)


def differences(a: Explanation, b: Explanation, models: Models, t: Texts) -> Sequence[Difference]:
    """Words, template, model, switches, shape, references and price of two tasks; equal ones are told once."""
    one, other = _facts(a, models, t), _facts(b, models, t)
    words = Difference(t("Words"), list(word_runs(_words(a.task), _words(b.task))))
    rows = [Difference(t(name), runs_of(one[name], other[name])) for name in one if one[name] or other[name]]
    return [words, *rows]


def _facts(told: Explanation, models: Models, t: Texts) -> dict[str, str]:
    echo, model = told.task.echo, models.called(told.task.model)
    switches = [
        t(title) for field, title in (("t_pose", "T-pose"), ("sketch_to_render", "Sketch to render")) if echo.get(field)
    ]
    return {
        "Template": str(echo.get("template") or t("none")),
        "Model": model.title if model else told.task.model,
        "Switches": ", ".join(switches),
        "Shape": str(echo.get("aspect_ratio") or echo.get("size") or ""),
        "Reference pictures": str(len(told.inputs)),
        "Credits": str(told.task.consumed or 0),
    }


def _words(task: Task) -> str:
    return str(task.echo.get("prompt") or "")


def runs_of(one: str, other: str) -> list[tuple[str, str]]:
    return (
        [(one, "same")]
        if one == other
        else [(each, kind) for each, kind in ((one, "removed"), (other, "added")) if each]
    )


def word_runs(one: str, other: str) -> Iterator[tuple[str, str]]:
    a, b = (_WORD.findall(each)[:MOST_WORDS] for each in (one, other))
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "".join(a[a1:a2]), "same"
            continue
        if a2 > a1:
            yield "".join(a[a1:a2]), "removed"
        if b2 > b1:
            yield "".join(b[b1:b2]), "added"
