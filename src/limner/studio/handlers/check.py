"""The page that tells of any picture whether it was made here, and what it says of its making."""

from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from limner.api.service_container import Services
from limner.domain.refusal import Code, Refusal
from limner.studio.page import Pages
from limner.studio.picture.check_words import CheckWords
from limner.studio.session import form_of, session_of
from limner.studio.texts import texts_for


@dataclass(frozen=True, slots=True)
class CheckHandlers:
    services: Services
    pages: Pages

    async def page(self, request: Request) -> Response:
        return await self._page(request)

    async def check(self, request: Request) -> Response:
        """Look at the form's file, which is not kept."""
        try:
            file_name, found = await self._found(request)
        except Refusal as refusal:
            return await self._page(request, problem=refusal)
        return await self._page(request, file_name, found)

    async def _page(
        self, request: Request, file_name: str = "", found: CheckWords | None = None, problem: Refusal | None = None
    ) -> Response:
        return await self.pages.page(request, "check", file_name=file_name, found=found, problem=problem)

    async def _found(self, request: Request) -> tuple[str, CheckWords]:
        account = session_of(request).key.account
        self.services.detect_rate.check(account, self.services.clock.now_ms())
        file = (await form_of(request)).get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refusal(Code.INVALID, "no picture was chosen", suggestion="Choose a file.", field="file")
        found = await self.services.detect(await file.read(), account)
        return file.filename, CheckWords(texts_for(request), found)
