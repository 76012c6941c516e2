"""Trouble that is nobody's mistake and passes by itself, or when an operator has made room."""

import errno
from typing import Any, Final

import structlog

from limner.db.store import StoreUnavailable
from limner.ports.blobs import StorageRefuses

log = structlog.get_logger()

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def is_outage(error: BaseException) -> bool:
    """Whether the database, the store of the pictures or the disk is away, full or read-only."""
    return isinstance(error, StoreUnavailable | StorageRefuses) or (isinstance(error, OSError) and error.errno in _FULL)


def log_loop_error(event: str, error: Exception, **facts: Any) -> None:
    """Log what a loop goes on after: an outage in a line, as it comes again and again, all else with its trace."""
    if is_outage(error):
        log.warning(event, trouble=str(error), **facts)
    else:
        log.error(event, exc_info=error, **facts)
