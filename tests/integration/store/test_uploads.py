"""Uploads and blobs: one's own, by token or by object key."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest

from fakes import picture_file
from limner.application.images.object_uploads import FindObject, NamedUpload, TakeObject
from limner.application.images.upload import TokenTaken
from limner.application.images.upload_credentials import FindGrantOwner, UploadGrant
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.uploads import Upload
from limner.domain.ids import BlobId, UploadToken
from limner.domain.refusal import Code, Refusal
from limner.providers.sandbox import card
from stores import ServiceHarness

T = TypeVar("T")


async def by_token(service: ServiceHarness, account: str, token: str) -> Upload | None:
    return await service.store.read(lambda records: records.uploads.by_token(account, UploadToken(token)))


async def by_object(service: ServiceHarness, account: str, key: str) -> Upload | None:
    return await service.store.read(lambda records: records.uploads.by_object(account, key))


async def test_an_upload_is_found_by_its_token_and_by_its_object_key(service: ServiceHarness) -> None:
    key = await service.open_account()

    upload = await service.upload(key, picture_file(service.folder))

    assert await by_token(service, key.account, upload.token) == upload
    assert await by_object(service, key.account, upload.object_key) == upload
    assert upload.expires_ms == service.clock.now_ms() + 3_600_000
    assert (upload.media_type, upload.size) == ("image/png", len(card("a reference")))


async def test_an_upload_waits_for_the_disk_of_the_database_once(service: ServiceHarness) -> None:
    key, synced = await service.open_account(), 0

    class CountedStore:
        async def run(self, work: Callable[[Records], T]) -> T:
            nonlocal synced
            synced += 1
            return await service.store.run(work)

        def __getattr__(self, name: str) -> Any:
            return getattr(service.store, name)

    upload = replace(service, store=cast("Store", CountedStore())).upload
    kept = await upload(key, picture_file(service.folder))

    assert await by_token(service, key.account, kept.token)
    assert synced == 1


async def test_an_object_key_tells_the_account_s_tag_and_the_day(service: ServiceHarness) -> None:
    key = await service.open_account()

    upload = await service.upload(key, picture_file(service.folder))

    assert upload.object_key == f"{key.account_tag}/20270115/{upload.token}/input.png"


async def test_another_account_finds_neither(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    upload = await service.upload(ada, picture_file(service.folder))

    assert await by_token(service, eve.account, upload.token) is None
    assert await by_object(service, eve.account, upload.object_key) is None


async def test_the_same_bytes_are_two_uploads_and_one_blob(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")

    first, second = await asyncio.gather(
        service.upload(ada, picture_file(service.folder)), service.upload(eve, picture_file(service.folder))
    )

    assert first.token != second.token
    assert first.blob == second.blob
    assert await service.query("SELECT id FROM blobs") == [(first.blob,)]


async def test_a_promised_token_stands_for_the_first_picture_that_comes(service: ServiceHarness) -> None:
    key = await service.open_account()
    token = UploadToken("00000000-0000-4000-8000-000000000001")
    paths = [service.folder / f"{n}.png" for n in range(5)]
    for n, path in enumerate(paths):
        await asyncio.to_thread(path.write_bytes, card(f"picture {n}"))

    outcomes = await asyncio.gather(
        *(service.upload.under(token, key.account, key.account_tag, path) for path in paths), return_exceptions=True
    )

    [kept] = [outcome for outcome in outcomes if isinstance(outcome, Upload)]
    assert sum(isinstance(outcome, TokenTaken) for outcome in outcomes) == len(paths) - 1
    assert await by_token(service, key.account, token) == kept


NAMED = UploadToken("00000000-0000-4000-8000-000000000002")


async def put(service: ServiceHarness, name: NamedUpload, what: str, etag: str) -> Upload:
    path = service.folder / f"{uuid.uuid4()}.png"
    await asyncio.to_thread(path.write_bytes, card(what))
    return await TakeObject(service.store, service.keep, service.clock, 3_600_000)(name, path, etag)


async def named(service: ServiceHarness, key: Key) -> NamedUpload:
    owner = await service.store.read(lambda records: records.accounts.get(key.account))
    assert owner
    return NamedUpload(owner, NAMED, f"{owner.tag}/20270115/{NAMED}/input.jpg")


async def test_an_object_is_found_under_the_name_it_was_put_by(service: ServiceHarness) -> None:
    name = await named(service, await service.open_account())

    upload = await put(service, name, "a cat", "an-etag")

    assert upload.object_key == name.object_key
    assert (upload.media_type, upload.etag) == ("image/png", "an-etag")
    assert await FindObject(service.store, service.clock)(name) == upload
    assert await by_token(service, name.owner.id, NAMED) == upload


async def test_the_last_object_of_a_name_takes_the_place_of_the_one_before(service: ServiceHarness) -> None:
    name = await named(service, await service.open_account())
    first = await put(service, name, "a cat", "first")
    service.clock.pass_time(60)

    second = await put(service, name, "a dog", "second")

    assert first.blob != second.blob
    assert await FindObject(service.store, service.clock)(name) == second
    assert second.expires_ms == first.expires_ms + 60_000
    assert await service.query("SELECT blob, holder FROM blob_uses") == [(second.blob, NAMED)]
    assert await service.query("SELECT blob FROM blob_pins") == []
    let_go = await service.query("SELECT let_go_ms FROM blobs WHERE id = :id", id=first.blob)
    assert let_go == [(service.clock.now_ms(),)]


async def test_the_same_object_may_be_put_twice(service: ServiceHarness) -> None:
    name = await named(service, await service.open_account())
    await asyncio.gather(*(put(service, name, "a cat", "same") for _ in range(4)))

    assert len(await service.query("SELECT token FROM uploads")) == 1
    assert len(await service.query("SELECT blob FROM blob_uses")) == 1


async def test_an_object_can_be_used_for_a_while(service: ServiceHarness) -> None:
    name = await named(service, await service.open_account())
    await put(service, name, "a cat", "an-etag")
    find = FindObject(service.store, service.clock)

    service.clock.pass_time(3599)
    in_time = await find(name)
    service.clock.pass_time(1)

    assert in_time
    assert await find(name) is None


async def test_another_account_finds_no_object_by_its_name(service: ServiceHarness) -> None:
    name = await named(service, await service.open_account("ada"))
    await put(service, name, "a cat", "an-etag")
    eve = await named(service, await service.open_account("eve"))

    assert await FindObject(service.store, service.clock)(replace(eve, object_key=name.object_key)) is None


async def test_the_owner_of_a_grant_is_whose_key_asked_for_it(service: ServiceHarness) -> None:
    ada, eve = await service.open_account("ada"), await service.open_account("eve")
    find = FindGrantOwner(service.store, service.clock)
    grant = UploadGrant(ada.id, f"{ada.account_tag}/20270115/{NAMED}/input.png", 0)

    owner = await find(grant)
    mixed = await find(replace(grant, key=eve.id))
    unknown = await find(replace(grant, object_key=f"tcli_0/20270115/{NAMED}/input.png"))
    await service.accounts.revoke_key(ada.id)

    assert owner
    assert owner.id == ada.account
    assert (mixed, unknown) == (None, None)
    assert await find(grant) is None


async def test_what_is_no_picture_leaves_no_trace(service: ServiceHarness) -> None:
    key = await service.open_account()
    path = service.folder / "page.html"
    await asyncio.to_thread(path.write_bytes, b"<html>")

    with pytest.raises(Refusal) as refused:
        await service.upload(key, path)

    assert refused.value.code is Code.IMAGE_TYPE_UNSUPPORTED
    assert await service.query("SELECT token FROM uploads") == []
    assert await service.query("SELECT id FROM blobs") == []


async def test_a_blob_is_noted_once_with_its_first_facts(service: ServiceHarness) -> None:
    blob = BlobId("cd" * 32)
    await asyncio.gather(
        *(service.store.run(lambda records: records.blobs.add(blob, 10, "image/png", 1)) for _ in range(5))
    )

    assert await service.query("SELECT id, size, media_type, created_ms FROM blobs") == [(blob, 10, "image/png", 1)]
