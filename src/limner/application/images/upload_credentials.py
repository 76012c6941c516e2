"""Temporary credentials that may write one object, in the shape of AWS's security tokens.

They are not stored. The session token contains the grant and a MAC; access key and secret key are derived from the
token. Servers that share the secret accept each other's credentials.
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
    """Everything an S3 client needs to put one object. `expires_s` is seconds since 1970."""

    host: str
    bucket: str
    object_key: str
    session_token: str
    access_key: str
    secret_key: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """Permission to write one object until `expires_s`, while the API key is valid."""

    key: KeyId
    object_key: str
    expires_s: int

    @property
    def account_tag(self) -> str:
        return self.object_key.partition("/")[0]

    @property
    def token(self) -> UploadToken:
        """The upload token in the object key."""
        return token_of(self.object_key)


@dataclass(frozen=True, slots=True)
class Session:
    """A verified session token with its derived keys."""

    grant: UploadGrant
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class SessionTokenSigner:
    """Issues and verifies session tokens."""

    secret: bytes

    def issue(self, grant: UploadGrant) -> str:
        """The session token of a grant."""
        payload = "\n".join((grant.key, str(grant.expires_s), grant.object_key)).encode()
        return base64.urlsafe_b64encode(self._digest(b"token", payload) + payload).rstrip(b"=").decode()

    def verify(self, token: str) -> Session | None:
        """The session of a token; None for a forged one. The caller checks the expiry."""
        signed = _decoded(token)
        mac, payload = signed[:_MAC_SIZE], signed[_MAC_SIZE:]
        if not payload or not hmac.compare_digest(mac, self._digest(b"token", payload)):
            return None
        key, expires_s, name = payload.decode().split("\n")
        return Session(UploadGrant(KeyId(key), name, int(expires_s)), self.access_key(token), self.secret_key(token))

    def access_key(self, token: str) -> str:
        """Twenty characters with the prefix of AWS's temporary credentials."""
        return "ASIA" + base64.b32encode(self._digest(b"access key", token.encode())[:10]).decode()

    def secret_key(self, token: str) -> str:
        return base64.b64encode(self._digest(b"secret key", token.encode())[:30]).decode()

    def _digest(self, use: bytes, payload: bytes) -> bytes:
        return hmac.digest(self.secret, b"\n".join((_LABEL, use, payload)), "sha256")


@dataclass(frozen=True, slots=True)
class IssueUploadCredentials:
    """`host` is the public host of the S3 API, with its port unless it is the default."""

    seal: SessionTokenSigner
    clock: Clock
    host: str

    def __call__(self, key: Key, media_type: str) -> UploadCredentials:
        """Credentials for a new object of this key's account; `media_type` gives the object's name its extension."""
        now_s = self.clock.now_ms() // 1000
        day = time.strftime("%Y%m%d", time.gmtime(now_s))
        name = object_key(key.account_tag, day, UploadToken(str(uuid.uuid4())), media_type)
        ends_s = now_s + LIFE_S if key.expires_ms is None else min(now_s + LIFE_S, key.expires_ms // 1000)
        grant = UploadGrant(key.id, name, ends_s)
        token = self.seal.issue(grant)
        keys = self.seal.access_key(token), self.seal.secret_key(token)
        return UploadCredentials(self.host, BUCKET, name, token, *keys, grant.expires_s)


@dataclass(frozen=True, slots=True)
class FindGrantOwner:
    """Finds the account of a grant."""

    store: Store
    clock: Clock

    async def __call__(self, grant: UploadGrant) -> Account | None:
        """The account; None if the API key of the grant is no longer valid."""
        now_ms = self.clock.now_ms()
        return await self.store.read(lambda records: _owner(records, grant, now_ms))


def _owner(records: Records, grant: UploadGrant, now_ms: int) -> Account | None:
    key = records.keys.get(grant.key)
    if key is None or not key.in_force(now_ms) or key.account_tag != grant.account_tag:
        return None
    return records.accounts.get(key.account)


def _decoded(token: str) -> bytes:
    """Strict decoding: only the issued spelling is accepted, because the keys are derived from it."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return b""
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return signed if base64.urlsafe_b64encode(signed).rstrip(b"=").decode() == token else b""
