"""A real browser over the Studio's pages: Debian's Chromium, driven by Playwright."""

import contextlib
import http.client
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright

from contract.client import Client
from serving import Served

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium as root, without requests of its own."""

WAIT_MS = 60_000


def chromium() -> str | None:
    """Where Chromium is, if it is installed."""
    return shutil.which("chromium")


@contextlib.contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_QUIET))
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page and what went wrong in it: errors of scripts, of the Content-Security-Policy, and of other hosts."""

    page: Page
    served: Served
    problems: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self.page.on("console", self._on_console)
        self.page.on("request", lambda request: self._on_request(request.url))
        self.page.on("response", self._on_response)

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.served.url}/studio{path}")

    def sign_in(self, *, operator: bool = False) -> None:
        """Open Make with the server's one session of the tests; it is begun when there is none, or it has ended."""
        arguments = ("--operator",) if operator else ()
        _put_session(self.page.context, self.served, arguments)
        self.open()
        if "/sign-in" in self.page.url:
            del _sessions[self.served.url, arguments]
            _put_session(self.page.context, self.served, arguments)
            self.open()

    def sign_in_anew(self) -> None:
        """With a link, in a session of its own."""
        self.page.goto(link(self.served))

    def make(self, prompt: str) -> None:
        """Write the prompt and press Make."""
        self.page.fill("#prompt", prompt)
        self.page.click("#send")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self._note(f"console: {message.text}")

    def _on_request(self, url: str) -> None:
        if urlsplit(url).scheme in {"http", "https", "ws"} and urlsplit(url).netloc != urlsplit(self.served.url).netloc:
            self._note(f"asked another host: {url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self._note(f"{response.status}: {response.url}")

    def _note(self, problem: str) -> None:
        with self._guard:
            self.problems.append(problem)


_sessions: dict[tuple[str, tuple[str, ...]], str] = {}
"""The cookie of a session on each server: a link takes a process of its own."""


def session_on(served: Served, *arguments: str) -> str:
    """The cookie of a session that the tests of this process share."""
    if (served.url, arguments) not in _sessions:
        _sessions[served.url, arguments] = new_session(served, *arguments)
    return _sessions[served.url, arguments]


def new_session(served: Served, *arguments: str) -> str:
    """The cookie of a session of its own, begun with a link."""
    address = urlsplit(link(served, *arguments))
    with contextlib.closing(http.client.HTTPConnection(address.netloc)) as connection:
        connection.request("GET", address.path)
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("set-cookie", "").partition("=")[2].partition(";")[0]


def _put_session(context: BrowserContext, served: Served, arguments: tuple[str, ...]) -> None:
    context.add_cookies(
        [
            {
                "name": "limner_session",
                "value": session_on(served, *arguments),
                "domain": urlsplit(served.url).hostname or "",
                "path": "/studio",
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )


def until_ready(page: Page) -> None:
    """Wait until the page's scripts have run and what they asked for at once is there."""
    page.locator("html[data-ready]").wait_for(state="attached")


def link(served: Served, *arguments: str) -> str:
    """A one-time link to the running server, as `limner studio link` makes it."""
    made = served.cli("studio", "link", *arguments)["url"]
    return served.url + urlsplit(made).path


def new_tab(context: BrowserContext, served: Served) -> Tab:
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    tab = Tab(page, served)
    tab.watch()
    return tab


def empty_account(served: Served, name: str = "newcomer") -> str:
    """The name of an account of the server that never has a task. Each link to it may leave a key."""
    if all(each["account"] != name for each in served.cli("accounts", "list")):
        served.cli("accounts", "create", name, "--credits", "1000")
    return name


def somebody(served: Served, name: str, credits: int = 1000) -> Client:  # noqa: A002
    """A client of a new account of this name, whose tasks no other test sees."""
    served.cli("accounts", "create", name, "--credits", str(credits))
    return Client(served.url, served.cli("keys", "create", "--account", name)["key"])


def download(tab: Tab, folder: Path) -> bytes:
    """The bytes that the first card's download button saves."""
    with tab.page.expect_download() as saving:
        tab.page.locator(".card a[download]").first.click()
    path = folder / "saved"
    saving.value.save_as(path)
    return path.read_bytes()
