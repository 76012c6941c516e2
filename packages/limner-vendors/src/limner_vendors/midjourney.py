"""The midjourney-proxy protocol: HTTP 200 with a code, and a task that is fetched until it has its grid of four."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import orjson
from aiohttp import web

from limner_vendors._core.emulator import Emulator, EmulatorSetup, Refused, http_status, reply
from limner_vendors._core.faults import JOB_FAULTS, Fault, FaultKind, InjectedFault
from limner_vendors._core.jobs import VendorJob, VendorOrder
from limner_vendors._core.pictures import MEDIA_TYPES, NotAPicture, ReceivedImage, Size, draw_grid
from limner_vendors._core.rules import Rules, address, mapping, maybe, one_of, problems, some, text, whole

SUBMITTED, NOT_FOUND, INVALID, FAILURE, EXISTS, QUEUED, FULL, BANNED = 1, 3, 4, 9, 21, 22, 23, 24
SAYS: Final = {
    SUBMITTED: "提交成功",
    NOT_FOUND: "无可用的账号实例",
    INVALID: "校验错误",
    FAILURE: "系统异常",
    EXISTS: "任务已存在",
    QUEUED: "排队中",
    FULL: "队列已满，请稍后尝试",
    BANNED: "可能包含敏感词",
}
PROPERTIES: Final[Mapping[int, Mapping[str, Any]]] = {
    EXISTS: {"status": "SUBMITTED", "imageUrl": None},
    QUEUED: {"numberOfQueues": 1},
}
MODERATOR: Final = "Sorry! Our AI moderator thinks this prompt is probably against our community standards."

_COMMON: Final[Rules] = {"notifyHook": maybe(address), "state": maybe(text(255))}
IMAGINE: Final[Rules] = {
    "prompt": text(),
    "base64Array": maybe(some(text(), 0, 16)),
    "botType": maybe(one_of("MID_JOURNEY", "NIJI_JOURNEY")),
    "accountFilter": maybe(mapping),
    **_COMMON,
}
ACTION: Final[Rules] = {"taskId": text(), "customId": text(), **_COMMON}
CHANGE: Final[Rules] = {
    "taskId": text(),
    "action": one_of("UPSCALE", "VARIATION", "REROLL"),
    "index": maybe(whole(1, 4)),
    **_COMMON,
}
LIST: Final[Rules] = {"ids": some(text(), 0, 1000)}
NEWEST: Final = 100
"""How many tasks a relay lists at most."""


class Midjourney(Emulator):
    name: ClassVar[str] = "midjourney"
    position: ClassVar[int] = 4
    sites: ClassVar[tuple[str, ...]] = ("api", "delivery")
    kinds = (*JOB_FAULTS, FaultKind.CANCELLED, FaultKind.CODE, FaultKind.RELAY)

    def __init__(self, setup: EmulatorSetup) -> None:
        super().__init__(setup)
        self.numbers = 0

    def environment(self) -> dict[str, str]:
        return {"LIMNER_MIDJOURNEY_URL": self.base_url, "LIMNER_MIDJOURNEY_SECRET": self.key}

    def applications(self) -> dict[str, web.Application]:
        routes: list[web.AbstractRouteDef] = [*self.script_routes()]
        for root in ("/mj", "/mj-fast/mj", "/mj-turbo/mj", "/mj-relax/mj"):
            routes += [
                web.post(f"{root}/submit/imagine", self.imagine),
                web.post(f"{root}/submit/action", self.action),
                web.post(f"{root}/submit/change", self.change),
                web.post(f"{root}/task/list-by-condition", self.list_tasks),
                web.get(f"{root}/task/list", self.list_newest),
                web.get(f"{root}/task/{{id}}/fetch", self.fetch),
                web.post(f"{root}/task/{{id}}/cancel", self.cancel),
            ]
        return {"api": self.application(routes), "delivery": self.delivery_application()}

    # --- submitting

    async def imagine(self, request: web.Request) -> web.StreamResponse:
        body = await self.read(request, IMAGINE, ("prompt",))
        if not body["prompt"].strip():
            raise refused(INVALID, "prompt不能为空")
        references = tuple([await self.reference(value) for value in body.get("base64Array") or ()])
        order = VendorOrder("imagine", body["prompt"], references, grid_size(body["prompt"]), "png", asked(body))
        return await self.take(request, order, {"action": "IMAGINE"})

    async def action(self, request: web.Request) -> web.StreamResponse:
        """A press of a button under a finished task."""
        body = await self.read(request, ACTION, ("taskId", "customId"))
        parent = self.parent(body["taskId"])
        pressed = re.fullmatch(r"MJ::JOB::(upsample|variation|reroll)::([0-4])::(.+)", body["customId"])
        if pressed is None or pressed[3] != hash_of(parent) or parent.facts["action"] == "UPSCALE":
            raise refused(INVALID, "customId错误")
        verb = {"upsample": "UPSCALE", "variation": "VARIATION", "reroll": "REROLL"}[pressed[1]]
        return await self.follow(request, parent, verb, int(pressed[2]), body)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """The older form of the same request."""
        body = await self.read(request, CHANGE, ("taskId", "action"))
        if body["action"] != "REROLL" and not body.get("index"):
            raise refused(INVALID, "index不能为空")
        return await self.follow(request, self.parent(body["taskId"]), body["action"], body.get("index") or 0, body)

    async def follow(
        self, request: web.Request, parent: VendorJob, verb: str, index: int, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        """A task made from another: one picture of its grid in full, or a new grid.

        novicezk's proxy, which knows no buttons, makes the same picture once: requested again by its number, it names
        the task that it has. trueai's makes another for every press of a button.
        """
        if verb == "UPSCALE" and "customId" not in body and (made := self.made(parent, index)):
            properties = {"status": made.facts["shown"][0], "imageUrl": None}
            return submitted(EXISTS, made.id, properties)
        order = replace(parent.order, model=verb.lower(), other_fields={**asked(body), "index": index})
        if verb == "UPSCALE":
            order = replace(order, size=(order.size[0] // 2, order.size[1] // 2))
        return await self.take(request, order, {"action": verb, "index": index, "parent": parent.id})

    def made(self, parent: VendorJob, index: int) -> VendorJob | None:
        facts = {"action": "UPSCALE", "index": index, "parent": parent.id}
        return next((job for job in self.jobs.all() if facts.items() <= job.facts.items()), None)

    def parent(self, task: str) -> VendorJob:
        job = self.jobs.find(task)
        if job is None:
            raise refused(NOT_FOUND, "关联任务不存在或已失效")
        if not job.ended or job.failed:
            raise refused(INVALID, "关联任务状态错误")
        return job

    async def take(self, request: web.Request, order: VendorOrder, facts: Mapping[str, Any]) -> web.StreamResponse:
        return await self.with_faults(
            request, "submit", order.prompt, lambda injected: self.accept(order, facts, injected)
        )

    async def accept(self, order: VendorOrder, facts: Mapping[str, Any], injected: InjectedFault) -> web.Response:
        code = code_of(injected)
        if code not in {SUBMITTED, EXISTS, QUEUED}:
            properties = {"bannedWord": order.prompt.split()[0], "promptEn": order.prompt} if code == BANNED else {}
            caught = injected.of(FaultKind.CODE)
            says = "提交异常，请稍后重试" if caught and caught.how == "exception" else ""
            return submitted(code, None, properties, says)
        self.numbers += 1
        now = int(self.setup.now() * 1000)
        shown = ("NOT_START", 0.0)
        job = await self.open_job(f"{now}{self.numbers:06}", order, injected, **facts, shown=shown)
        if hook := order.other_fields.get("notifyHook"):
            self.hooks.later(self.notify(job, hook))
        return submitted(code, job.id, PROPERTIES.get(code, {}))

    # --- asking

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """An unknown id of digits is answered as novicezk's proxy does (empty 200), another as trueai's (204)."""
        self.check_secret(request)
        job = self.jobs.find(request.match_info["id"])
        if job is None:
            return web.Response(status=200 if request.match_info["id"].isdigit() else 204)
        return await self.with_faults(request, "poll", job.order.prompt, lambda _: self.job_answer(job))

    async def job_answer(self, job: VendorJob) -> web.Response:
        if job.hidden:
            job.hidden -= 1
            return web.Response(status=200)
        self.advance(job)
        return reply(200, self.shown(job))

    async def list_tasks(self, request: web.Request) -> web.Response:
        body = await self.read(request, LIST, ("ids",))
        found = [job for job in map(self.jobs.find, body["ids"]) if job]
        return reply(200, [self.shown(job) for job in found])

    async def list_newest(self, request: web.Request) -> web.Response:
        self.check_secret(request)
        newest = self.jobs.all()[: -NEWEST - 1 : -1]
        return reply(200, [self.shown(job) for job in newest])

    async def cancel(self, request: web.Request) -> web.Response:
        self.check_secret(request)
        job = self.jobs.find(request.match_info["id"])
        if job is None:
            return submitted(NOT_FOUND, None, {})
        if not job.ended:
            job.cancelled = True
            job.facts["shown"] = ("CANCEL", 0.0)
        return submitted(SUBMITTED, job.id, {})

    def advance(self, job: VendorJob) -> None:
        """Each poll advances a task: submitted, in progress with a preview, done."""
        if job.cancelled:
            return
        progress = self.jobs.ask(job)
        strange = job.injected.of(FaultKind.UNKNOWN_STATUS)
        if strange and job.polls == 1:
            job.facts["shown"] = (strange.how or "MODAL", progress)
        elif progress >= 1 and FaultKind.CANCELLED in job.injected:
            job.facts["shown"] = ("CANCEL", 0.0)
        elif progress >= 1:
            job.facts["shown"] = ("FAILURE" if reason_of(job.injected) else "SUCCESS", 1.0)
        else:
            job.facts["shown"] = ("SUBMITTED", 0.0) if job.polls == 1 else ("IN_PROGRESS", progress)

    def shown(self, job: VendorJob, state: tuple[str, float] | None = None) -> dict[str, Any]:
        """The whole task, in its own state or in another."""
        status, progress = state or job.facts["shown"]
        task = {
            "id": job.id,
            "action": job.facts["action"],
            "status": status,
            "prompt": job.order.prompt,
            "promptEn": job.order.prompt,
            "description": f"/imagine {job.order.prompt}",
            "state": job.order.other_fields.get("state"),
            "submitTime": int(job.started * 1000),
            "startTime": int(job.started * 1000) if status != "NOT_START" else None,
            "finishTime": int(self.setup.now() * 1000) if job.ended else None,
            "progress": f"{round(progress * 100)}%" if status != "NOT_START" else "",
            "imageUrl": None,
            "failReason": reason_of(job.injected) if status == "FAILURE" else None,
            "properties": {"finalPrompt": job.order.prompt},
            "buttons": [],
        }
        if status == "IN_PROGRESS":
            return {**task, "imageUrl": self.preview(job)}
        if status == "SUCCESS" and FaultKind.EMPTY not in job.injected:
            return {**task, **self.result(job)}
        return task

    def preview(self, job: VendorJob) -> str:
        """A small, unfinished picture; variant 7 marks it as a preview."""
        small = replace(job.order, size=(256, 256), format="webp")
        drawing = VendorJob(job.id, small, InjectedFault(), job.started, 0, 0)
        return self.deliveries.offer(
            f"{job.id}-preview.webp", "image/webp", lambda: self.picture(small, InjectedFault(), 7), drawing
        )

    def result(self, job: VendorJob) -> dict[str, Any]:
        order, index = job.order, job.facts.get("index", 0)
        single = job.facts["action"] == "UPSCALE"

        async def drawn() -> bytes:
            if single:
                return await self.picture(order, job.injected, index)
            return await self.picture(order, job.injected, brush=draw_grid)

        link = self.deliveries.offer(f"{job.id}.png", MEDIA_TYPES["png"], drawn, job)
        size = {"width": order.size[0], "height": order.size[1]}
        each = [] if single or FaultKind.RELAY not in job.injected else self.each(job)
        shown = {"imageUrl": link, "imageUrls": each, "thumbnailUrl": link, **size}
        return {**shown, "buttons": buttons(job, single=single)}

    def each(self, job: VendorJob) -> list[dict[str, str]]:
        """A link to each of the four, as a relay names them that fills in Midjourney's own."""
        order = replace(job.order, size=(job.order.size[0] // 2, job.order.size[1] // 2))

        def link(index: int) -> str:
            name = f"{job.id}-{index}.png"
            return self.deliveries.offer(
                name, MEDIA_TYPES["png"], lambda: self.picture(order, job.injected, index), job
            )

        return [{"url": url, "thumbnail": url} for url in map(link, range(1, 5))]

    # --- telling

    async def notify(self, job: VendorJob, hook: str) -> None:
        """Post the whole task at every change, in a burst and out of order."""
        await self.jobs.finish(job)
        final = ("FAILURE" if reason_of(job.injected) else "SUCCESS", 1.0)
        middle = [("SUBMITTED", 0.0), ("IN_PROGRESS", 0.62), ("IN_PROGRESS", 0.31)]
        last = [final] * (2 if FaultKind.DUPLICATE_WEBHOOK in job.injected else 1)
        for state in (*middle, *last, ("IN_PROGRESS", 0.93)):
            await self.hooks.post(hook, orjson.dumps(self.shown(job, state)), {})

    # --- what a request must be

    def check_secret(self, request: web.Request) -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key not in {request.headers.get("mj-api-secret"), bearer}:
            raise Refused(web.Response(status=401, text="Unauthorized"))

    async def read(self, request: web.Request, rules: Rules, required: tuple[str, ...]) -> dict[str, Any]:
        self.check_secret(request)
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise refused(INVALID, "参数错误: JSON") from None
        if not isinstance(body, dict):
            raise refused(INVALID, "参数错误: JSON")
        if found := problems(body, rules, required):
            raise refused(INVALID, f"参数错误: {found[0].field}: {found[0].message}")
        return body

    async def reference(self, value: str) -> ReceivedImage:
        if not value.startswith("data:image/"):
            raise refused(INVALID, "base64格式错误")
        try:
            return await self.look_at(await self.picture_behind(value))
        except NotAPicture:
            raise refused(INVALID, "base64格式错误") from None

    def refusal(self, fault: Fault) -> web.Response:
        """Refusals of the proxy itself; Midjourney's come as a code or as a failed task."""
        match fault.kind:
            case FaultKind.RATE_LIMITED if fault.how != "http":
                return submitted(FULL, None, {})
            case FaultKind.RATE_LIMITED:
                return web.Response(status=429)
            case FaultKind.QUOTA | FaultKind.MODEL_GONE:
                return submitted(NOT_FOUND, None, {})
            case FaultKind.SERVER_ERROR if fault.how != "http":
                return submitted(FAILURE, None, {})
            case _:
                return web.Response(status=http_status(fault), text=fault.kind.replace("_", " ").capitalize())


def code_of(injected: InjectedFault) -> int:
    """The code of the answer: scripted, or for a banned word where the proxy checks for them itself."""
    if fault := injected.of(FaultKind.CODE):
        return int(fault.amount(SUBMITTED))
    moderated = injected.of(FaultKind.MODERATED)
    return BANNED if moderated and moderated.how == "code" else SUBMITTED


def reason_of(injected: InjectedFault) -> str | None:
    """`[Title] text`, as Discord worded it; `how` of a fault is another title."""
    fault = injected.of(FaultKind.MODERATED, FaultKind.MODERATED_OUTPUT, FaultKind.FAILED)
    if fault is None:
        return None
    title = fault.how.replace("_", " ")
    match fault.kind:
        case FaultKind.MODERATED:
            return f"[{title or 'Banned prompt detected'}] {MODERATOR}"
        case FaultKind.MODERATED_OUTPUT:
            return f"[{title or 'Request cancelled due to output filters'}] {MODERATOR}"
        case _:
            return f"[{title or 'Invalid parameter'}] Something is wrong with this request."


def submitted(code: int, task: str | None, properties: Mapping[str, Any], says: str = "") -> web.Response:
    answer = {"code": code, "description": says or SAYS.get(code, "未知错误"), "properties": properties}
    return reply(200, {**answer, "result": task})


def refused(code: int, says: str) -> Refused:
    return Refused(submitted(code, None, {}, says))


def asked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in {"prompt", "base64Array"}}


def grid_size(prompt: str) -> Size:
    """Two by two pictures of about a megapixel, in the shape that `--ar` asks for."""
    found = re.search(r"--ar\s+(\d{1,3}):(\d{1,3})", prompt)
    wide, high = (int(found[1]) or 1, int(found[2]) or 1) if found else (1, 1)
    width, height = (round(1024 * (side / other) ** 0.5 / 16) * 16 for side, other in ((wide, high), (high, wide)))
    return max(64, width) * 2, max(64, height) * 2


def hash_of(job: VendorJob) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, job.id))


def buttons(job: VendorJob, *, single: bool) -> list[dict[str, Any]]:
    """Under a grid: four to upscale, four to vary, one to reroll.

    Under a single picture the emulator offers none.
    """
    if single:
        return []
    rows = [("upsample", n, f"U{n}") for n in range(1, 5)] + [("variation", n, f"V{n}") for n in range(1, 5)]
    made = [_button(f"MJ::JOB::{verb}::{n}::{hash_of(job)}", label, "") for verb, n, label in rows]
    return [*made, _button(f"MJ::JOB::reroll::0::{hash_of(job)}", "", "🔄")]


def _button(custom_id: str, label: str, emoji: str) -> dict[str, Any]:
    return {"customId": custom_id, "label": label, "emoji": emoji, "type": 2, "style": 2}
