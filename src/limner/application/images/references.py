"""Reference pictures of a request: stored when the task is accepted, normalised when it first runs."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.application.images.keep import Keep
from limner.application.images.upload import KeepPicture, KeptPicture
from limner.application.read import own_task
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.tasks import CleanCopy, TaskInput
from limner.db.tables.uploads import Upload
from limner.domain.base64_text import TooLong, bytes_of
from limner.domain.ids import AccountId, BlobId, TaskId, is_uuid
from limner.domain.model import WEBP, ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import FileInput, InlineSource, ObjectSource, TaskSource, UploadedSource, UrlSource
from limner.domain.tasks.task import Result, Status, Task
from limner.domain.upload import BUCKET
from limner.ports.blobs import BlobStore
from limner.ports.clock import Clock
from limner.ports.intake import Inspected, Intake
from limner.ports.provider import ReferenceImage
from limner.threads import in_thread

INLINE_LIMIT = 20 * 1024 * 1024
"""Size limit of one inline picture, as for an upload."""


def check_format(media_type: str, model: ModelFacts, field: str, *, transcode_webp: bool) -> None:
    """Raise `Refusal` for a format that the model does not accept."""
    if media_type in model.accepts or (media_type == WEBP and transcode_webp):
        return
    raise Refusal(
        Code.IMAGE_TYPE_UNSUPPORTED,
        f"{model.name} does not accept {media_type} images",
        suggestion=f"Convert the picture to {' or '.join(sorted(model.accepts))}, or choose another model_version.",
        field=field,
    )


# --- when the task is accepted ------------------------------------------------------------------------------------


CheckInspected = Callable[[Mapping[str, Inspected]], Awaitable[None]]
"""Checks the facts of inline pictures by field. Raises `Refusal`."""


async def _accept_all(_inspected: Mapping[str, Inspected]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class KeepInlineImages:
    """Stores pictures sent inside the request."""

    keep: KeepPicture
    scratch: Path
    transcode_webp: bool

    async def __call__(
        self, files: Sequence[FileInput], model: ModelFacts, task: TaskId, check: CheckInspected = _accept_all
    ) -> Mapping[str, KeptPicture]:
        """The stored pictures by field, pinned for `task`. All are verified, and pass `check`, before any is stored."""
        paths: dict[str, Path] = {}
        decoded: list[Path] = []
        inspected: dict[str, Inspected] = {}
        try:
            for file in files:
                if isinstance(file.source, InlineSource):
                    paths[file.field] = path = self._place(file.source, decoded)
                    inspected[file.field] = await self._verify(f"{file.field}.data", file.source, path, model)
            await check(inspected)
            return {field: await self.keep(path, task) for field, path in paths.items()}
        finally:
            await in_thread(_remove, decoded)

    def _place(self, source: InlineSource, decoded: list[Path]) -> Path:
        """Where the picture is as a file, or will be once it is decoded."""
        if isinstance(source.data, Path):
            return source.data
        decoded.append(self.scratch / f"inline-{uuid.uuid4()}")
        return decoded[-1]

    async def _verify(self, field: str, source: InlineSource, path: Path, model: ModelFacts) -> Inspected:
        try:
            if isinstance(source.data, str):
                await in_thread(_write_base64, source.data, path)
            inspected = await self.keep.inspect(path)
        except Refusal as refusal:
            raise refusal.at(field) from None
        check_format(inspected.media_type, model, field, transcode_webp=self.transcode_webp)
        return inspected


def _write_base64(data: str, path: Path) -> None:
    try:
        path.write_bytes(bytes_of(data, INLINE_LIMIT))
    except TooLong:
        raise Refusal(
            Code.IMAGE_TOO_LARGE,
            "the inline picture is over 20 MB",
            suggestion="Send a JPEG, PNG or WebP of at most 20 MB.",
        ) from None
    except ValueError:
        raise Refusal(
            Code.INVALID,
            "data is not base64",
            suggestion="Send the file's bytes in base64, or upload them and send the token.",
        ) from None


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class ResolveInputs:
    """Resolves a request's files to rows, inside the unit of work that accepts the task."""

    records: Records
    account: AccountId
    model: ModelFacts
    inline: Mapping[str, KeptPicture]
    now_ms: int
    transcode_webp: bool
    has: Callable[[BlobId], bool]
    """Whether a blob is there: locked where the task is accepted, only looked up for a quote."""

    def __call__(self, files: Sequence[FileInput]) -> tuple[list[TaskInput], dict[str, Any]]:
        """The rows, and the files as the task's `input` shows them."""
        resolved = [(file, *self._one(file, position)) for position, file in enumerate(files)]
        views = {file.field: ({"type": file.type} if file.type else {}) | view for file, _, view in resolved}
        return [row for _, row, _ in resolved], _echo(views)

    def _one(self, file: FileInput, position: int) -> tuple[TaskInput, dict[str, Any]]:
        match file.source:
            case UrlSource(url):
                return TaskInput(position, file.field, url, None), {"url": url}
            case InlineSource():
                return self._kept(self.inline[file.field], file, position)
            case UploadedSource(token):
                upload = self.records.uploads.by_token(self.account, token) if is_uuid(token) else None
                return self._uploaded(upload, file, position, f"{file.field}.file_token", token)
            case ObjectSource(bucket, key):
                ours = bucket == BUCKET and key.isprintable()
                upload = self.records.uploads.by_object(self.account, key) if ours else None
                return self._uploaded(upload, file, position, f"{file.field}.object", key)
            case TaskSource(task, picture):
                return self._made(task, picture, file, position)

    def _kept(self, kept: KeptPicture, file: FileInput, position: int) -> tuple[TaskInput, dict[str, Any]]:
        self.records.blobs.add(kept.blob, kept.size, kept.media_type, self.now_ms)
        return TaskInput(position, file.field, None, kept.blob), {"data": f"<{kept.size} bytes of {kept.media_type}>"}

    def _uploaded(
        self, upload: Upload | None, file: FileInput, position: int, field: str, name: str
    ) -> tuple[TaskInput, dict[str, Any]]:
        if upload is None or upload.expires_ms <= self.now_ms:
            raise _upload_gone(name, field, expired=upload is not None)
        if not self.has(upload.blob):
            raise _upload_gone(name, field, expired=True)
        check_format(upload.media_type, self.model, field, transcode_webp=self.transcode_webp)
        row = TaskInput(position, file.field, None, upload.blob)
        return row, {"object": {"bucket": BUCKET, "key": upload.object_key}}

    def _made(
        self, task_id: TaskId, picture: str | None, file: FileInput, position: int
    ) -> tuple[TaskInput, dict[str, Any]]:
        """A picture of an earlier task of this account."""
        try:
            task = own_task(self.records, self.account, task_id)
        except Refusal as refusal:
            raise refusal.at(file.field) from None
        made = named_picture(task, picture)
        if task.result is None or (made and not self.has(made.blob)):
            raise _no_picture(task, file.field)
        if made is None:
            raise _no_such_picture(task, picture, file.field)
        check_format(made.media_type, self.model, file.field, transcode_webp=self.transcode_webp)
        named = {"task_id": task_id} | ({"picture": picture} if picture else {})
        return TaskInput(position, file.field, None, made.blob), named


def named_picture(task: Task, name: str | None) -> Result | None:
    """The task's picture of this name, by default the first; None where there is none."""
    pictures = task.result.pictures() if task.result else {}
    return pictures.get(name) if name else next(iter(pictures.values()), None)


def _upload_gone(name: str, field: str, *, expired: bool) -> Refusal:
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"upload {name!r} {'has expired' if expired else 'does not exist'}",
        suggestion="Upload the picture with POST /upload or POST /v3/files and use the returned token. "
        "A presigned link must receive its bytes with PUT first.",
        field=field,
    )


def _no_such_picture(task: Task, name: str | None, field: str) -> Refusal:
    names = ", ".join(task.result.pictures() if task.result else ())
    return Refusal(
        Code.FILE_NOT_FOUND,
        f"task {task.id!r} has no picture {name!r}",
        suggestion=f"Its pictures are {names}; without a name it is the first.",
        field=field,
    )


def _no_picture(task: Task, field: str) -> Refusal:
    removed = task.status is Status.SUCCESS
    return Refusal(
        Code.ORIGINAL_NOT_SUCCEEDED,
        f"the picture of task {task.id!r} was removed" if removed else f"task {task.id!r} is {task.status}: no picture",
        suggestion="Name a task that has succeeded." if task.status.final else "Wait until it has succeeded.",
        field=field,
    )


def _echo(views: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Group `files[0]`, `files[1]`… into the list `files`; other fields keep their names."""
    shown: dict[str, Any] = {}
    for field, view in views.items():
        name, bracket, _ = field.partition("[")
        if bracket:
            shown.setdefault(name, []).append(view)
        else:
            shown[name] = view
    return shown


# --- when the task first runs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrepareReferences:
    """Fetches and normalises a task's pictures once; a retry reuses the stored copies."""

    store: Store
    blobs: BlobStore
    intake: Intake
    clock: Clock
    transcode_webp: bool

    async def __call__(self, task: TaskId, model: ModelFacts, workdir: Path) -> tuple[ReferenceImage, ...]:
        """The task's pictures as local files, in request order. Raises `Refusal` for an unusable one."""
        inputs = await self.store.read(lambda records: records.tasks.inputs(task))
        copies = [item.clean or await self._clean(task, item, model, workdir) for item in inputs]
        return tuple([await self._reference(copy, workdir) for copy in copies])

    async def _clean(self, task: TaskId, item: TaskInput, model: ModelFacts, workdir: Path) -> CleanCopy:
        target = workdir / f"clean-{item.position}"
        try:
            source = await self._source(item, model, workdir)
            clean = await self.intake.normalise(source, target)
        except Refusal as refusal:
            raise refusal.at(refusal.field or item.field) from None
        stored = await Keep(self.store, self.blobs, self.clock)(target, clean.media_type, task)
        copy = CleanCopy(stored.blob, clean.media_type, clean.width, clean.height)
        now_ms = self.clock.now_ms()

        def work(records: Records) -> None:
            records.blobs.add(copy.blob, stored.size, copy.media_type, now_ms)
            records.tasks.save_clean_copy(task, item.position, copy)

        await self.store.run(work)
        return copy

    async def _source(self, item: TaskInput, model: ModelFacts, workdir: Path) -> Path:
        if item.url is None:
            return await self.blobs.local(BlobId(item.blob or ""), workdir)
        target = workdir / f"fetched-{item.position}"
        await self.intake.fetch(item.url, target)
        inspected = await self.intake.inspect(target)
        check_format(inspected.media_type, model, f"{item.field}.url", transcode_webp=self.transcode_webp)
        return target

    async def _reference(self, copy: CleanCopy, workdir: Path) -> ReferenceImage:
        return ReferenceImage(await self.blobs.local(copy.blob, workdir), copy.media_type, copy.width, copy.height)
