"""Renders the Studio's pages and fragments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from limner.application.accounts.sign_in import SignIn
from limner.application.generation.disk_guard import DiskGuard
from limner.db.store import Store
from limner.domain.accounts.credits import Balance
from limner.ports.clock import Clock
from limner.studio.assets import scripts_of, version
from limner.studio.compression import compress_page
from limner.studio.rendering import render
from limner.studio.session import find_session, has_session, root_of, session_of
from limner.studio.shortcuts import SHORTCUTS
from limner.studio.texts import languages, texts_for

THEME_COOKIE = "theme"

CSP = (
    "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

NAVIGATION = (
    ("make", "", "brush", "Make"),
    ("history", "/history", "history", "History"),
    ("templates", "/templates", "layout-template", "Templates"),
    ("account", "/account", "wallet", "Account"),
)
OPERATOR = ("operator", "/operator", "activity", "Operator")
"""(page, path under the Studio, icon, English title) of the pages in the bar."""

_SIGNED_OUT = {"session": None, "csrf": "", "balance": None, "disk_full": False}


@dataclass(frozen=True, slots=True)
class Pages:
    store: Store
    sign_in: SignIn
    clock: Clock
    disk_guard: DiskGuard

    async def page(
        self, request: Request, name: str, status: int = 200, *, balance: Balance | None = None, **values: Any
    ) -> HTMLResponse:
        """A complete page: `templates/{name}.html`, with what every page shows; `balance` is read unless given."""
        shell = await self._shell(request, balance)
        return self._response(
            request, f"{name}.html", status, self._common(request, name) | shell | {"page": name} | values
        )

    def bare(self, request: Request, name: str, status: int, **values: Any) -> HTMLResponse:
        """A complete page without the account: for errors, when nothing more should be asked of the database."""
        return self._response(
            request, f"{name}.html", status, self._common(request, name) | _SIGNED_OUT | {"page": name} | values
        )

    def fragment(self, request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A part of a page: `templates/fragments/{name}.html`."""
        csrf = session_of(request).csrf if has_session(request) else ""
        return self._response(
            request, f"fragments/{name}.html", status, self._common(request) | {"csrf": csrf} | values
        )

    async def disk_full(self) -> bool:
        """Whether nothing is made just now, since pictures could not be stored."""
        return await self.disk_guard.is_full(self.clock.now_ms())

    def _response(self, request: Request, template: str, status: int, values: Mapping[str, Any]) -> HTMLResponse:
        response = HTMLResponse(render(template, texts_for(request), values), status, HEADERS)
        compress_page(request, response)
        return response

    def _common(self, request: Request, page: str = "") -> dict[str, Any]:
        root = root_of(request)
        theme = request.cookies.get(THEME_COOKIE, "")
        return {
            "root": root,
            "assets": f"{root}/assets/{version()}",
            "languages": list(languages()),
            "scripts": scripts_of(page),
            "theme": theme if theme in {"light", "dark"} else "",
            "shortcuts": SHORTCUTS,
            "navigation": NAVIGATION,
            "csrf": "",
            "now_ms": self.clock.now_ms(),
        }

    async def _shell(self, request: Request, known: Balance | None) -> dict[str, Any]:
        """What the bar shows: the account and its credits; nothing of it for those who are not signed in."""
        session = session_of(request) if has_session(request) else await find_session(request, self.sign_in)
        if session is None:
            return dict(_SIGNED_OUT)
        account = session.key.account
        balance = known or await self.store.read(lambda records: records.accounts.balance(account))
        navigation = (*NAVIGATION, OPERATOR) if session.may("admin") else NAVIGATION
        return {
            "session": session,
            "csrf": session.csrf,
            "balance": balance,
            "navigation": navigation,
            "disk_full": await self.disk_full(),
        }
