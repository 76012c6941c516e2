"""Uploads and blobs: one's own, by token or by object key."""

import asyncio

import pytest

from fakes import picture_file
from limner.domain.ids import BlobId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.ports.records import Upload
from limner.providers.sandbox import card
from stores import House


async def by_token(house: House, account: str, token: str) -> Upload | None:
    return await house.store.read(lambda records: records.uploads.by_token(account, UploadToken(token)))


async def by_object(house: House, account: str, key: str) -> Upload | None:
    return await house.store.read(lambda records: records.uploads.by_object(account, key))


async def test_an_upload_is_found_by_its_token_and_by_its_object_key(house: House) -> None:
    key = await house.opens()

    upload = await house.upload(key, picture_file(house.folder))

    assert await by_token(house, key.account, upload.token) == upload
    assert await by_object(house, key.account, upload.object_key) == upload
    assert upload.expires_ms == house.clock.now_ms() + 3_600_000
    assert (upload.media_type, upload.size) == ("image/png", len(card("a reference")))


async def test_an_object_key_tells_the_account_s_tag_and_the_day(house: House) -> None:
    key = await house.opens()

    upload = await house.upload(key, picture_file(house.folder))

    assert upload.object_key == f"{key.account_tag}/20270115/{upload.token}/input.png"


async def test_another_account_finds_neither(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")
    upload = await house.upload(ada, picture_file(house.folder))

    assert await by_token(house, eve.account, upload.token) is None
    assert await by_object(house, eve.account, upload.object_key) is None


async def test_the_same_bytes_are_two_uploads_and_one_blob(house: House) -> None:
    ada, eve = await house.opens("ada"), await house.opens("eve")

    first, second = await asyncio.gather(
        house.upload(ada, picture_file(house.folder)), house.upload(eve, picture_file(house.folder))
    )

    assert first.token != second.token
    assert first.blob == second.blob
    assert await house.look("SELECT id FROM blobs") == [(first.blob,)]


async def test_what_is_no_picture_leaves_no_trace(house: House) -> None:
    key = await house.opens()
    path = house.folder / "page.html"
    await asyncio.to_thread(path.write_bytes, b"<html>")

    with pytest.raises(Refusal) as refused:
        await house.upload(key, path)

    assert refused.value.code is Code.IMAGE_TYPE_UNSUPPORTED
    assert await house.look("SELECT token FROM uploads") == []
    assert await house.look("SELECT id FROM blobs") == []


async def test_a_blob_is_noted_once_with_its_first_facts(house: House) -> None:
    blob = BlobId("cd" * 32)
    await asyncio.gather(
        *(house.store.run(lambda records: records.blobs.add(blob, 10, "image/png", 1)) for _ in range(5))
    )

    assert await house.look("SELECT id, size, media_type, created_ms FROM blobs") == [(blob, 10, "image/png", 1)]
