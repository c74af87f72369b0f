"""The command line, the same for `python -m fbr.fake` and for the Django command."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from fbr.fake.manners import Manners
from fbr.fake.register import BadEntry
from fbr.fake.running import FakeFbr
from fbr.fake.script import BadScript


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name the options of the fake FBR."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=int, default=9000, help="port to listen on; 0 chooses one (9000)")
    add("--latency-ms", type=int, default=0, help="wait before every answer (0)")
    add("--seed", type=int, help="fix the invoice numbers; without it they go by the clock")
    add("--script", type=Path, metavar="FILE", help="JSON list of faults for the first requests")
    add("--tokens", type=Path, metavar="FILE", help="JSON list of tokens to know")
    add("--outer", choices=("00", "01"), default="00", help="outer code over refused lines (00)")
    add("--dates-by-utc", action="store_true", help="judge future dates by UTC")
    add("--strict-register", action="store_true", help="unknown buyers are not registered")


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Must be called in the main thread.

    Raises: SystemExit with a line of why, when it cannot begin.
    """
    fake = FakeFbr(
        host=options.host,
        port=options.port,
        latency_ms=options.latency_ms,
        seed=options.seed,
        manners=Manners(
            outer=options.outer,
            dates_by_utc=options.dates_by_utc,
            strict_register=options.strict_register,
        ),
    )
    try:
        fake.add_tokens(_listed(options.tokens))
        fake.script(_listed(options.script))
        fake.start()
    except (BadEntry, BadScript, OSError, ValueError) as error:
        raise SystemExit(f"The fake FBR cannot begin: {error}") from error
    _wait_for_signal(fake.greeting)
    fake.stop()


def main() -> None:
    """Run the fake FBR without Django."""
    parser = argparse.ArgumentParser(prog="python -m fbr.fake", description=__doc__)
    add_arguments(parser)
    run(parser.parse_args())


def _listed(path: Path | None) -> list[dict[str, object]]:
    return list(json.loads(path.read_text(encoding="utf-8"))) if path else []


def _wait_for_signal(greeting: str) -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    sys.stdout.write(f"{greeting}\n")
    sys.stdout.flush()
    ended.wait()
