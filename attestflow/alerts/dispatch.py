"""Handing alerts out in the background: nobody who decides waits for it, and nothing that goes wrong there comes back."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from attestflow.alerts.alert import EVENTS, Alert
from attestflow.clock import format_time, utc_now
from attestflow.verdict import Verdict
from attestflow.watch import Watched

log = logging.getLogger("attestflow.alerts")
QUEUED = 1000
QUIET_SECONDS = 600.0  # for so long the same alert is not sent again
FLUSH_SECONDS = 45.0
IDLE_SECONDS = 1.0


class Channel(Protocol):
    """Where alerts go; `send` may be slow and may raise."""

    def send(self, alert: Alert) -> None:
        """Deliver one alert, or raise."""
        ...


class Alerts:
    """Sends alerts of the events in `on` to every channel, in a thread that lives while there are some."""

    def __init__(
        self,
        channels: Sequence[Channel] = (),
        on: Collection[str] = EVENTS,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._channels = tuple(channels)
        self._on = frozenset(on)
        self._clock = clock
        self._queue: queue.Queue[Alert] = queue.Queue(QUEUED)
        self._sent: dict[tuple[object, ...], float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failing: set[int] = set()

    def verdict(self, verdict: Verdict) -> None:
        """Send what a gate refused, or let through by exception; never raises, never blocks."""
        self._send(lambda: Alert.of_verdict(verdict))

    def watched(self, row: Watched) -> None:
        """Send what is in production and would not pass any more; never raises, never blocks."""
        self._send(lambda: Alert.of_watched(row, format_time(self._clock())))

    def flush(self, timeout: float = FLUSH_SECONDS) -> bool:
        """Wait until what was sent is delivered or given up; whether that was so within `timeout` seconds."""
        end = time.monotonic() + timeout
        while self._queue.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.02)
        return not self._queue.unfinished_tasks

    def _send(self, make: Callable[[], Alert | None]) -> None:
        if not self._channels:
            return
        try:
            alert = make()
            if alert is None or alert.event not in self._on or self._was_sent(alert):
                return
            self._hand_over(alert)
        except queue.Full:
            log.error("an alert was dropped: %d are waiting", QUEUED)
        except Exception:
            log.exception("an alert could not be made")

    def _was_sent(self, alert: Alert) -> bool:
        now = time.monotonic()
        with self._lock:
            self._sent = {key: moment for key, moment in self._sent.items() if now - moment < QUIET_SECONDS}
            known = alert.key in self._sent
            if not known and len(self._sent) < 10 * QUEUED:
                self._sent[alert.key] = now
        return known

    def _hand_over(self, alert: Alert) -> None:
        with self._lock:
            self._queue.put_nowait(alert)
            if self._thread is None or not self._thread.is_alive():  # a fork leaves the thread behind
                if self._thread is None:
                    atexit.unregister(self.flush)
                    atexit.register(self.flush)
                self._thread = threading.Thread(target=self._run, name="attestflow-alerts", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Deliver until nothing has come for a while."""
        while True:
            try:
                alert = self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            for number, channel in enumerate(self._channels):
                self._deliver(number, channel, alert)
            self._queue.task_done()

    def _deliver(self, number: int, channel: Channel, alert: Alert) -> None:
        """A channel that fails is said once, until it works again."""
        try:
            channel.send(alert)
            self._failing.discard(number)
        except Exception as exc:
            level = logging.DEBUG if number in self._failing else logging.ERROR
            log.log(level, "%s: %s", channel, getattr(exc, "message", type(exc).__name__))
            self._failing.add(number)
