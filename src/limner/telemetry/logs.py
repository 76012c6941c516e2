"""Structured logs: for people at a terminal, as JSON lines elsewhere."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

from limner.telemetry.redact import Redact


def configure_logs(format_: str, level: str, secrets: Iterable[str] = ()) -> None:
    """Send structlog's and the standard library's records to standard error, in one form and without `secrets`."""
    for_people = format_ == "console" or (format_ == "auto" and sys.stderr.isatty())
    redact = Redact(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if for_people:
        # The pretty traceback shows local variables, and with them vendors' keys.
        last: list[Any] = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last, lambda _logger, _name, line: redact(str(line))],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacted(redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every byte that is no HTTP


class _Redacted(logging.Formatter):
    """The standard library's form of a record, less its secrets."""

    def __init__(self, redact: Redact) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))
