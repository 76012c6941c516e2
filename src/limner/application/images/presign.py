"""Presigned upload links: one picture may be uploaded without an API key."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from limner.application.images.upload import TakeUpload, TokenTaken
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.accounts import Account
from limner.db.tables.keys import Key
from limner.db.tables.uploads import Upload
from limner.domain.ids import KeyId, UploadToken, is_uuid
from limner.domain.refusal import Code, Refusal
from limner.ports.clock import Clock
from limner.ports.links import Links

LIFE_S = 1800
"""Lifetime of a link in seconds."""


@dataclass(frozen=True, slots=True)
class Presigned:
    """A link and the token of its upload. Nothing is stored before the picture is received.

    `expires_s` is seconds since 1970.
    """

    token: UploadToken
    url: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Presign:
    links: Links
    clock: Clock

    def __call__(self, key: Key, token: UploadToken | None = None) -> Presigned:
        """A link for a new token, or for `token`."""
        token = token or UploadToken(str(uuid.uuid4()))
        expires_s = self.clock.now_ms() // 1000 + LIFE_S
        return Presigned(token, self.links.upload(key.account_tag, key.id, token, expires_s), expires_s)


@dataclass(frozen=True, slots=True)
class TakePresigned:
    """Receives the picture of a link. The caller has checked signature and expiry."""

    store: Store
    take: TakeUpload
    clock: Clock

    async def owner(self, key: KeyId, token: UploadToken) -> Account:
        """The account of the link. Raises `Refusal` if the link was used or its API key is no longer valid."""
        now_ms = self.clock.now_ms()
        return await self.store.read(lambda records: _owner(records, key, token, now_ms))

    async def __call__(self, owner: Account, token: UploadToken, source: Path) -> Upload:
        try:
            return await self.take.under(token, owner.id, owner.tag, source)
        except TokenTaken:
            raise _used() from None


def _owner(records: Records, key_id: KeyId, token: UploadToken, now_ms: int) -> Account:
    key = records.keys.get(key_id)
    account = records.accounts.get(key.account) if key and key.in_force(now_ms) else None
    if account is None:
        raise Refusal(
            Code.FORBIDDEN,
            "the API key that requested the link is no longer valid",
            suggestion="Request a new link with a valid key.",
        )
    if not is_uuid(token) or records.uploads.by_token(account.id, token):
        raise _used()
    return account


def _used() -> Refusal:
    return Refusal(
        Code.FORBIDDEN,
        "the link has already been used",
        suggestion="A link accepts one picture. Use its file_token, or ask for a new link with POST /v3/files/presign.",
    )
