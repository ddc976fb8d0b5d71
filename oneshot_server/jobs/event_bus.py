"""Hands every event to everybody who listens."""

from collections.abc import Callable

import structlog

from oneshot_server.domain.events import JobEvent

log = structlog.get_logger(__name__)

Listener = Callable[[JobEvent], None]


class EventBus:
    """Events of all jobs, in order."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on; the returned function ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, event: JobEvent) -> None:
        """Tell everybody; one listener's fault is logged and is not the others'."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed", event_type=type(event).__name__)
