"""A random storm, drawn from a seed: what fails at FBR, and what befalls whom when."""

from __future__ import annotations

import heapq
import itertools
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.conf import settings

from fbr import tasks
from fbr.fake import FakeFbr
from smartinvoicing.pg import roles
from tests import services
from tests.chaos import rig
from tests.chaos.relay import Relay

FAULTS: Final = (
    {"fault": "accept_then_reset"},
    {"fault": "500", "recorded": True},
    {"fault": "500"},
    {"fault": "503"},
    {"fault": "html_200"},
    {"fault": "429", "retry_after": 1},
    {"fault": "half_json"},
    {"fault": "repeated_number"},
    {"fault": "slow", "after_ms": 900},
    {"fault": "slow", "after_ms": 2500},
    {"fault": "drip", "piece_bytes": 64, "every_ms": 60},
    {"fault": "latency_ramp", "step_ms": 200, "to_ms": 1200},
    {"fault": "pos_not_available"},
    {"fault": "pos_echoed_usin"},
)
# What may befall us, and how often it is drawn.
EVENTS: Final = {
    "kill_worker": 4,
    "doom_worker": 4,
    "kill_dispatcher": 3,
    "stop_worker": 1,
    "wipe_valkey": 3,
    "cut_valkey": 2,
    "cut_database": 3,
    "hold_database": 2,
    "end_sessions": 3,
    "restart_everything": 1,
}
LASTS_S: Final = 1.0
WAVES_S: Final = (0.0, 1.2, 2.4)
WORKERS: Final = 2
POINTS: Final = ("after_T1", "after_T2", "after_T3", "after_T4", "after_T5")


@dataclass(frozen=True, order=True)
class Event:
    at_s: float
    what: str
    who: int

    def __str__(self) -> str:
        return f"{self.at_s:.2f} s {self.what} {self.who}"


@dataclass(frozen=True)
class Plan:
    """The same for the same seed."""

    seed: int
    faults: list[dict[str, Any]]
    latency_ms: int
    events: list[Event]

    @classmethod
    def of(cls, seed: int) -> Plan:
        dice = random.Random(seed)
        faults = [
            {**fault, "count": None, "chance": round(dice.uniform(0.04, 0.15), 2)}
            for fault in dice.sample(FAULTS, k=dice.randint(3, 5))
        ]
        names = dice.choices([*EVENTS], [*EVENTS.values()], k=dice.randint(4, 7))
        events = [
            Event(round(dice.uniform(0.1, 3.5), 2), name, dice.randrange(10)) for name in names
        ]
        return cls(seed, faults, dice.choice((0, 20, 60, 150)), sorted(events))

    def __str__(self) -> str:
        told = [f"seed {self.seed}, latency {self.latency_ms} ms", *map(str, self.faults)]
        return "\n  ".join([*told, *map(str, self.events)])


class World:
    """Dispatcher and workers that reach PostgreSQL and Valkey through relays."""

    def __init__(self, fake: FakeFbr, database: Relay, valkey: Relay, start: Any) -> None:
        self._database, self._valkey = database, valkey
        self._start_process, self._start_worker = start
        urls = {"DATABASE_URL": database.url, "REDIS_URL": valkey.url}
        self._env = rig.env_of(fake, **urls)
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._workers: list[Any] = []
        self._doomed: list[Any] = []
        self._dispatcher: Any = None
        self.restart_everything(0)

    def live_through(self, plan: Plan, meanwhile: Callable[[], None]) -> None:
        """All events at their times, and what they draw after them; work comes in all the time."""
        began = time.monotonic()
        for wave in WAVES_S:
            self._at(began + wave, meanwhile)
        for event in plan.events:
            self._at(began + event.at_s, lambda event=event: getattr(self, event.what)(event.who))
        while self._later:
            at, _, act = heapq.heappop(self._later)
            time.sleep(max(at - time.monotonic(), 0))
            act()

    def heal(self) -> None:
        """Nobody is missing, and nobody has his end before him."""
        self._database.heal()
        self._valkey.heal()
        for place, worker in enumerate(self._workers):
            if worker in self._doomed or not worker.is_alive:
                self.kill_worker(place)
        if not self._dispatcher.is_alive:
            self._dispatcher = self._new_dispatcher()

    def end(self) -> None:
        for process in (*self._workers, self._dispatcher):
            process.kill()

    def _at(self, instant: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (instant, next(self._count), act))

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._at(time.monotonic() + seconds, act)

    def _new_worker(self, **more: str) -> Any:
        return self._start_worker("reporting", env={**self._env, **more}, ready=False)

    def _new_dispatcher(self) -> Any:
        return self._start_process("fbr_dispatch", env=self._env)

    # --- what may happen; the names are those of EVENTS ---------------------------------------

    def kill_worker(self, who: int) -> None:
        self._workers[who % WORKERS].kill()
        self._workers[who % WORKERS] = self._new_worker()

    def doom_worker(self, who: int) -> None:
        """Its successor dies at a point of its own."""
        self._workers[who % WORKERS].kill()
        doomed = self._new_worker(CRASHPOINT=POINTS[who % len(POINTS)])
        self._workers[who % WORKERS] = doomed
        self._doomed.append(doomed)

    def kill_dispatcher(self, who: int) -> None:
        self._dispatcher.kill()
        self._dispatcher = self._new_dispatcher()

    def stop_worker(self, who: int) -> None:
        """Past its lease; then it goes on as if nothing had been."""
        worker = self._workers[who % WORKERS]
        worker.signal(signal.SIGSTOP)
        self._after(rig.LEASE_S + 1.5, lambda: worker.signal(signal.SIGCONT))

    def wipe_valkey(self, who: int) -> None:
        redis.Redis.from_url(settings.REDIS_URL).flushdb()

    def cut_valkey(self, who: int) -> None:
        self._valkey.cut()
        self._after(LASTS_S, self._valkey.heal)

    def cut_database(self, who: int) -> None:
        self._database.cut()
        self._after(LASTS_S, self._database.heal)

    def hold_database(self, who: int) -> None:
        self._database.hold()
        self._after(LASTS_S, self._database.heal)

    def end_sessions(self, who: int) -> None:
        """Those of the processes; the test's own goes by no relay and is let be."""
        admin = roles.with_database(os.environ[services.ADMIN], services.database_name())
        with roles.session(admin) as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
                " AND datname = current_database() AND pid <> %s",
                [_our_session()],
            )

    def restart_everything(self, who: int) -> None:
        for process in (*self._workers, *filter(None, [self._dispatcher])):
            process.kill()
        self._workers = [self._new_worker() for _ in range(WORKERS)]
        self._dispatcher = self._new_dispatcher()
        tasks.ring()


def _our_session() -> int:
    from django.db import connection  # noqa: PLC0415 -- the test's own, at the time

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
