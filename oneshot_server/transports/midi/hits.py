"""Hits on pads: now or on the beat, and what becomes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    SamplePublished,
)
from oneshot_server.errors import OneshotError
from oneshot_server.transports.midi.messages import MOST_DATA
from oneshot_server.transports.midi.schedule import Handle, Schedule

log = structlog.get_logger(__name__)

MOST_HELD: Final = 64
"""Hits that may wait for the beat; one more is played at once."""
LOG_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A pad that was struck.

    Attributes:
        pad: 0 to 63.
        velocity: 1 to 127.
        source: channel and note that struck it; ``None`` for a cc.
    """

    pad: int
    velocity: int
    source: tuple[int, int] | None


class _Held:
    """A hit that waits for the beat."""

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        self.handle: Handle | None = None

    def cancel(self) -> None:
        assert self.handle is not None
        self.handle.cancel()


class Hits:
    """Triggers pads and knows which hits have not sounded yet.

    Args:
        core: plays them.
        schedule: the event loop.
        on_sound: told of a hit whose sound is there.
    """

    def __init__(self, core: Core, schedule: Schedule, on_sound: Callable[[Hit], None]) -> None:
        self._core = core
        self._schedule = schedule
        self._on_sound = on_sound
        self._held: list[_Held] = []
        self._waiting: dict[JobId, Hit] = {}
        self._hitting: Hit | None = None
        self._refused = 0
        self._refusals_logged = -LOG_SECONDS
        self._unsubscribe = core.subscribe(self._on_event)

    def stop(self) -> None:
        """Play nothing more."""
        self._unsubscribe()
        self._drop_held(lambda _hit: True)

    def strike(self, hit: Hit, when: float) -> str:
        """Play a hit at its time; returns what was done, in words."""
        held = when - self._schedule.time()
        if held <= 0 or len(self._held) >= MOST_HELD:
            return self._play(hit)
        self._drop_held(self._choked_by(hit.pad))
        waiting = _Held(hit)
        waiting.handle = self._schedule.call_at(when, lambda: self._release(waiting))
        self._held.append(waiting)
        return f"pad {hit.pad} in {1000 * held:.0f} ms, on the beat"

    def release_all(self) -> None:
        """Play what waits for the beat: there will be none."""
        for waiting in tuple(self._held):
            waiting.cancel()
            self._release(waiting)

    def choke(self, channel: int, note: int) -> str:
        """Cancel the hits of a note that have not sounded yet; returns what was done."""
        source = (channel, note)
        dropped = self._drop_held(lambda hit: hit.source == source)
        for job in [job for job, hit in self._waiting.items() if hit.source == source]:
            try:
                self._core.cancel(job)
            except OneshotError:  # it has ended a moment ago
                continue
            dropped += 1
        return f"choked, {dropped} cancelled" if dropped else "choked, nothing was waiting"

    def _choked_by(self, pad: int) -> Callable[[Hit], bool]:
        group = self._core.pad(pad).choke
        return lambda hit: bool(group and hit.pad != pad and self._core.pad(hit.pad).choke == group)

    def _drop_held(self, chosen: Callable[[Hit], bool]) -> int:
        dropped = [waiting for waiting in self._held if chosen(waiting.hit)]
        for waiting in dropped:
            waiting.cancel()
            self._held.remove(waiting)
        return len(dropped)

    def _release(self, waiting: _Held) -> None:
        self._held.remove(waiting)
        self._play(waiting.hit)

    def _play(self, hit: Hit) -> str:
        # From the reserve, all events of a hit come before the call returns.
        self._hitting = hit
        try:
            job = self._core.trigger_pad(hit.pad, hit.velocity / MOST_DATA)
        except OneshotError as problem:
            self._refuse(problem)
            return f"refused: {problem}"
        finally:
            self._hitting = None
        return f"pad {hit.pad} at {hit.velocity / MOST_DATA:.2f}, job {job}"

    def _on_event(self, event: JobEvent) -> None:
        match event:
            case Accepted(job=job) if self._hitting is not None:
                self._waiting[job] = self._hitting
            case SamplePublished(job=job) if job in self._waiting:
                self._on_sound(self._waiting.pop(job))  # what comes later makes it better
            case Done(job=job) | Failed(job=job) | Cancelled(job=job):
                self._waiting.pop(job, None)

    def _refuse(self, problem: OneshotError) -> None:
        self._refused += 1
        now = self._schedule.time()
        if now - self._refusals_logged >= LOG_SECONDS:  # a drum roll on an empty pad is one line
            self._refusals_logged = now
            log.warning("hits refused", count=self._refused, last=str(problem))
            self._refused = 0
