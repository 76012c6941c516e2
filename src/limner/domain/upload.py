"""Names and formats of uploads."""

from limner.domain.ids import UploadToken

BUCKET = "tripo-data"
"""The bucket name on the wire, as Tripo used it; no such bucket has to exist."""

EXTENSION = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""File extensions by media type, in object keys and links."""

FORMATS = {"jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""Declared upload formats and their media types."""


def object_key(account_tag: str, day: str, token: UploadToken, media_type: str) -> str:
    """`<account tag>/<yyyymmdd>/<token>/input.<ext>`: the object key of an upload."""
    return f"{account_tag}/{day}/{token}/input.{EXTENSION[media_type]}"


def token_of(object_key: str) -> UploadToken:
    """The upload token in an object key."""
    return UploadToken(object_key.split("/")[2])
