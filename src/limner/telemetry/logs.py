"""Structured logging: readable lines on a terminal, JSON lines otherwise."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

from limner.telemetry.redact import Redact

_FOREIGN: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_DROP: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
"""What `logging` records of other libraries go through before they are rendered."""


def configure_logs(format_: str, level: str, secrets: Iterable[str] = ()) -> None:
    """Configure structlog and `logging` to write to standard error, with `secrets` removed.

    `format_` is `console`, `json` or `auto`: `console` on a terminal, else `json`.
    """
    terminal = sys.stderr.isatty()
    for_people = format_ == "console" or (format_ == "auto" and terminal)
    redact = Redact(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if for_people:
        # The default traceback formatter prints local variables, and with them vendors' keys.
        last: list[Any] = [
            structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
        ]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last, lambda _logger, _name, line: redact(str(line))],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Redacted(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_FOREIGN, processors=[*_DROP, *last]), redact)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns about every malformed request


class _Redacted(logging.Formatter):
    """Lines of other libraries in the format of ours, with secrets removed."""

    def __init__(self, lines: logging.Formatter, redact: Redact) -> None:
        super().__init__()
        self._lines = lines
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(self._lines.format(record))
