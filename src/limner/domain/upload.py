"""How uploaded pictures are named."""

from limner.domain.ids import UploadToken

BUCKET = "tripo-data"
"""The bucket name that clients of this API have always seen; it is a label, not a place."""

EXTENSION = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""The extension a picture of this media type gets, in object keys and in links."""


def object_key(account_tag: str, day: str, token: UploadToken, media_type: str) -> str:
    """`<account tag>/<yyyymmdd>/<token>/input.<ext>`: what an upload is called as an object."""
    return f"{account_tag}/{day}/{token}/input.{EXTENSION[media_type]}"
