"""The pages of templates: a gallery, and an editor that saves versions."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.http.bodies.json_body import validated
from limner.api.service_container import Services
from limner.api.templates.wire import NewTemplate, picture_type, unzipped, zipped
from limner.domain.ids import AccountId, TaskId, is_uuid
from limner.domain.prompts.template import Template, normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.listing import TaskFilter
from limner.domain.tasks.task import Status
from limner.studio.assets import example_templates
from limner.studio.cards.card import FeedCard
from limner.studio.cards.read import Cards
from limner.studio.handlers.template_versions import VersionRow, version_rows
from limner.studio.page import Pages
from limner.studio.session import form_of, root_of, session_of

USES_DAYS = 30
DAY_MS = 86_400_000
MOST_TASKS = 120
"""The newest of a template that its page looks for pictures in."""


@dataclass(frozen=True, slots=True)
class TemplatePages:
    services: Services
    pages: Pages
    shown: Cards

    async def gallery(self, request: Request) -> Response:
        account = session_of(request).key.account
        since_ms = self.services.clock.now_ms() - USES_DAYS * DAY_MS
        visible, used = await self.services.store.read(
            lambda records: (
                records.templates.visible(account),
                records.account_figures.by_template(account, since_ms),
            )
        )
        return await self.pages.page(
            request,
            "templates",
            own=[each for each in visible.values() if each.account == account],
            shared=[each for each in visible.values() if each.account != account],
            built_in=[each.template for each in self.services.templates.shared.values()],
            examples=example_templates(),
            uses={normalise_slug(each.name): each.tasks for each in used if each.name},
        )

    async def new(self, request: Request) -> Response:
        """An empty editor, or one that begins with the words of another template."""
        asked = request.query_params.get("like", "")
        known = await self.services.templates.of(session_of(request).key.account)
        like = known.get(asked)
        return await self._editor(request, "", like.template if like else None, [])

    async def edit(self, request: Request) -> Response:
        account, slug = session_of(request).key.account, request.path_params["slug"]
        found = await self.services.templates.get(account, slug)
        versions = await self.services.templates.history(account, slug)
        made = await self.services.list_tasks(
            account, TaskFilter(template=found.slug, statuses=(Status.SUCCESS,)), after=None, limit=MOST_TASKS
        )
        keys = await self.services.store.read(lambda records: records.keys.of(account))
        makers = {f"key {each.id}": each.name for each in keys}
        rows = version_rows(versions, found.id, made.tasks, self.shown.maker(request), makers)
        shares = session_of(request).may("admin")
        guests = await self.services.templates.guests(account, slug) if shares else ()
        tried = await self._tried(request)
        return await self._editor(request, found.slug, found.template, rows, guests=guests, tried=tried)

    async def _tried(self, request: Request) -> Sequence[FeedCard]:
        """The card of the task that the address names as a try."""
        named = request.query_params.get("tried", "")
        seen = await self.services.read.many(self._account(request), [TaskId(named)]) if is_uuid(named) else []
        return await self.shown.explained(request, seen)

    async def bring_back(self, request: Request) -> Response:
        """Use an earlier version again."""
        form, key, slug = await form_of(request), session_of(request).key, request.path_params["slug"]
        await self.services.templates.bring_back(key.account, slug, str(form.get("version", "")), f"key {key.id}")
        return RedirectResponse(f"{root_of(request)}/templates/{slug}", 303)

    async def save(self, request: Request) -> Response:
        """Save a version: tasks of now on use it, earlier ones keep theirs."""
        form, key = await form_of(request), session_of(request).key
        slug = _slug(form)
        current = await self._current(key.account, slug)
        new = validated(NewTemplate, await _fields(form, current))
        try:
            await self.services.templates.add(key.account, slug, new.files(current), f"key {key.id}")
        except Refusal as refusal:
            return await self._editor(request, slug, None, [], problem=refusal, filled=new)
        return RedirectResponse(f"{root_of(request)}/templates/{slug}", 303)

    async def remove(self, request: Request) -> Response:
        key = session_of(request).key
        await self.services.templates.remove(key.account, request.path_params["slug"], f"key {key.id}")
        return RedirectResponse(f"{root_of(request)}/templates", 303)

    async def export(self, request: Request) -> Response:
        """The folder of a template's version in use, as a zip."""
        found, files = await self.services.templates.files(self._account(request), request.path_params["slug"])
        headers = {"Content-Disposition": f'attachment; filename="{found.slug}-{found.version}.zip"'}
        return Response(await asyncio.to_thread(zipped, files), 200, headers, "application/zip")

    async def picture(self, request: Request) -> Response:
        """A picture of a template that the account may use."""
        found, files = await self.services.templates.files(self._account(request), request.path_params["slug"])
        name = request.path_params["name"]
        if name not in found.template.files:
            raise Refusal(Code.FILE_NOT_FOUND, "the template has no such file", suggestion="Reload the page.")
        headers = {"Cache-Control": "private, no-cache", "ETag": f'"{found.version}"'}
        return Response(files[name], 200, headers, picture_type(files[name]))

    async def take_in(self, request: Request) -> Response:
        """Save the folder of an uploaded zip as a new version of the template that the form names."""
        form, key = await form_of(request), session_of(request).key
        given = form.get("folder")
        if not isinstance(given, UploadFile) or not given.filename:
            raise Refusal(Code.INVALID, "no zip was chosen", suggestion="Choose the zip of a folder.", field="folder")
        slug = _slug(form) or normalise_slug(given.filename.partition(".")[0].rpartition("-")[0])
        files = await asyncio.to_thread(unzipped, given.file)
        await self.services.templates.add(key.account, slug, files, f"key {key.id}")
        return RedirectResponse(f"{root_of(request)}/templates/{slug}", 303)

    async def share(self, request: Request) -> Response:
        """Let another account use a template, or no longer. For operators."""
        form, key = await form_of(request), session_of(request).key
        ended, slug = str(form.get("unshare", "")), request.path_params["slug"]
        guest = ended or str(form.get("account", "")).strip()
        owner = await self.services.store.read(lambda records: records.accounts.get(key.account))
        name = owner.name if owner else ""
        await self.services.templates.share(name, slug, guest, f"key {key.id}", shared=not ended)
        return RedirectResponse(f"{root_of(request)}/templates/{slug}", 303)

    def _account(self, request: Request) -> AccountId:
        return session_of(request).key.account

    async def _current(self, account: AccountId, slug: str) -> Mapping[str, bytes]:
        try:
            return (await self.services.templates.files(account, slug))[1]
        except Refusal:
            return {}

    async def _editor(
        self,
        request: Request,
        slug: str,
        template: Template | None,
        versions: Sequence[VersionRow],
        **shown: Any,
    ) -> Response:
        values = {
            "slug": slug,
            "template": template,
            "versions": versions,
            "problem": None,
            "filled": None,
            "tried": (),
        }
        return await self.pages.page(request, "template_edit", **(values | shown))


def _slug(form: FormData) -> str:
    return str(form.get("slug", "")).strip().lower().replace("-", "_").replace(" ", "_")


async def _fields(form: FormData, current: Mapping[str, bytes]) -> dict[str, Any]:
    """The fields of the form as the API takes them; pictures of the current version stay."""
    text = {name: str(form.get(name, "")).strip() for name in ("title", "summary", "text", "aspect_ratio")}
    fields: dict[str, Any] = {name: value for name, value in text.items() if value}
    fields["needs_image"] = "needs_image" in form
    for name in ("before", "after"):
        if picture := await _picture(form.get(name)):
            fields[name] = picture
        elif kept := next((file for file in current if file.startswith(f"{name}.")), None):
            fields[name] = {"file": kept}
    return fields


async def _picture(given: object) -> dict[str, str] | None:
    if not isinstance(given, UploadFile) or not given.filename:
        return None
    content = await given.read()
    return {"data": base64.b64encode(content).decode()}
