"""Names for the things Limner keeps. Each has its own type, so that one is never taken for another."""

from typing import NewType

TaskId = NewType("TaskId", str)
"""A lower-case hyphenated UUID: clients tell tasks from files by that shape."""

AccountId = NewType("AccountId", str)
KeyId = NewType("KeyId", str)
AttemptId = NewType("AttemptId", str)

UploadToken = NewType("UploadToken", str)
"""A lower-case hyphenated UUID, what v2 calls `image_token`."""

BlobId = NewType("BlobId", str)
"""The SHA-256 of the bytes, in lower-case hex."""
