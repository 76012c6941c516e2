"""Names for what grows without end."""

import secrets
import uuid


def time_ordered(now_ms: int) -> str:
    """A UUID of version 7 (RFC 9562): the milliseconds first, then 74 random bits.

    Rows that are written together lie together in every index, so a full table costs what an empty one does.
    """
    chance = secrets.randbits(74)
    number = (now_ms & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | chance >> 62 << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=number))
