"""Names for the things Limner keeps. Each has its own type, so that one is never taken for another."""

import re
from typing import NewType

TaskId = NewType("TaskId", str)
"""A lower-case hyphenated UUID: clients tell tasks from files by that shape."""

AccountId = NewType("AccountId", str)
KeyId = NewType("KeyId", str)
AttemptId = NewType("AttemptId", str)
WebhookId = NewType("WebhookId", str)
TemplateVersionId = NewType("TemplateVersionId", str)

DeliveryId = NewType("DeliveryId", str)
"""`msg_` and 32 hex digits: what the receiver of a webhook tells messages apart by."""

UploadToken = NewType("UploadToken", str)
"""A lower-case hyphenated UUID, what v2 calls `image_token`."""

BlobId = NewType("BlobId", str)
"""The SHA-256 of the bytes, in lower-case hex."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """Whether a text may name something at all; what is no UUID is never looked up, for PostgreSQL takes no NUL."""
    return _UUID.fullmatch(text) is not None
