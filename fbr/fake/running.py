"""The fake FBR as one object, for tests, and as one process."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from fbr.fake import control, list_changes
from fbr.fake.gateway import POS_PRODUCTION, POS_SANDBOX, Gateway
from fbr.fake.manners import Manners
from fbr.fake.server import Server


def _now() -> datetime:
    return datetime.now(UTC)


class FakeFbr:
    """A fake FBR that listens in a thread of this process.

        with FakeFbr(seed=1) as fbr:
            fbr.script([{"fault": "accept_then_silence"}])
            ...  # talk to fbr.url
            assert len(fbr.ledger()["recorded"]) == 1

    It may be stopped and started again: the port and the ledger stay.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        latency_ms: int = 0,
        seed: int | None = None,
        manners: Manners | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._address = (host, port)
        self._server: Server | None = None
        self.gateway = Gateway(
            manners=manners or Manners(), seed=seed, latency_s=latency_ms / 1000, clock=clock
        )

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        host, port = self._address
        return f"http://{host}:{port}"

    @property
    def greeting(self) -> str:
        """A line that says where it listens."""
        return (
            f"Fake FBR listening on {self.url}; POS: {self.url}{POS_SANDBOX} (sandbox), "
            f"{self.url}{POS_PRODUCTION} (production)"
        )

    @property
    def port(self) -> int:
        """The port it listens on; 0 until it was first started on a port of its own choice."""
        return self._address[1]

    def start(self) -> Self:
        """Listen; twice does no harm.

        Raises: OSError when the port is taken.
        """
        if self._server:
            return self
        self._server = Server(self._address, self.gateway)
        self._address = (self._address[0], self._server.server_address[1])
        self._server.begin()
        return self

    def stop(self) -> None:
        """Break every connection and listen no more; twice does no harm."""
        server, self._server = self._server, None
        if server:
            server.end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def ledger(self) -> dict[str, Any]:
        """What `GET /_ledger` shows."""
        return self.gateway.ledger.as_json()

    def summary(self) -> dict[str, Any]:
        """What `GET /_ledger?summary=1` shows."""
        return control.summary(self.gateway)

    def script(self, rules: Sequence[object], *, append: bool = False) -> None:
        """Take a script, in place of the old one or after it.

        Raises: BadScript, saying what is wrong.
        """
        self.gateway.script.load(list(rules), append=append)

    def set_latency(self, ms: int) -> None:
        """Wait so long before every answer."""
        self.gateway.latency_s = ms / 1000

    def behave(self, **manners: object) -> None:
        """Change some of the manners.

        Raises: BadManner, saying what would be right.
        """
        self.gateway.behave(self.gateway.manners.changed(manners))

    def change_lists(self, changes: object) -> None:
        """Change FBR's lists, as `POST /_lists` does.

        Raises: BadChange, saying which change is wrong.
        """
        self.gateway.lists = list_changes.changed(self.gateway.lists, changes)

    def add_tokens(self, entries: Sequence[Mapping[str, object]]) -> None:
        """Give out tokens: {"token", "seller", "environment"} each, as `POST /_tokens` takes them.

        Raises: BadEntry, saying which one is wrong.
        """
        self.gateway.register.add_tokens(list(entries))

    def add_taxpayers(self, entries: Sequence[Mapping[str, object]]) -> None:
        """Enter {"number", "registered", "active"} in the sales tax register.

        Raises: BadEntry, saying which one is wrong.
        """
        self.gateway.register.add_taxpayers(list(entries))

    def reset(self) -> None:
        """Begin a new ledger without a script; tokens, register, manners and latency stay."""
        control.reset(self.gateway)
