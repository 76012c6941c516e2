"""Multipart uploads: initiate, upload parts in any order, complete or abort."""

import asyncio
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.responses import Response

from limner.api.s3 import checksums
from limner.api.s3.assemble import assemble, etag_of
from limner.api.s3.documents import MAX_LIST_BYTES, Content, NamedPart, part_number, read_parts, written
from limner.api.s3.errors import S3Error
from limner.api.s3.receive import MAX_OBJECT_BYTES, Received, receive, too_large
from limner.api.s3.request import Request
from limner.application.images.object_uploads import FindObject, TakeObject
from limner.domain.refusal import Refusal
from limner.domain.upload import BUCKET
from limner.ports.parts import MultipartUpload, PartMissing, UploadParts
from limner.scratch_paths import scratch_file

MAX_PARTS = 64
"""Stored parts per upload. 20 MiB hold at most five parts of the minimum size."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Multipart:
    parts: UploadParts
    take: TakeObject
    find: FindObject
    scratch: Path

    async def begin(self, request: Request) -> Response:
        upload_id = uuid.uuid4().hex
        await self.parts.begin(MultipartUpload(request.name.token, upload_id))
        fields = {"Bucket": BUCKET, "Key": request.name.object_key, "UploadId": upload_id}
        names = ("x-amz-checksum-algorithm", "x-amz-checksum-type")
        echoed = {name: value for name in names if (value := request.head.header(name))}
        return _xml("InitiateMultipartUploadResult", fields, echoed)

    async def put(self, request: Request) -> Response:
        number = part_number(request.parameters["partNumber"])
        assembly, declared = _assembly(request), request.declared()
        await self._check_begun(assembly)
        async with scratch_file(self.scratch, "object") as path:
            received = await receive(request.body(), declared, path)
            await self._check_capacity(assembly, number, received)
            await self.parts.put(assembly, number, path)
        if not await self.parts.holds(assembly):  # completed or aborted while this part was received
            await self.parts.drop(assembly)
            raise _no_such_upload()
        return Response(headers={"ETag": f'"{received.md5.hex()}"', **checksums.as_headers(received.checksums)})

    async def complete(self, request: Request) -> Response:
        assembly = _assembly(request)
        named = await self._listed_parts(request)
        etag = etag_of(named)
        if await self.parts.holds(assembly):
            await self._complete(request, assembly, named, etag)
        elif not await self._was_completed(request, etag):
            raise _no_such_upload()
        location = f"/{BUCKET}/{request.name.object_key}"
        fields = {"Location": location, "Bucket": BUCKET, "Key": request.name.object_key, "ETag": f'"{etag}"'}
        return _xml("CompleteMultipartUploadResult", fields)

    async def abort(self, request: Request) -> Response:
        assembly = _assembly(request)
        await self._check_begun(assembly)
        await self.parts.drop(assembly)
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        """List all parts on one page: there are at most `MAX_PARTS`."""
        assembly = _assembly(request)
        await self._check_begun(assembly)
        sizes = await self.parts.sizes(assembly)
        parts: list[Content] = [
            {"PartNumber": number, "Size": size, "ETag": f'"{await self._md5(assembly, number)}"'}
            for number, size in sizes.items()
        ]
        fields = {"Bucket": BUCKET, "Key": request.name.object_key, "UploadId": assembly.id}
        return _xml("ListPartsResult", {**fields, "IsTruncated": "false", "Part": parts})

    async def _complete(self, request: Request, assembly: MultipartUpload, named: list[NamedPart], etag: str) -> None:
        expected = checksums.declared_checksums(request.head)
        async with scratch_file(self.scratch, "object") as path:
            await assemble(self.parts, assembly, named, expected, path)
            try:
                await self.take(request.name, path, etag)
            except Refusal:
                await self.parts.drop(assembly)  # the parts can never become a valid picture
                raise
        await self.parts.drop(assembly)

    async def _listed_parts(self, request: Request) -> list[NamedPart]:
        """The parts listed in the body. Checksum headers describe the object, not this body."""
        declared = replace(request.declared(), checksums={})
        async with scratch_file(self.scratch, "object") as path:
            received = await receive(request.body(), declared, path)
            if received.size > MAX_LIST_BYTES:
                raise S3Error("MaxMessageLengthExceeded", "Your request was too big.")
            return await asyncio.to_thread(lambda: read_parts(path.read_bytes()))

    async def _was_completed(self, request: Request, etag: str) -> bool:
        """Whether this request repeats one that already completed."""
        found = await self.find(request.name)
        return found is not None and found.etag == etag

    async def _check_begun(self, assembly: MultipartUpload) -> None:
        if not await self.parts.holds(assembly):
            raise _no_such_upload()

    async def _check_capacity(self, assembly: MultipartUpload, number: int, received: Received) -> None:
        others: Mapping[int, int] = {n: size for n, size in (await self.parts.sizes(assembly)).items() if n != number}
        if len(others) >= MAX_PARTS or sum(others.values()) + received.size > MAX_OBJECT_BYTES:
            raise too_large()

    async def _md5(self, assembly: MultipartUpload, number: int) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        try:
            async for piece in self.parts.stream(assembly, number):
                await asyncio.to_thread(digest.update, piece)
        except PartMissing:
            raise _no_such_upload() from None
        return digest.hexdigest()


def _assembly(request: Request) -> MultipartUpload:
    upload_id = request.parameters["uploadId"]
    if not _ID.fullmatch(upload_id):
        raise _no_such_upload()
    return MultipartUpload(request.name.token, upload_id)


def _no_such_upload() -> S3Error:
    return S3Error(
        "NoSuchUpload",
        "The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might "
        "have been aborted or completed.",
    )


def _xml(name: str, fields: Mapping[str, Content], headers: Mapping[str, str] | None = None) -> Response:
    return Response(written(name, fields), 200, headers, "application/xml")
