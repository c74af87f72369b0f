"""How many requests FBR has in hand, and the most it ever had at one time."""

import socket
import threading
from collections import Counter
from typing import Any

from fbr.fake.ledger import RECORDING, Request


class Flight:
    """One request in hand, from its headers to its answer or the loss of its client."""

    def __init__(self, request: Request, connection: socket.socket) -> None:
        self.request = request
        self._connection = connection

    def is_abandoned(self) -> bool:
        """Whether the client has closed its end, though this server has not noticed yet."""
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class Flights:
    """The requests in hand.

    A client that gives up and asks again at once must not be counted twice, so whoever
    has hung up is taken out before a new request is counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._up: set[Flight] = set()
        self.clear()

    def clear(self) -> None:
        """Forget the highest counts; what is in hand stays in hand."""
        self._most = 0
        self._most_recording = 0
        self._most_by_environment: Counter[str] = Counter()
        self._most_by_seller: Counter[str] = Counter()

    def start(self, request: Request, connection: socket.socket) -> Flight:
        """Count a request in."""
        flight = Flight(request, connection)
        with self._lock:
            self._up = {other for other in self._up if not other.is_abandoned()}
            self._up.add(flight)
            self._most = max(self._most, len(self._up))
            if request.kind in RECORDING:
                self._count_recording(request)
        return flight

    def _count_recording(self, request: Request) -> None:
        recording = [other.request for other in self._up if other.request.kind in RECORDING]
        self._most_recording = max(self._most_recording, len(recording))
        place, seller = str(request.environment), str(request.seller)
        here = sum(str(other.environment) == place for other in recording)
        hers = sum(str(other.seller) == seller for other in recording)
        self._most_by_environment[place] = max(self._most_by_environment[place], here)
        self._most_by_seller[seller] = max(self._most_by_seller[seller], hers)

    def land(self, flight: Flight) -> None:
        """Count a request out; twice does no harm."""
        with self._lock:
            self._up.discard(flight)

    def summary(self) -> dict[str, Any]:
        """In hand now, and the most at one time: of all requests, and of invoices to record."""
        with self._lock:
            return {
                "in_flight": len(self._up),
                "max_in_flight": self._most,
                "max_recording": self._most_recording,
                "max_recording_by_environment": dict(self._most_by_environment),
                "max_recording_by_seller": dict(self._most_by_seller),
            }
