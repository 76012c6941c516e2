"""Links of an S3 bucket for pictures that clients fetch from it, not through Limner."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from limner.domain.ids import BlobId
from limner.domain.network.aws_signing_key import aws_signing_key
from limner.storage.blobs import key_of

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True, slots=True)
class PresignedBucket:
    """Signs links by AWS signature version 4, in the query. `root` is the bucket's address, `prefix` ends in `/`."""

    root: str
    prefix: str
    region: str
    key_id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)

    def link(self, blob: BlobId, media_type: str, disposition: str, life_s: int, now_ms: int) -> str:
        """A link to these bytes that the bucket answers with this type and disposition, for so many seconds."""
        at = datetime.fromtimestamp(now_ms // 1000, UTC)
        stamp, day = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y%m%d}"
        scope = f"{day}/{self.region}/s3/aws4_request"
        parts = urlsplit(self.root)
        path = quote(f"{parts.path.rstrip('/')}/{self.prefix}{key_of(blob)}", safe="/-._~")
        asked = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(life_s),
            "X-Amz-SignedHeaders": "host",
            "response-content-type": media_type,
            "response-content-disposition": disposition,
        } | ({"X-Amz-Security-Token": self.session} if self.session else {})
        query = "&".join(f"{quote(name, safe='-._~')}={quote(asked[name], safe='-._~')}" for name in sorted(asked))
        request = f"GET\n{path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        signed = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(aws_signing_key(self.secret, scope), signed.encode(), "sha256").hex()
        return f"{parts.scheme}://{parts.netloc}{path}?{query}&X-Amz-Signature={signature}"


def presigned_bucket(
    storage_url: str, public_url: str | None, environment: Mapping[str, str] = os.environ
) -> PresignedBucket:
    """The bucket of `s3://bucket/prefix`, at `public_url` or where the store's own variables say that it is."""
    parts = urlsplit(storage_url)
    region = _first(environment, _REGIONS) or "us-east-1"
    endpoint = public_url or _first(environment, _ENDPOINTS) or f"https://s3.{region}.amazonaws.com"
    prefix = parts.path.strip("/")
    return PresignedBucket(
        root=_root(endpoint.rstrip("/"), parts.netloc, environment),
        prefix=f"{prefix}/" if prefix else "",
        region=region,
        key_id=environment["AWS_ACCESS_KEY_ID"],
        secret=environment["AWS_SECRET_ACCESS_KEY"],
        session=environment.get("AWS_SESSION_TOKEN", ""),
    )


def _root(endpoint: str, bucket: str, environment: Mapping[str, str]) -> str:
    """With the bucket in the path or, where the store's variable says so, already in the endpoint's name."""
    if environment.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in {"true", "1"}:
        return endpoint
    return f"{endpoint}/{bucket}"


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")
