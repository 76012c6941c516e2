"""Structured logs: for people at a terminal, as JSON lines elsewhere."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_KEY = re.compile(r"tsk_[A-Za-z0-9_-]{8,}")


def configure_logs(format_: str, level: str) -> None:
    """Send structlog's and the standard library's records to standard error, in one form."""
    for_people = format_ == "console" or (format_ == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_keys,
    ]
    if for_people:
        last: list[Any] = [structlog.dev.ConsoleRenderer()]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)


def without_keys(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An API key never reaches a log, wherever it hid."""
    for name, value in event.items():
        if isinstance(value, str) and "tsk_" in value:
            event[name] = _KEY.sub("tsk_…", value)
    return event
