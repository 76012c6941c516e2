"""The versions of a template as its page shows them: what each one changed, and the newest pictures made with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from limner.application.read import TaskView
from limner.db.tables.library.templates import TemplateVersion
from limner.domain.ids import TemplateVersionId
from limner.domain.prompts.template import Template
from limner.studio.cards.card import CardMaker, FeedCard
from limner.studio.handlers.account import when
from limner.studio.picture.differences import Difference, runs_of, word_runs
from limner.studio.texts import Texts

MOST_PICTURES = 6
"""Of one version."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """`changes` are what differs from the version before; `cards` are tasks that were made with it."""

    number: int
    digest: str
    made: str
    by: str
    current: bool
    changes: Sequence[Difference]
    cards: Sequence[FeedCard]


def version_rows(
    versions: Sequence[TemplateVersion],
    current: TemplateVersionId,
    tasks: Sequence[TaskView],
    maker: CardMaker,
    makers: Mapping[str, str],
) -> Sequence[VersionRow]:
    """The newest first. A task was made with the version that was in use when it was created.

    `makers` are names of keys by what the versions say of who made them.
    """
    rows, until_ms = [], None
    for place, each in enumerate(versions):
        before = versions[place + 1].template if place + 1 < len(versions) else None
        made = [seen for seen in tasks if _made_with(seen, each, until_ms)]
        rows.append(
            VersionRow(
                number=len(versions) - place,
                digest=each.version,
                made=when(each.created_ms),
                by=makers.get(each.created_by) or each.created_by,
                current=each.id == current,
                changes=list(_changes(before, each.template, maker.t)) if before else (),
                cards=[maker.card(seen) for seen in made[:MOST_PICTURES]],
            )
        )
        until_ms = each.created_ms
    return rows


def _made_with(seen: TaskView, version: TemplateVersion, until_ms: int | None) -> bool:
    created_ms = seen.task.created_ms
    return version.created_ms <= created_ms and (until_ms is None or created_ms < until_ms)


def _changes(old: Template, new: Template, t: Texts) -> Iterable[Difference]:
    words = Difference(t("Words before yours"), list(word_runs(old.text, new.text)))
    others = [
        (t("Title"), old.title, new.title),
        (t("What it does"), old.summary, new.summary),
        (t("Shape"), old.aspect_ratio or t("as asked"), new.aspect_ratio or t("as asked")),
        (t("It changes a picture of yours"), _yes(old.needs_image, t), _yes(new.needs_image, t)),
        (t("Pictures"), ", ".join(each.name for each in old.pictures), ", ".join(each.name for each in new.pictures)),
    ]
    found = [words, *(Difference(title, runs_of(one, other)) for title, one, other in others)]
    return [each for each in found if not each.equal]


def _yes(answer: bool, t: Texts) -> str:  # noqa: FBT001 - a value to be said
    return t("yes") if answer else t("no")
