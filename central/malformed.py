"""What is no HTTP at all (port scanners, half requests) is one short line of the log, not a traceback a thousand times."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

WORDS_CHARS_MAX = 120


class Brief(logging.Filter):
    """For the logger of aiohttp's server: the errors of its parser are of whoever sent that."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            words = str(error).splitlines()
            record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
            record.msg, record.args = (
                "a malformed request: %.*r",
                (WORDS_CHARS_MAX, words[0] if words else ""),
            )
        return True


def keep_log_short() -> None:
    """Once for the process."""
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, Brief) for each in logger.filters):
        logger.addFilter(Brief())
