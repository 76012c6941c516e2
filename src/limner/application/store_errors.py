"""Outages: errors of the database, the blob store or the disk that are waited out rather than treated as bugs."""

import errno
from typing import Any, Final

import structlog

from limner.db.store import StoreUnavailable
from limner.ports.blobs import StorageRefuses

log = structlog.get_logger()

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def is_outage(error: BaseException) -> bool:
    """Whether the database, the blob store or the disk is unavailable, full or read-only."""
    return isinstance(error, StoreUnavailable | StorageRefuses) or (isinstance(error, OSError) and error.errno in _FULL)


def log_loop_error(event: str, error: Exception, **facts: Any) -> None:
    """Log an error that a loop survives: an outage in one line, since it repeats, anything else with its traceback."""
    if is_outage(error):
        log.warning(event, trouble=str(error), **facts)
    else:
        log.error(event, exc_info=error, **facts)
