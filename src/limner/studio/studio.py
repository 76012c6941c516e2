"""What the Studio's handlers work with, and its table of routes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute, Route, WebSocketRoute

from limner.api.app import WebPages
from limner.api.http.operation import Operation
from limner.api.service_container import Services
from limner.application.accounts.manage import ManageAccounts
from limner.application.accounts.report import ReportAccount
from limner.application.accounts.sign_in import SignIn
from limner.application.explain import Explain
from limner.application.generation.disk_guard import DiskGuard
from limner.ports.templates import Templates
from limner.studio.assets import serve_asset
from limner.studio.cards.read import Cards
from limner.studio.errors import refusals
from limner.studio.handlers.account import AccountHandlers
from limner.studio.handlers.check import CheckHandlers
from limner.studio.handlers.history import HistoryHandlers
from limner.studio.handlers.live import Live
from limner.studio.handlers.make import MakeHandlers
from limner.studio.handlers.operator import OperatorHandlers
from limner.studio.handlers.operator_tasks import OperatorTaskPages
from limner.studio.handlers.picture import PictureHandlers
from limner.studio.handlers.reference import ReferencePages
from limner.studio.handlers.sign_in import SignInHandlers
from limner.studio.handlers.templates import TemplatePages
from limner.studio.page import Pages
from limner.studio.picture.story import ReadStory
from limner.studio.reference.outline import outline
from limner.studio.reference.try_out import TryOut
from limner.studio.session import Endpoint, signed_in

PREFIX = "/studio"

Row = Callable[[str, str, Endpoint], Route]


@dataclass(frozen=True, slots=True)
class Studio:
    """The services behind the pages."""

    services: Services
    sign_in: SignIn
    templates: Templates
    explain: Explain
    report: ReportAccount
    accounts: ManageAccounts
    disk_guard: DiskGuard


def studio_pages(studio: Studio) -> WebPages:
    pages = Pages(studio.services.store, studio.sign_in, studio.services.clock, studio.disk_guard)

    def routes(operations: Sequence[Operation], document: Mapping[str, Any]) -> Sequence[BaseRoute]:
        try_out = TryOut(operations, studio.services.authentication)
        reference = ReferencePages(outline(document), try_out, pages)
        return [*_routes(studio, pages), *_reference_routes(studio, reference)]

    return WebPages(PREFIX, routes, refusals(pages))


def _reference_routes(studio: Studio, reference: ReferencePages) -> Sequence[BaseRoute]:
    return [
        Route("/docs", reference.public, methods=["GET"]),
        Route("/docs/{call}", reference.public, methods=["GET"]),
        Route(f"{PREFIX}/docs", signed_in(studio.sign_in, "read", reference.page), methods=["GET"]),
        Route(f"{PREFIX}/docs/try", signed_in(studio.sign_in, "read", reference.run), methods=["POST"]),
        Route(f"{PREFIX}/docs/{{call}}", signed_in(studio.sign_in, "read", reference.page), methods=["GET"]),
    ]


def _routes(studio: Studio, pages: Pages) -> Sequence[BaseRoute]:
    entry = SignInHandlers(studio.sign_in, studio.services.authentication, pages)
    cards = Cards(studio.services, studio.templates)
    make = MakeHandlers(studio.services, pages, cards)
    story = ReadStory(studio.services.store, studio.explain)
    picture = PictureHandlers(studio.services, cards, story, pages)
    past = HistoryHandlers(studio.services, studio.templates, pages, cards)
    operator = OperatorHandlers(studio.services.operators, pages)
    behind = OperatorTaskPages(studio.services.operators, pages)
    template = TemplatePages(studio.services, pages, cards)
    account = AccountHandlers(studio.services, studio.report, studio.accounts, studio.sign_in, studio.templates, pages)
    check = CheckHandlers(studio.services, pages)
    live = Live(studio.services, studio.sign_in)

    def row(scope: str) -> Row:
        def route(method: str, path: str, endpoint: Endpoint) -> Route:
            return Route(PREFIX + path, signed_in(studio.sign_in, scope, endpoint), methods=[method])

        return route

    read, change, hooks, admin = row("read"), row("generate"), row("webhooks"), row("admin")
    return [
        Route(PREFIX + "/assets/{version}/{name}", serve_asset),
        Route(PREFIX + "/sign-in", entry.show, methods=["GET"]),
        Route(PREFIX + "/sign-in", entry.by_key, methods=["POST"]),
        Route(PREFIX + "/link/{token}", entry.by_link, methods=["GET"]),
        read("POST", "/sign-out", entry.sign_out),
        read("GET", "", make.page),
        change("POST", "/tasks", make.create),
        read("POST", "/quote", make.quote),
        read("GET", "/now", make.now),
        change("POST", "/uploads", make.upload),
        read("GET", "/tasks/cards", make.cards),
        read("GET", "/feed", make.feed),
        change("POST", "/tasks/{task_id}/cancel", make.cancel),
        change("POST", "/tasks/{task_id}/again", make.again),
        read("GET", "/tasks/{task_id}/request", make.request_of),
        read("GET", "/pictures/{task_id}", picture.page),
        read("GET", "/pictures/{task_id}/thumb", picture.thumb),
        read("GET", "/compare", picture.compare),
        read("GET", "/check", check.page),
        read("POST", "/check", check.check),
        read("GET", "/history", past.page),
        read("GET", "/history/tiles", past.tiles),
        read("GET", "/history/find", past.find),
        read("GET", "/history/rail", past.rail),
        read("POST", "/history/zip", past.zip),
        change("POST", "/keep", past.keep),
        change("POST", "/erase", past.erase),
        change("POST", "/erase/undo", past.undo),
        read("GET", "/templates", template.gallery),
        change("GET", "/templates/new", template.new),
        change("GET", "/templates/{slug}", template.edit),
        change("POST", "/templates", template.save),
        change("POST", "/templates/import", template.take_in),
        read("GET", "/templates/{slug}/zip", template.export),
        read("GET", "/templates/{slug}/files/{name}", template.picture),
        admin("POST", "/templates/{slug}/share", template.share),
        change("POST", "/templates/{slug}/bring-back", template.bring_back),
        change("POST", "/templates/{slug}/remove", template.remove),
        admin("GET", "/operator", operator.page),
        admin("GET", "/operator/tasks", behind.tasks),
        admin("GET", "/operator/tasks/{task_id}", behind.task),
        admin("POST", "/operator/tasks/{task_id}/cancel", behind.cancel),
        admin("GET", "/operator/failures", behind.failures),
        admin("POST", "/operator/rest", operator.rest),
        admin("POST", "/operator/grant", operator.grant),
        read("GET", "/account", account.page),
        change("POST", "/keys", account.create_key),
        change("POST", "/keys/{key_id}/revoke", account.revoke_key),
        hooks("POST", "/webhooks", account.add_webhook),
        change("POST", "/sign-out-everywhere", account.sign_out_everywhere),
        hooks("POST", "/webhooks/{webhook_id}", account.change_webhook),
        hooks("POST", "/webhooks/{webhook_id}/remove", account.remove_webhook),
        hooks("POST", "/deliveries/{delivery_id}/replay", account.replay),
        WebSocketRoute(PREFIX + "/live", live.watch),
    ]
