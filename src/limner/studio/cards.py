"""A task as a card of the feed: its state in words, its picture, and what can be done next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from limner.application.read import TaskView
from limner.domain.model import Models
from limner.domain.refusal import Code
from limner.domain.tasks.progress import displayed_progress, elapsed_ms, seconds_left
from limner.domain.tasks.task import Result, Status, Task
from limner.ports.links import Links
from limner.ports.templates import Templates
from limner.studio.texts import Texts

FALLBACK_LETTER = "·"


@dataclass(frozen=True, slots=True)
class CardPicture:
    """One picture of a card. `name` is the view of a multiview task, else empty; sizes are pixels."""

    url: str
    thumb: str
    width: int
    height: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CardAction:
    """A button on a card whose task ended without a picture. `act` is a name of `acts.js`."""

    label: str
    act: str


@dataclass(frozen=True, slots=True)
class CardEnd:
    """Why there is no picture: a heading, what happened, what it cost and what to do next."""

    icon: str
    label: str
    say: str
    more: str
    cost: str
    actions: Sequence[CardAction] = ()


@dataclass(frozen=True, slots=True)
class FeedCard:
    """`say` and `left` are the two phrases of a task under way; `end` is set for one that ended without a picture.

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
    say: str
    left: str
    pictures: Sequence[CardPicture] = ()
    end: CardEnd | None = None
    kept: bool = False
    served_by: str = ""
    preview: str = ""
    previews: int = 0


@dataclass(frozen=True, slots=True)
class CardMaker:
    """Makes cards for one account in one language."""

    account_tag: str
    links: Links
    templates: Templates
    models: Models
    now_ms: int
    t: Texts = field(default_factory=Texts)

    def card(self, seen: TaskView) -> FeedCard:
        task = seen.task
        prompt, template = str(task.echo.get("prompt") or ""), self._template_title(task)
        title = prompt or template or self._type_title(task)
        say, left = self._under_way(seen)
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
            say=say,
            left=left,
            pictures=self._pictures(task),
            end=self._end(task),
            kept=task.kept,
            served_by=str((task.served_by or {}).get("provider", "")),
            preview="" if task.status.final else self._preview(task),
            previews=len(task.partial_images),
        )

    def _template_title(self, task: Task) -> str:
        slug = str(task.echo.get("template") or "").replace("-", "_")
        loaded = self.templates.get(slug)
        return loaded.template.title if loaded else slug

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

    def _under_way(self, seen: TaskView) -> tuple[str, str]:
        task, t = seen.task, self.t
        match task.status:
            case Status.QUEUED if not seen.ahead:
                return t("Next in line"), t("a moment")
            case Status.QUEUED:
                return t("{n} before this one", n=seen.ahead), ""
            case Status.RUNNING if task.cancel_requested:
                return t("Cancelling"), t("unless the picture is first")
            case Status.RUNNING:
                left = seconds_left(elapsed_ms(task, self.now_ms), task.expected_ms)
                return f"{displayed_progress(task, self.now_ms)} %", t("about {s} s left", s=left)
            case _:
                return "", ""

    # --- ended ----------------------------------------------------------------------------------------------------

    def _pictures(self, task: Task) -> Sequence[CardPicture]:
        named = task.result.pictures() if task.result else {}
        return [
            self._picture(task, name, result, name.removesuffix("_view") if len(named) > 1 else "")
            for name, result in named.items()
        ]

    def _picture(self, task: Task, name: str, result: Result, shown: str) -> CardPicture:
        url = self.links.picture(self.account_tag, task.id, result.extension, self.now_ms, name=name)
        thumb = self.links.thumbnail(task.id, self.now_ms, name=name)
        return CardPicture(url, thumb, result.width, result.height, shown)

    def _preview(self, task: Task) -> str:
        """The link to the newest preview; empty where there is none."""
        named = list(task.previews().items())[-1:]
        return "".join(
            self.links.picture(self.account_tag, task.id, each.image.extension, self.now_ms, name=name)
            for name, each in named
        )

    def _end(self, task: Task) -> CardEnd | None:
        if not task.status.final or task.result:
            return None
        t = self.t
        free = t("Not charged")
        again, edit = CardAction(t("Send again"), "again"), CardAction(t("Edit"), "vary")
        match task.status:
            case Status.SUCCESS:
                paid = t.plural("{n} credit was paid", "{n} credits were paid", task.consumed)
                return CardEnd("trash-2", t("Erased"), t("Words and picture are gone"), t("The receipt stays."), paid)
            case Status.BANNED:
                edit = CardAction(t("Edit the prompt"), "vary")
                more = task.error_msg or t("Leave out real people, or use a model with other rules.")
                return CardEnd("ban", t("Refused"), t("The vendor’s policy refused it"), more, free, [edit])
            case Status.EXPIRED:
                say = t("It waited too long in the queue")
                return CardEnd("hourglass", t("Waited too long"), say, task.error_msg or "", free, [again, edit])
            case Status.CANCELLED:
                back = t.plural("{n} credit came back", "{n} credits came back", task.price)
                return CardEnd("circle-x", t("Cancelled"), t("You cancelled it"), "", back, [again])
            case _:
                return CardEnd(
                    "circle-alert", t("No picture"), self._failure(task), task.error_msg or "", free, [again, edit]
                )

    def _failure(self, task: Task) -> str:
        t = self.t
        match task.error_code:
            case Code.FILE_NOT_FOUND:
                return t("A reference could not be fetched")
            case Code.IMAGE_EMPTY:
                return t("A reference cannot be opened")
            case Code.IMAGE_TYPE_UNSUPPORTED:
                return t("A reference has a format that the model does not take")
            case Code.IMAGE_TOO_LARGE:
                return t("A reference is too large")
            case _:
                return t("The vendor gave no picture")

    def _state_word(self, task: Task) -> str:
        words = {Status.QUEUED: "queued", Status.RUNNING: "running", Status.SUCCESS: "ready"}
        return self.t(words.get(task.status, str(task.status)))


def _state(task: Task) -> str:
    return "erased" if task.status is Status.SUCCESS and task.result is None else str(task.status)


def _first_letter(title: str) -> str:
    """The guide letter: the first letter or digit of the title, in any script."""
    return next((each.upper() for each in title if each.isalnum()), FALLBACK_LETTER)


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
