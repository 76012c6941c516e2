"""The routes of templates. Errors come in the envelope of v2."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.file_body import received_body
from limner.api.http.bodies.json_body import parse, read_object, validated
from limner.api.http.bodies.success import success
from limner.api.http.headers import media_type
from limner.api.http.operation import Endpoint, Operation
from limner.api.service_container import Services
from limner.api.templates import openapi
from limner.api.templates.wire import EarlierVersion, NewTemplate, picture_type, unzipped, zipped
from limner.application.library.templates import AccountTemplates
from limner.db.tables.library.templates import TemplateVersion
from limner.domain.ids import AccountId
from limner.domain.prompts.template import Template
from limner.domain.refusal import Code, Refusal

PREFIX = "/v1/templates"

ZIP = {"application/zip", "application/x-zip-compressed", "application/octet-stream"}
"""What clients call an archive; Windows knows the second name."""

Row = Callable[[str, str, Endpoint, str, Mapping[str, Any]], Operation]


def operations(services: Services, templates: AccountTemplates) -> list[Operation]:
    """All template routes."""
    handle = TemplateHandlers(services, templates)

    def row(scope: str) -> Row:
        def operation(
            method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]
        ) -> Operation:
            return Operation(method, PREFIX + path, endpoint, "templates", summary, described, scope)

        return operation

    reads, changes = row("read"), row("generate")
    one = "/{slug}"
    return [
        reads("GET", "", handle.list, "List the templates that tasks may name", openapi.LIST),
        reads("GET", f"{one}/versions", handle.versions, "List the versions of a template of yours", openapi.VERSIONS),
        reads("GET", f"{one}/zip", handle.export, "Download a template's folder", openapi.EXPORT),
        reads("GET", f"{one}/files/{{name}}", handle.file, "Fetch a picture of a template", openapi.FILE),
        reads("GET", one, handle.read, "Read a template", openapi.READ),
        changes("PUT", one, handle.add, "Add a template, or a version of it", openapi.ADD),
        changes(
            "POST",
            f"{one}/bring-back",
            handle.bring_back,
            "Use an earlier version of a template of yours again",
            openapi.BRING_BACK,
        ),
        changes("DELETE", one, handle.remove, "Remove a template of yours", openapi.REMOVE),
    ]


@dataclass(frozen=True, slots=True)
class TemplateHandlers:
    """One method a call of the wire."""

    services: Services
    templates: AccountTemplates

    async def list(self, request: Request) -> Response:
        account = caller(request).account
        own = await self.templates.visible(account)
        shared = {slug: _body(each.template, each.version, "built_in") for slug, each in self.templates.shared.items()}
        found = shared | {slug: _version_body(each, account) for slug, each in own.items()}
        return success({"templates": [found[slug] for slug in sorted(found)]})

    async def read(self, request: Request) -> Response:
        account, slug = caller(request).account, request.path_params["slug"]
        own = (await self.templates.of(account)).get(slug.replace("-", "_"))
        if own is not None and own.row is None:
            return success(_body(own.template, own.version, "built_in") | {"text": own.template.text})
        found = await self.templates.get(account, slug)
        return success(_version_body(found, account) | {"text": found.template.text})

    async def versions(self, request: Request) -> Response:
        account = caller(request).account
        found = await self.templates.history(account, request.path_params["slug"])
        bodies = [_version_body(each, account) | {"text": each.template.text} for each in found]
        return success({"versions": bodies})

    async def add(self, request: Request) -> Response:
        key, slug = caller(request), request.path_params["slug"]
        if media_type(request.headers) in ZIP:
            async with received_body(request, self.services.scratch) as path:
                files = await asyncio.to_thread(unzipped, path)
        else:
            new, _ = await parse(request, lambda body: validated(NewTemplate, read_object(body)))
            current = await self._current(key.account, slug)
            files = await asyncio.to_thread(new.files, current)
        added = await self.templates.add(key.account, slug, files, f"key {key.id}")
        return success(_version_body(added, key.account) | {"text": added.template.text})

    async def _current(self, account: AccountId, slug: str) -> Mapping[str, bytes]:
        """The files of the current version, which a new one may go on using."""
        try:
            return (await self.templates.files(account, slug))[1]
        except Refusal:
            return {}

    async def bring_back(self, request: Request) -> Response:
        key, slug = caller(request), request.path_params["slug"]
        earlier, _ = await parse(request, lambda body: validated(EarlierVersion, read_object(body)))
        again = await self.templates.bring_back(key.account, slug, earlier.version, f"key {key.id}")
        return success(_version_body(again, key.account) | {"text": again.template.text})

    async def remove(self, request: Request) -> Response:
        key = caller(request)
        await self.templates.remove(key.account, request.path_params["slug"], f"key {key.id}")
        return success({})

    async def export(self, request: Request) -> Response:
        found, files = await self.templates.files(caller(request).account, request.path_params["slug"])
        headers = {"Content-Disposition": f'attachment; filename="{found.slug}-{found.version}.zip"'}
        return Response(await asyncio.to_thread(zipped, files), 200, headers, "application/zip")

    async def file(self, request: Request) -> Response:
        found, files = await self.templates.files(caller(request).account, request.path_params["slug"])
        name = request.path_params["name"]
        if name not in found.template.files:
            raise Refusal(
                Code.FILE_NOT_FOUND,
                f"the template has no file {name[:100]!r}",
                suggestion="Read the template for its files.",
            )
        return Response(
            files[name],
            200,
            {"ETag": f'"{found.version}"', "Cache-Control": "private, no-cache"},
            picture_type(files[name]),
        )


def _version_body(version: TemplateVersion, account: AccountId) -> dict[str, Any]:
    origin = "own" if version.account == account else "shared"
    return _body(version.template, version.version, origin) | {"create_time": version.created_ms // 1000}


def _body(template: Template, version: str, origin: str) -> dict[str, Any]:
    return {
        "template": template.slug,
        "version": version,
        "origin": origin,
        "title": template.title,
        "summary": template.summary,
        "aspect_ratio": template.aspect_ratio,
        "best_with": list(template.best_with),
        "needs_image": template.needs_image,
        "pictures": [{"file": each.name, "role": each.role} for each in template.pictures],
        "before": template.before,
        "after": template.after,
    }
