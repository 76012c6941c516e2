"""The mask of a request: a picture whose transparent parts say what of the first reference is drawn anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.application.images.references import named_picture
from limner.application.read import own_task
from limner.db.records import Records
from limner.db.store import Store
from limner.domain.ids import AccountId, BlobId, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import (
    FileInput,
    ImageRequest,
    InlineSource,
    ObjectSource,
    TaskSource,
    UploadedSource,
    UrlSource,
)
from limner.ports.blobs import BlobStore
from limner.ports.intake import Inspected, Intake
from limner.ports.provider import ReferenceImage
from limner.scratch_paths import scratch_folder

MASK = "mask"
"""The field of a mask, among a task's inputs too."""


@dataclass(frozen=True, slots=True)
class CheckMask:
    """Checks a mask before its task is accepted, as far as its bytes are in the store already."""

    store: Store
    blobs: BlobStore
    intake: Intake
    scratch: Path

    async def __call__(self, account: AccountId, request: ImageRequest, inline: Mapping[str, Inspected]) -> None:
        """Raise `Refusal` for a mask without transparency, or of another size than the first picture.

        `inline` are the pictures inside the request, by field. What comes by URL is fetched when the task runs, and
        checked then. A photo may be stored lying on its side.
        """
        if request.mask is None:
            return
        mask, picture = [await self._facts(account, each, inline) for each in (request.mask, request.files[0])]
        if mask is not None:
            _check_alpha(mask)
        if mask and picture and sorted((mask.width, mask.height)) != sorted((picture.width, picture.height)):
            raise _other_size((mask.width, mask.height), (picture.width, picture.height))

    async def _facts(self, account: AccountId, file: FileInput, inline: Mapping[str, Inspected]) -> Inspected | None:
        if isinstance(file.source, InlineSource):
            return inline[file.field]
        blob = await self.store.read(lambda records: _stored(records, account, file))
        return await self._inspect(blob) if blob else None

    async def _inspect(self, blob: BlobId) -> Inspected:
        async with scratch_folder(self.scratch, "mask") as folder:
            return await self.intake.inspect(await self.blobs.local(blob, folder))


async def check_clean_mask(intake: Intake, mask: ReferenceImage, picture: ReferenceImage) -> None:
    """Raise `Refusal` for a clean mask that does not fit the clean picture."""
    _check_alpha(await intake.inspect(mask.path))
    if (mask.width, mask.height) != (picture.width, picture.height):
        raise _other_size((mask.width, mask.height), (picture.width, picture.height))


def _check_alpha(mask: Inspected) -> None:
    if not mask.has_alpha:
        raise Refusal(
            Code.INVALID,
            f"the mask is a {mask.media_type.removeprefix('image/')} without transparency",
            suggestion="Send a PNG or WebP whose transparent parts are to be drawn anew.",
            field=MASK,
        )


def _other_size(mask: tuple[int, int], picture: tuple[int, int]) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"the mask has {mask[0]} x {mask[1]} pixels, the first picture {picture[0]} x {picture[1]}",
        suggestion="Send a mask of the same width and height as the first picture.",
        field=MASK,
    )


def _stored(records: Records, account: AccountId, file: FileInput) -> BlobId | None:
    """The picture's blob; None for one that is not in the store."""
    match file.source:
        case UploadedSource(token):
            upload = records.uploads.by_token(account, token) if is_uuid(token) else None
            return upload.blob if upload else None
        case ObjectSource(_, key):
            upload = records.uploads.by_object(account, key)
            return upload.blob if upload else None
        case TaskSource(task, picture):
            made = named_picture(own_task(records, account, task), picture)
            return made.blob if made else None
        case UrlSource() | InlineSource():
            return None
