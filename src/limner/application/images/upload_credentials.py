"""Temporary credentials that may write one object, in the shape of AWS's security tokens.

They are not kept anywhere. The session token says what it allows and carries a seal that only this service can make;
the two other parts are derived from the token. Servers that share the secret honour each other's credentials.
"""

import base64
import binascii
import hmac
import time
import uuid
from dataclasses import dataclass

from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.accounts import Account
from limner.db.tables.keys import Key
from limner.domain.ids import KeyId, UploadToken
from limner.domain.upload import BUCKET, object_key, token_of
from limner.ports.clock import Clock

LIFE_S = 3600
"""How long credentials work, in seconds."""

_LABEL = b"limner upload credentials"
_MAC_SIZE = 32
_LONGEST_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class UploadCredentials:
    """What a client needs to put its picture into the bucket with an S3 client. `expires_s` is seconds since 1970."""

    host: str
    bucket: str
    object_key: str
    session_token: str
    access_key: str
    secret_key: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """What a session token allows: to write one object until a time, for as long as the API key is in force."""

    key: KeyId
    object_key: str
    expires_s: int

    @property
    def account_tag(self) -> str:
        return self.object_key.partition("/")[0]

    @property
    def token(self) -> UploadToken:
        """What the upload is called among the account's uploads; the object key is made from it."""
        return token_of(self.object_key)


@dataclass(frozen=True, slots=True)
class Session:
    """A genuine session token, opened, with the two keys that belong to it."""

    grant: UploadGrant
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes session tokens, and knows its own again."""

    secret: bytes

    def close(self, grant: UploadGrant) -> str:
        """The session token that stands for this grant."""
        said = "\n".join((grant.key, str(grant.expires_s), grant.object_key)).encode()
        return base64.urlsafe_b64encode(self._digest(b"token", said) + said).rstrip(b"=").decode()

    def open(self, token: str) -> Session | None:
        """What a token stands for; None for one that is not ours. Whether it has expired is the caller's to ask."""
        sealed = _decoded(token)
        mac, said = sealed[:_MAC_SIZE], sealed[_MAC_SIZE:]
        if not said or not hmac.compare_digest(mac, self._digest(b"token", said)):
            return None
        key, expires_s, name = said.decode().split("\n")
        return Session(UploadGrant(KeyId(key), name, int(expires_s)), self.access_key(token), self.secret_key(token))

    def access_key(self, token: str) -> str:
        """Twenty characters that begin as those of AWS's temporary credentials do."""
        return "ASIA" + base64.b32encode(self._digest(b"access key", token.encode())[:10]).decode()

    def secret_key(self, token: str) -> str:
        return base64.b64encode(self._digest(b"secret key", token.encode())[:30]).decode()

    def _digest(self, use: bytes, said: bytes) -> bytes:
        return hmac.digest(self.secret, b"\n".join((_LABEL, use, said)), "sha256")


@dataclass(frozen=True, slots=True)
class IssueUploadCredentials:
    """`host` is the public name of the S3 ingress, with its port where that is not the usual one."""

    seal: Seal
    clock: Clock
    host: str

    def __call__(self, key: Key, media_type: str) -> UploadCredentials:
        """Credentials for a new object of this key's account; `media_type` gives the object's name its extension."""
        now_s = self.clock.now_ms() // 1000
        day = time.strftime("%Y%m%d", time.gmtime(now_s))
        name = object_key(key.account_tag, day, UploadToken(str(uuid.uuid4())), media_type)
        ends_s = now_s + LIFE_S if key.expires_ms is None else min(now_s + LIFE_S, key.expires_ms // 1000)
        grant = UploadGrant(key.id, name, ends_s)
        token = self.seal.close(grant)
        keys = self.seal.access_key(token), self.seal.secret_key(token)
        return UploadCredentials(self.host, BUCKET, name, token, *keys, grant.expires_s)


@dataclass(frozen=True, slots=True)
class FindOwner:
    """Whose object it is that a grant lets write."""

    store: Store

    async def __call__(self, grant: UploadGrant) -> Account | None:
        """The account; None when the API key that asked for the credentials was revoked since."""
        return await self.store.read(lambda records: _owner(records, grant))


def _owner(records: Records, grant: UploadGrant) -> Account | None:
    account = records.accounts.by_tag(grant.account_tag)
    keys = records.keys.of(account.id) if account else ()
    return account if any(key.id == grant.key and key.revoked_ms is None for key in keys) else None


def _decoded(token: str) -> bytes:
    """Only the one spelling of a token that we gave out is taken: the other keys are derived from the spelling."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return b""
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return sealed if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == token else b""
