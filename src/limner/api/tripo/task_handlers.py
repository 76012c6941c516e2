"""Request handlers that v2 and v3 share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import parse
from limner.api.http.idempotency import replayed
from limner.api.http.prefer_wait import wait_as_preferred
from limner.api.service_container import SERVED_BY, Services
from limner.api.tripo.model_list import model_list
from limner.api.tripo.task_batch import read_ids
from limner.application.images.upload_credentials import UploadCredentials
from limner.application.read import TaskView
from limner.application.tasks.submit import Submitted
from limner.db.tables.keys import Key
from limner.domain.ids import TaskId


@dataclass(frozen=True, slots=True)
class TaskHandlers(ABC):
    """Each API adds how it shows a task, and its envelope."""

    services: Services

    @abstractmethod
    def body(self, key: Key, seen: TaskView) -> dict[str, Any]:
        """The task as this API shows it."""

    @abstractmethod
    def success(self, data: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response: ...

    async def read(self, request: Request) -> Response:
        key = caller(request)
        return self.task(key, await self.services.read(key.account, TaskId(request.path_params["task_id"])))

    async def read_batch(self, request: Request) -> Response:
        key = caller(request)
        wanted, _ = await parse(request, read_ids)
        found = await self.services.read.many(key.account, wanted)
        tasks = {seen.task.id: self.body(key, seen) for seen in found}
        return self.success({"tasks": tasks, "missed": [each for each in wanted if each not in tasks]})

    async def models(self, _request: Request) -> Response:
        return self.success(model_list(self.services))

    def task(self, key: Key, seen: TaskView) -> Response:
        return self.success(self.body(key, seen), self.services.served_by(seen))

    async def answer_created(self, request: Request, created: Submitted, data: dict[str, Any]) -> Response:
        """Answer with `data`, or with the task if it ended within the time that the caller prefers to wait."""
        headers = {SERVED_BY: created.provider} | replayed(created)
        waited = await wait_as_preferred(request, self.services.wait_for_end, created.task)
        if waited.ended:
            data = self.body(caller(request), waited.ended)
            headers |= self.services.served_by(waited.ended)
        return self.success(data, headers | waited.headers)


def s3_fields(created: UploadCredentials) -> dict[str, str]:
    """Credentials as Tripo's clients read them."""
    return {
        "s3_host": created.host,
        "resource_bucket": created.bucket,
        "resource_uri": created.object_key,
        "session_token": created.session_token,
        "sts_ak": created.access_key,
        "sts_sk": created.secret_key,
    }
