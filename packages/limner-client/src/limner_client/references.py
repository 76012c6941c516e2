"""Reference pictures, as a caller gives them."""

from dataclasses import dataclass
from pathlib import Path

from limner_client.tasks import PictureTask


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A picture on the server. It can be used for 24 hours."""

    token: str


Reference = str | Path | bytes | PictureTask | Uploaded
"""A link (`http://…` or `https://…`), a file's path, its bytes, a task whose first picture is meant, or an upload."""


def is_link(reference: str) -> bool:
    return reference.lower().startswith(("http://", "https://"))


def file_of_link(link: str) -> dict[str, str]:
    return {"url": link}


def file_of_upload(upload: Uploaded) -> dict[str, str]:
    return {"file_token": upload.token}
