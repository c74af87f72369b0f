"""The pump: keeps as many documents under way as the lines allow, until nothing is due.

Two threads of a process do all that the database sees, in batches: one takes and marks, one
journals and applies. The others do nothing but carry. So a hundred calls at once need two
connections, and what costs a round trip costs it once for all that landed meanwhile.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.conf import settings
from django.db import Error, close_old_connections

from accounts.access import Actor
from fbr import selectors
from fbr.models.work import Call
from fbr.outcomes import Evidence, Outcome
from fbr.services import breaker, sending
from fbr.services.breaker import Probe
from fbr.services.letters import Landed, Sending, Settled
from smartinvoicing import clock
from smartinvoicing.crashpoint import crashpoint

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 64  # answers settled in one transaction
_PROBE_S: Final = 1.0  # between two looks whether a safe call is due
_TELL_S: Final = 1.0
_PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.5  # a free slot looks again, should a bell have been lost

_turn: Final = threading.Lock()
_running: Pump | None = None


class Pump:
    """One drain. slots: calls at once, at most; is_over: whether to take nothing more."""

    def __init__(
        self,
        *,
        slots: int,
        actor: Actor,
        is_over: Callable[[], bool] = lambda: False,
        on_accepted: Callable[[Sequence[Settled]], None] = lambda settled: None,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self._slots = slots
        self._actor = actor
        self.is_over = is_over
        self._on_accepted = on_accepted
        self._on_full = on_full
        self._told_at = 0.0
        self._flying: set[Sending] = set()
        self._filling = False
        self._failed: Exception | None = None
        self._shall_look = True
        self._probing = 0
        self._landed: queue.SimpleQueue[Landed | Filled | Probed | None] = queue.SimpleQueue()
        self._probed_at = 0.0
        self._kept_alive_at = time.monotonic()
        self.count = 0
        self.is_woken = False

    def wake(self) -> None:
        """There may be something new: look, if a slot is free."""
        self.is_woken = True
        self._landed.put(None)

    def run(self) -> int:
        """Until nothing is due and all that was under way has landed. How many were settled.

        Raises: DatabaseError when the database is gone; what was under way has been spooled.
        """
        with ThreadPoolExecutor(self._slots, thread_name_prefix="carry") as pool:
            try:
                while self._fill(pool) or self._is_busy() or self._is_paced():
                    self._settle(self._gather())
            finally:
                while self._flying or self._filling:  # nothing that left is forgotten
                    self._settle(self._gather())
        return self.count

    def _is_busy(self) -> bool:
        return bool(self._flying or self._filling or self._probing)

    def _fill(self, pool: ThreadPoolExecutor) -> bool:
        """Have the free slots filled, beside what is settled meanwhile. Whether that was begun."""
        if self._failed is not None:
            raise self._failed
        free = self._slots - len(self._flying)
        if self._filling or not self._shall_look or self.is_over() or free <= 0:
            return False
        self.is_woken = self._shall_look = False
        self._probe(pool)
        _hand().submit(self._take, pool, free)
        self._filling = True
        return True

    def _take(self, pool: ThreadPoolExecutor, free: int) -> None:
        """T1 and T2, in the hand that does nothing else; then off they go."""
        filled = Filled(free)
        try:
            filled.sendings = sending.mark(sending.take(free), self._actor)
        except Exception as error:  # raised again where the pump is waited for
            filled.error = error
        finally:
            self._landed.put(filled)  # before any of them can land
        for each in filled.sendings:
            self._send_off(pool, each)
        close_old_connections()  # nobody waits for it here

    def _filled(self, filled: Filled) -> None:
        self._filling = False
        self._flying.update(filled.sendings)
        self._failed = self._failed or filled.error
        if filled.sendings and len(filled.sendings) == filled.wanted:
            self._tell_others()

    def _is_paced(self) -> bool:
        """Whether the only thing to wait for is a token's next second; then it was waited for."""
        if self.is_over():
            return False
        seconds = selectors.paced_s()
        if seconds is None or seconds > _PATIENCE_S:
            return False
        time.sleep(max(seconds, 0.01))
        self._shall_look = True
        return True

    def _tell_others(self) -> None:
        """More is due than we can carry: another process may have a free slot."""
        if time.monotonic() - self._told_at > _TELL_S:
            self._told_at = time.monotonic()
            self._on_full()

    def _send_off(self, pool: ThreadPoolExecutor, each: Sending) -> None:
        try:
            pool.submit(self._carry, each)
        except RuntimeError as error:  # no thread to be had; one that there is may take it yet
            logger.exception("fbr.carry_failed", extra={"work": str(each.work.pk)})
            self._landed.put(_lost(each, error))

    def _carry(self, each: Sending) -> None:
        """In a thread of the pool, which never sees the database."""
        try:
            landed = sending.carry(each)
        except Exception as error:  # whatever it was: bytes may have left
            logger.exception("fbr.carry_failed", extra={"work": str(each.work.pk)})
            landed = _lost(each, error)
        self._landed.put(landed)

    def _probe(self, pool: ThreadPoolExecutor) -> None:
        """Make a safe call where a line needs one before it is used again."""
        if time.monotonic() - self._probed_at < _PROBE_S:
            return
        self._probed_at = time.monotonic()
        probe = breaker.claim_probe()
        if probe is not None:
            pool.submit(self._ask, probe)
            self._probing += 1

    def _ask(self, probe: Probe) -> None:
        is_well = False
        try:
            is_well = breaker.ask(probe)
        except Exception:  # it says nothing of FBR's, so the line is not well
            logger.exception("fbr.probe_failed")
        self._landed.put(Probed(probe, is_well=is_well))

    def _gather(self) -> list[Landed]:
        """All that landed, waiting for the first of it.

        A safe call that cannot be written down now costs none of the answers beside it.
        """
        found: list[Landed] = []
        wait_s = self._wait_s()
        while len(found) < _AT_ONCE:
            try:
                each = self._landed.get(timeout=wait_s) if wait_s else self._landed.get_nowait()
            except queue.Empty:
                self._shall_look = self._shall_look or bool(wait_s) or bool(found)
                return found
            wait_s = 0
            if isinstance(each, Landed):
                found.append(each)
            elif isinstance(each, Filled):
                self._filled(each)
            elif isinstance(each, Probed) and found:
                self._landed.put(each)
                break
            else:
                self._hear(each)
        self._shall_look = True
        return found

    def _hear(self, each: Probed | None) -> None:
        """A safe call that came back, or a bell: there may be something to take."""
        if each is not None:
            self._record(each)
        self._shall_look = True

    def _wait_s(self) -> float:
        self._keep_alive()
        if not self._is_busy():
            return 0
        is_full = len(self._flying) >= self._slots or self._filling
        return self._beat_s() if is_full or self.is_over() else min(_LOOK_S, self._beat_s())

    def _record(self, probed: Probed) -> None:
        self._probing -= 1
        probe = probed.probe
        try:
            breaker.record_probe(
                (probe.environment, probe.channel), is_well=probed.is_well, has_work=probe.has_work
            )
        except Error as error:  # somebody asks again when `probing_until` is over
            logger.warning("fbr.probe_unwritten", extra={"failure": type(error).__name__})
            close_old_connections()
        else:
            self._probed_at = 0.0

    def _settle(self, landed: Sequence[Landed]) -> None:
        if not landed:
            return
        crashpoint("after_T3")
        self._flying.difference_update(each.sending for each in landed)
        settled = sending.conclude(landed, self._actor)
        self.count += len(settled)
        if any(each.outcome == Outcome.UNCERTAIN for each in settled):
            self._probed_at = 0.0  # the next document waits for a safe call: make it now
        accepted = [each for each in settled if each.outcome == Outcome.ACCEPTED]
        if accepted:
            self._on_accepted(accepted)

    def _beat_s(self) -> float:
        return float(settings.FBR_LEASE_S) / 10

    def _keep_alive(self) -> None:
        """A lease ends with its worker, not with a slow answer."""
        if not self._flying or time.monotonic() - self._kept_alive_at < self._beat_s():
            return
        self._kept_alive_at = time.monotonic()
        try:
            sending.keep_alive(self._flying)
        except Error as error:
            logger.warning("fbr.keep_alive_failed", extra={"failure": type(error).__name__})
            close_old_connections()


def _lost(sending: Sending, error: Exception) -> Landed:
    """What is known when we do not know whether bytes left."""
    evidence = Evidence(sent=True, failure=type(error).__name__)
    return Landed(sending, Call.RECORD, evidence, clock.now())


class Filled:
    """What the taking hand brought. wanted: how many it might have."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.sendings: list[Sending] = []
        self.error: Exception | None = None


_hands: dict[int, ThreadPoolExecutor] = {}


def _hand() -> ThreadPoolExecutor:
    """The thread of this process that takes and marks. It keeps its connection from drain to drain;
    threads do not come along into a fork.
    """
    if os.getpid() not in _hands:
        _hands.clear()
        _hands[os.getpid()] = ThreadPoolExecutor(1, thread_name_prefix="take")
    return _hands[os.getpid()]


class Probed:
    """What a safe call came to."""

    def __init__(self, probe: Probe, *, is_well: bool) -> None:
        self.probe, self.is_well = probe, is_well


def drain(pump: Pump) -> int | None:
    """Run `pump`. None when this process has one that runs: then that one looks again."""
    global _running  # noqa: PLW0603 -- one pump a process is the point
    with _turn:
        if _running is not None:
            _running.wake()
            return None
        _running = pump
    try:
        while True:
            pump.run()
            with _turn:
                if not pump.is_woken or pump.is_over():
                    _running = None
                    return pump.count
    finally:
        with _turn:
            _running = None
