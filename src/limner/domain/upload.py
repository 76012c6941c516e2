"""How uploaded pictures are named."""

from limner.domain.ids import UploadToken

BUCKET = "tripo-data"
"""The bucket name that clients of this API have always seen; it is a label, not a place."""

EXTENSION = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""The extension a picture of this media type gets, in object keys and in links."""

FORMATS = {"jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""What a client may say that it is going to upload, and the media type that is."""


def object_key(account_tag: str, day: str, token: UploadToken, media_type: str) -> str:
    """`<account tag>/<yyyymmdd>/<token>/input.<ext>`: what an upload is called as an object."""
    return f"{account_tag}/{day}/{token}/input.{EXTENSION[media_type]}"


def token_of(object_key: str) -> UploadToken:
    """The token that a key of ours was made from."""
    return UploadToken(object_key.split("/")[2])
