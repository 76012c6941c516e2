"""Every state of every page that is tried for accessibility and drawn: page, and what is open on it."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True)
class PageState:
    """`path` is under /studio, with {task} for a finished one; `open` brings the page into the state."""

    name: str
    path: str
    open: Callable[[Page], object] | None = None
    signed_in: bool = True
    newcomer: bool = False
    """On an account without tasks, instead of the one with some."""


def _composer(selector: str) -> Callable[[Page], object]:
    """Click in the composer, which on a phone opens when its prompt gets the focus."""

    def click(page: Page) -> None:
        page.focus("#prompt")
        page.click(selector)

    return click


STATES = (
    PageState("sign-in", "/sign-in", signed_in=False),
    PageState("first-run", "", newcomer=True),
    PageState("make", ""),
    PageState("make-models", "", _composer("[data-menu=models]")),
    PageState("make-other-models", "", _composer("#also summary")),
    PageState("make-address", "", _composer("[data-act=url]")),
    PageState("make-problems", "", lambda page: page.fill("#prompt", "like image[3] 🦊")),
    PageState("make-card-menu", "", lambda page: page.locator("[data-menu=card-menu]").first.click()),
    PageState("palette", "", lambda page: page.keyboard.press("Control+k")),
    PageState("keys", "", lambda page: page.keyboard.press("?")),
    PageState("picture", "/pictures/{task}"),
    PageState("history", "/history"),
    PageState("history-empty", "/history?q=nothingofthekind"),
    PageState("history-of-nothing", "/history", newcomer=True),
    PageState("history-selected", "/history", lambda page: page.locator(".tile .check").first.check()),
    PageState("templates", "/templates"),
    PageState("templates-import", "/templates", lambda page: page.click("[data-open=import]")),
    PageState("template-edit", "/templates/new?like=figure"),
    PageState("check", "/check"),
    PageState("account", "/account"),
    PageState("account-new-key", "/account", lambda page: page.click("[data-open=newkey]")),
    PageState("account-new-webhook", "/account", lambda page: page.click("[data-open=newhook]")),
    PageState("operator", "/operator"),
    PageState("operator-tasks", "/operator/tasks"),
    PageState("operator-task", "/operator/tasks/{task}"),
    PageState("operator-failures", "/operator/failures"),
    PageState("operator-grant", "/operator", lambda page: page.click("[data-open=grant]")),
    PageState("reference", "/docs"),
    PageState("reference-call", "/docs/post-v2-openapi-task"),
    PageState("missing", "/pictures/00000000-0000-7000-8000-000000000000"),
)
