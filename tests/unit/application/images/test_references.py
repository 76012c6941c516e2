"""Reference pictures: verified before they are kept, cleaned once, and blamed on the field they came from."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from fakes import picture_file
from limner.application.images import references
from limner.application.images.references import KeepInlineImages, PrepareReferences, check_format
from limner.application.images.upload import KeptPicture
from limner.domain.ids import TaskId
from limner.domain.model import ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import FileInput, InlineSource, UploadedSource, UrlSource
from limner.intake.image_intake import ImageIntake
from limner.models import shipped_models
from limner.ports.provider import ReferenceImage
from limner.providers.sandbox import card
from stores import ServiceHarness, with_file

MODELS = shipped_models()

Take = Callable[[Sequence[FileInput], ModelFacts], Awaitable[Mapping[str, KeptPicture]]]
KONTEXT, GPT = MODELS["flux.1_kontext_pro"], MODELS["gpt_image_2"]


def webp() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), "teal").save(buffer, "WEBP")
    return buffer.getvalue()


def inline(data: bytes, at: str = "file", prefix: str = "") -> FileInput:
    return FileInput(at, None, InlineSource(prefix + base64.b64encode(data).decode()))


@pytest.fixture
def take(service: ServiceHarness) -> Take:
    return partial(KeepInlineImages(service.keep, service.scratch, transcode_webp=False), task=TaskId("a-task"))


def kept_files(service: ServiceHarness) -> list[Path]:
    return [path for path in (service.folder / "blobs").rglob("*") if path.is_file()]


async def test_an_inline_picture_is_kept_under_its_field(take: Take, service: ServiceHarness) -> None:
    kept = await take([inline(card("a"), "files[1]")], KONTEXT)

    assert list(kept) == ["files[1]"]
    assert (kept["files[1]"].media_type, kept["files[1]"].size) == ("image/png", len(card("a")))
    assert len(kept_files(service)) == 1
    assert list(service.scratch.iterdir()) == []


async def test_a_data_url_is_taken_for_its_bytes(take: Take) -> None:
    plain = await take([inline(card("a"))], KONTEXT)
    reported = await take([inline(card("a"), prefix="data:image/png;base64,")], KONTEXT)

    assert plain == reported


async def test_other_sources_are_none_of_its_business(take: Take) -> None:
    assert await take([FileInput("file", None, UrlSource("https://example.com/a.png"))], KONTEXT) == {}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("not base64!", Code.INVALID),
        ("", Code.IMAGE_EMPTY),
        (base64.b64encode(b"<html>").decode(), Code.IMAGE_TYPE_UNSUPPORTED),
        (base64.b64encode(card("a")[:200]).decode(), Code.IMAGE_EMPTY),
        (base64.b64encode(webp()).decode(), Code.IMAGE_TYPE_UNSUPPORTED),
    ],
)
async def test_one_bad_picture_among_good_ones_leaves_none_of_them(
    take: Take, service: ServiceHarness, data: str, code: Code
) -> None:
    files = [inline(card("good"), "files[0]"), FileInput("files[1]", None, InlineSource(data))]

    with pytest.raises(Refusal) as refused:
        await take(files, KONTEXT)

    assert (refused.value.code, refused.value.field) == (code, "files[1].data")
    assert kept_files(service) == []
    assert list(service.scratch.iterdir()) == []


async def test_too_many_bytes_are_refused_before_they_are_decoded(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "INLINE_LIMIT", 30)

    with pytest.raises(Refusal) as refused:
        await take([FileInput("file", None, InlineSource("A" * 45))], KONTEXT)

    assert refused.value.code is Code.IMAGE_TOO_LARGE


def test_webp_is_taken_by_some_models_and_by_the_others_where_it_is_converted() -> None:
    check_format("image/webp", GPT, "file", transcode_webp=False)
    check_format("image/webp", KONTEXT, "file", transcode_webp=True)

    with pytest.raises(Refusal, match=r"does not accept image/webp") as refused:
        check_format("image/webp", KONTEXT, "file.url", transcode_webp=False)
    assert (refused.value.code, refused.value.field) == (Code.IMAGE_TYPE_UNSUPPORTED, "file.url")
    assert "image/jpeg or image/png" in refused.value.suggestion


# --- when the task runs -------------------------------------------------------------------------------------------


@dataclass
class Fetching(ImageIntake):
    """The real intake with an internet of its own: an address is a file."""

    served: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def fetch(self, url: str, target: Path) -> None:
        self.fetched.append(url)
        if url not in self.served:
            raise Refusal(Code.FILE_NOT_FOUND, f"{url} answered 404", suggestion="Check it.")
        await asyncio.to_thread(target.write_bytes, self.served[url])


@pytest.fixture
def intake() -> Fetching:
    return Fetching()


async def prepare(service: ServiceHarness, intake: Fetching, task: TaskId) -> tuple[ReferenceImage, ...]:
    work = PrepareReferences(service.store, service.blobs, intake, service.clock, transcode_webp=False)
    return await work(task, KONTEXT, service.scratch)


async def sent(service: ServiceHarness, *files: FileInput) -> TaskId:
    return await service.submit_task(await service.open_account(), files=files)


async def test_pictures_come_in_the_caller_s_order_and_are_clean_copies(
    service: ServiceHarness, intake: Fetching
) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    url = "https://example.com/a.png"
    intake.served[url] = card("from afar")
    files = (
        FileInput("files[0]", None, UrlSource(url)),
        FileInput("files[1]", None, UploadedSource(upload.token)),
        FileInput("files[2]", None, InlineSource(base64.b64encode(card("inline")).decode())),
    )
    task = await service.submit_task(key, files=files)

    ready = await prepare(service, intake, task)

    assert [(each.media_type, each.width, each.height) for each in ready] == [("image/png", 256, 256)] * 3
    assert len({each.path for each in ready}) == 3
    inputs = await service.store.read(lambda records: records.tasks.inputs(task))
    assert [item.clean.blob in str(each.path) for item, each in zip(inputs, ready, strict=True) if item.clean] == [
        True
    ] * 3


async def test_an_address_is_fetched_once_however_often_the_task_is_run(
    service: ServiceHarness, intake: Fetching
) -> None:
    url = "https://example.com/a.png"
    intake.served[url] = card("from afar")
    task = await sent(service, FileInput("file", None, UrlSource(url)))
    first = await prepare(service, intake, task)
    intake.served.clear()

    again = await prepare(service, intake, task)

    assert again == first
    assert intake.fetched == [url]


async def test_an_address_that_leads_nowhere_is_blamed_on_its_field(service: ServiceHarness, intake: Fetching) -> None:
    task = await sent(service, FileInput("files[3]", None, UrlSource("https://example.com/gone.png")))

    with pytest.raises(Refusal) as refused:
        await prepare(service, intake, task)

    assert (refused.value.code, refused.value.field) == (Code.FILE_NOT_FOUND, "files[3]")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.IMAGE_EMPTY),
        (b"<html>", Code.IMAGE_TYPE_UNSUPPORTED),
        (card("a")[:300], Code.IMAGE_EMPTY),
        (webp(), Code.IMAGE_TYPE_UNSUPPORTED),
    ],
)
async def test_what_was_fetched_is_verified_like_everything_else(
    service: ServiceHarness, intake: Fetching, data: bytes, code: Code
) -> None:
    url = "https://example.com/a.png"
    intake.served[url] = data
    task = await sent(service, FileInput("file", None, UrlSource(url)))

    with pytest.raises(Refusal) as refused:
        await prepare(service, intake, task)

    assert refused.value.code is code
    assert str(refused.value.field).startswith("file")
    [item] = await service.store.read(lambda records: records.tasks.inputs(task))
    assert item.clean is None


async def test_a_task_without_pictures_needs_nothing(service: ServiceHarness, intake: Fetching) -> None:
    assert await prepare(service, intake, await sent(service)) == ()


async def test_the_echo_shows_sizes_and_objects_in_place_of_bytes_and_tokens(service: ServiceHarness) -> None:
    key = await service.open_account()
    upload = await service.upload(key, picture_file(service.folder))
    data = base64.b64encode(card("inline")).decode()
    files = (
        FileInput("file", "png", UploadedSource(upload.token)),
        FileInput("files[0]", None, InlineSource(data)),
        FileInput("files[1]", "jpg", UrlSource("https://example.com/a.jpg")),
    )

    echo = (await service.task(await service.submit_task(key, files=files))).echo

    assert echo["file"] == {"type": "png", "object": {"bucket": "tripo-data", "key": upload.object_key}}
    assert echo["files"] == [
        {"data": f"<{len(card('inline'))} bytes of image/png>"},
        {"type": "jpg", "url": "https://example.com/a.jpg"},
    ]


async def test_an_invalid_url_is_refused_at_create(service: ServiceHarness) -> None:
    key = await service.open_account()

    for address in ("ftp://example.com/a.png", "no address", "http://"):
        with pytest.raises(Refusal) as refused:
            await service.submit_task(key, **with_file(UrlSource(address), field="files[0]"))
        assert (refused.value.code, refused.value.field) == (Code.INVALID, "files[0].url")

    assert (await service.balance(key)).frozen == 0


async def test_an_address_that_is_not_public_is_not_called_and_fails_its_task(service: ServiceHarness) -> None:
    task = await sent(service, FileInput("file", None, UrlSource("http://127.0.0.1:9/a.png")))
    intake = ImageIntake()

    with pytest.raises(Refusal) as refused:
        await PrepareReferences(service.store, service.blobs, intake, service.clock, transcode_webp=False)(
            task, KONTEXT, service.scratch
        )

    await intake.close()
    assert refused.value.code is Code.FILE_NOT_FOUND
    assert "not on the public internet" in refused.value.reason
