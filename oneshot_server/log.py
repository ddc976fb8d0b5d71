"""One structured log: JSON lines in the home's ``logs``, rotating."""

import logging
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from oneshot_server.settings import LogSettings


class _LogFile(RotatingFileHandler):
    """A full disk costs lines of the log; by default each would be a traceback on the console."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Drop the line, and write the next one if that can be written."""


def start_log(folder: Path, settings: LogSettings) -> RotatingFileHandler:
    """Send everything that is logged from now on to ``oneshot.log`` in ``folder``.

    Returns:
        The file's handler; ``stop_log`` closes it.
    """
    handler = _LogFile(
        folder / "oneshot.log",
        maxBytes=settings.max_bytes,
        backupCount=settings.backups,
        encoding="utf-8",
        delay=True,
    )
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return handler


def stop_log(handler: RotatingFileHandler) -> None:
    """Close the log."""
    logging.getLogger().removeHandler(handler)
    with suppress(OSError):  # what is left of it does not fit on the disk
        handler.close()
    structlog.reset_defaults()


def log_nothing() -> None:
    """Keep the log of a command that does a daemon's work out of what it prints.

    What goes wrong is told as an error.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
