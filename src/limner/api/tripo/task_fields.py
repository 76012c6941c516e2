"""The fields that the Tripo wires share."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from limner.domain.ids import UploadToken
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.fair_queue import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import (
    FileInput,
    InlineSource,
    ObjectSource,
    Source,
    UploadedSource,
    UrlSource,
    ViewEdit,
)

TOKEN_PREFIX = "file_"  # noqa: S105 - how v3 begins the token that v2 calls `image_token`


class ObjectRef(BaseModel):
    """A picture put into the upload bucket before."""

    bucket: StrictStr = Field(max_length=255)
    key: StrictStr = Field(max_length=1024)


def _hint(value: object) -> str | None:
    """What is not worth refusing a request for: the bytes tell what a picture is."""
    return value[:100] if isinstance(value, str) else None


class FileRef(BaseModel):
    """A reference picture: exactly one of `file_token`, `url`, `object` and `data`."""

    type: Annotated[str | None, BeforeValidator(_hint)] = Field(default=None, description="A hint, not validated.")
    file_token: StrictStr | None = Field(default=None, max_length=100, description="The token an upload answered.")
    url: StrictStr | None = Field(default=None, max_length=2048, description="A public http(s) address, at most 20 MB.")
    object: ObjectRef | None = None
    data: StrictStr | None = Field(default=None, description="The picture itself in base64, at most 20 MB decoded.")

    def source(self) -> Source:
        given = dict(self.sources())
        if len(given) != 1:
            raise ValueError(f"exactly one of {self.ways()} is needed, got {list(given) or 'none'}")
        return next(iter(given.values()))

    def ways(self) -> str:
        return "file_token, url, object and data"

    def sources(self) -> Iterator[tuple[str, Source]]:
        if self.file_token is not None:
            yield "file_token", UploadedSource(UploadToken(self.file_token.removeprefix(TOKEN_PREFIX)))
        if self.url is not None:
            yield "url", UrlSource(self.url)
        if self.object is not None:
            yield "object", ObjectSource(self.object.bucket, self.object.key)
        if self.data is not None:
            yield "data", InlineSource(self.data)

    def input(self, field: str) -> FileInput:
        """As the service takes it; `field` is where it stood."""
        return FileInput(field, self.type, self.source())


def with_one_source(file: FileRef) -> FileRef:
    file.source()
    return file


OneFile = Annotated[FileRef, AfterValidator(with_one_source)]


class TaskBody(BaseModel):
    """What every task takes."""

    model_config = ConfigDict(protected_namespaces=())

    priority: StrictInt = Field(
        default=DEFAULT_PRIORITY, description=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}, higher is sooner."
    )


class ViewPrompt(BaseModel):
    """What shall be different in one view."""

    view: View
    prompt: StrictStr = Field(description="1 to 1024 characters.")

    def change(self) -> ViewEdit:
        return ViewEdit(self.view, self.prompt)


def each_view_once(prompts: list[ViewPrompt]) -> list[ViewPrompt]:
    twice = [view for view, count in Counter(each.view for each in prompts).items() if count > 1]
    if twice:
        raise ValueError(f"each view may be named once, {', '.join(twice)} is named more often")
    return prompts


def check_priority(priority: int) -> None:
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise Refusal(
            Code.PRIORITY_INVALID,
            f"priority is {priority}",
            suggestion=f"priority may be {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.",
            field="priority",
        )


def named(field: str, file: FileRef | None) -> list[FileInput]:
    """The picture of a field of its own, where there is one."""
    return [file.input(field)] if file else []


def listed(field: str, files: Sequence[FileRef] | None) -> list[FileInput]:
    """The pictures of a list, each called `field[n]`."""
    return [file.input(f"{field}[{n}]") for n, file in enumerate(files or ())]
