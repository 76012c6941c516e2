"""A task as a card of the feed: its state in words, its picture, and what can be done next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from limner.application.read import TaskView
from limner.db.tables.attempts import Attempt
from limner.domain.model import Models
from limner.domain.tasks.progress import displayed_progress, elapsed_ms, seconds_left
from limner.domain.tasks.task import Result, Status, Task
from limner.ports.templates import Templates
from limner.studio.cards.ending import CardEnd, Endings
from limner.studio.local_links import LocalLinks
from limner.studio.texts import Texts
from limner.studio.vendor_titles import ENGINE, in_queue_of

FALLBACK_LETTER = "·"
SHARP_SIDE = 640
"""Pixels: a card is up to 416 wide."""


@dataclass(frozen=True, slots=True)
class CardPicture:
    """One of a card's pictures. `name` is the one that its link ends in; sizes are pixels.

    `thumb` is the small copy, `sharp` a larger one for dense screens and large cards.

    `caption` is the view of a multiview task, the number of several pictures of a prompt, and empty for a single one.
    """

    url: str
    thumb: str
    sharp: str
    width: int
    height: int
    media_type: str
    name: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The two phrases of a task under way, empty for any other; whether the numbers of later frames replace them."""

    say: str
    left: str
    say_moves: bool = True
    left_moves: bool = True


@dataclass(frozen=True, slots=True)
class FeedCard:
    """`end` is set for a task that ended without a picture.

    `preview` is the link to the newest picture of one that is not finished, of `previews` in all.
    """

    id: str
    state: str
    title: str
    prompt: str
    template: str
    model: str
    when: str
    letter: str
    aria: str
    progress: int
    under_way: UnderWay
    pictures: Sequence[CardPicture] = ()
    end: CardEnd | None = None
    kept: bool = False
    by_engine: bool = False
    preview: str = ""
    previews: int = 0
    missing: str = ""
    """Why there are fewer pictures than were asked for."""


@dataclass(frozen=True, slots=True)
class CardMaker:
    """Makes cards for one account in one language."""

    account_tag: str
    links: LocalLinks
    templates: Templates
    models: Models
    now_ms: int
    t: Texts = field(default_factory=Texts)
    served: Sequence[str] = ()
    """The models that another try may name, the preferred first."""

    def card(self, seen: TaskView, attempts: Sequence[Attempt] = ()) -> FeedCard:
        """The card of a task; with its attempts it also tells why it has no picture, and of a second try."""
        task = seen.task
        prompt, template = str(task.echo.get("prompt") or ""), self._template_title(task)
        title = prompt or template or self._type_title(task)
        return FeedCard(
            id=task.id,
            state=_state(task),
            title=title,
            prompt=prompt,
            template=template,
            model=self._model_title(task.model),
            when=self._when(task.created_ms),
            letter=_first_letter(title),
            aria=f"{self._state_word(task)}: {title}",
            progress=displayed_progress(task, self.now_ms),
            under_way=self._under_way(seen, attempts),
            pictures=self._pictures(task),
            end=Endings(self.t, self.models, self.served).of(task, attempts),
            kept=task.kept,
            by_engine=(task.served_by or {}).get("provider") == ENGINE,
            preview="" if task.status.final else self._preview(task),
            previews=len(task.partial_images),
            missing=task.error_msg or "" if task.result else "",
        )

    def _template_title(self, task: Task) -> str:
        slug = str(task.echo.get("template") or "").replace("-", "_")
        loaded = self.templates.get(slug)
        return loaded.template.title if loaded else slug.replace("_", " ").capitalize()

    def _type_title(self, task: Task) -> str:
        return self.t("Multiview") if "multiview" in task.type else self.t("A picture")

    def _model_title(self, name: str) -> str:
        facts = self.models.called(name)
        return facts.title if facts else name

    def _when(self, at_ms: int) -> str:
        """The time of day in UTC for today, the day before that. The script shows it in the reader's own zone."""
        at, now = _utc(at_ms), _utc(self.now_ms)
        return f"{at:%H:%M}" if at.date() == now.date() else f"{at.day} {at:%b}"

    # --- under way ------------------------------------------------------------------------------------------------

    def _under_way(self, seen: TaskView, attempts: Sequence[Attempt]) -> UnderWay:
        t = self.t
        match seen.task.status:
            case Status.QUEUED if not seen.ahead:
                return UnderWay(t("Next in line"), t("a moment"))
            case Status.QUEUED:
                return UnderWay(t("{n} before this one", n=seen.ahead), "")
            case Status.RUNNING:
                return self._running(seen.task, attempts)
            case _:
                return UnderWay("", "")

    def _running(self, task: Task, attempts: Sequence[Attempt]) -> UnderWay:
        t = self.t
        if task.cancel_requested:
            return UnderWay(t("Cancelling"), t("unless the picture is first"), say_moves=False, left_moves=False)
        if (before := _failed_before(attempts)) is not None:
            reason = t("the one before: {reason}", reason=before.detail or before.outcome)
            return UnderWay(t("Another try"), reason, say_moves=False, left_moves=False)
        percent = f"{displayed_progress(task, self.now_ms)} %"
        if (vendor := _queued_at(attempts)) is not None:
            return UnderWay(percent, in_queue_of(vendor, t), left_moves=False)
        left = seconds_left(elapsed_ms(task, self.now_ms), task.expected_ms)
        return UnderWay(percent, t("about {s} s left", s=left))

    # --- ended ----------------------------------------------------------------------------------------------------

    def _pictures(self, task: Task) -> Sequence[CardPicture]:
        named = task.result.pictures() if task.result else {}
        return [
            self._picture(task, name, result, self._caption(name, number) if len(named) > 1 else "")
            for number, (name, result) in enumerate(named.items(), 1)
        ]

    def _caption(self, name: str, number: int) -> str:
        view = name.removesuffix("_view")
        return str(number) if view == name else self.t(view)

    def _picture(self, task: Task, name: str, result: Result, caption: str) -> CardPicture:
        url = self.links.picture(self.account_tag, task.id, result.extension, self.now_ms, name=name)
        thumb = self.links.thumbnail(task.id, self.now_ms, name=name)
        sharp = self.links.thumbnail(task.id, self.now_ms, name=name, side=SHARP_SIDE)
        return CardPicture(url, thumb, sharp, result.width, result.height, result.media_type, name, caption)

    def _preview(self, task: Task) -> str:
        """The link to the newest preview; empty where there is none."""
        named = list(task.previews().items())[-1:]
        return "".join(
            self.links.picture(self.account_tag, task.id, each.image.extension, self.now_ms, name=name)
            for name, each in named
        )

    def _state_word(self, task: Task) -> str:
        words = {Status.QUEUED: "queued", Status.RUNNING: "running", Status.SUCCESS: "ready"}
        return self.t(words.get(task.status, str(task.status)))


def _failed_before(attempts: Sequence[Attempt]) -> Attempt | None:
    """The last failed attempt, where its picture is tried again or waits for that."""
    last = attempts[-1] if attempts else None
    if last is None or last.outcome is not None:
        return last if last and last.reason else None
    return next((each for each in reversed(attempts[:-1]) if each.part == last.part), None)


def _queued_at(attempts: Sequence[Attempt]) -> str | None:
    """The provider whose queue the task's jobs are in; None where one of them is worked on, or nothing is known."""
    unanswered = [each for each in attempts if each.outcome is None and each.delivered_ms is None]
    return unanswered[0].provider if unanswered and all(each.in_vendors_queue for each in unanswered) else None


def _state(task: Task) -> str:
    return "erased" if task.status is Status.SUCCESS and task.result is None else str(task.status)


def _first_letter(title: str) -> str:
    """The guide letter: the first letter or digit of the title, in any script."""
    return next((each.upper() for each in title if each.isalnum()), FALLBACK_LETTER)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
