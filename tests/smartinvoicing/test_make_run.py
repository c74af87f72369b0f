"""`make run` as a newcomer has it: in a clone of its own, beside whatever else runs here."""

import os
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest

from smartinvoicing import processes
from smartinvoicing.provision import ROOT

READY_S = 240
BRINGS = ("PATH", "HOME", "LANG", "MAKE", "SSL_CERT_FILE", "PIP_CERT")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What git knows and would know, with the environment that the tests run in."""
    folder = tmp_path_factory.mktemp("newcomer") / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


class Run:
    """One `make run` with nothing exported."""

    def __init__(self, clone, port):
        self.clone, self.port = clone, port
        self.log = clone / "log"
        env = {name: os.environ[name] for name in BRINGS if name in os.environ}
        with self.log.open("wb") as log:
            self.make = subprocess.Popen(
                ["make", "run"],
                cwd=clone,
                env={**env, "PORT": str(port)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self):
        until = time.monotonic() + READY_S
        while f"\nREADY http://127.0.0.1:{self.port}\n" not in self.log.read_text():
            assert self.make.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def pids(self):
        """All that was started from this clone."""
        return [
            int(folder.name)
            for folder in os.scandir("/proc")
            if folder.name.isdigit() and str(self.clone) in processes.command_line(int(folder.name))
        ]

    def end(self):
        os.killpg(self.make.pid, signal.SIGKILL)
        self.make.wait()


@pytest.fixture
def make_run(clone):
    runs = []

    def start():
        runs.append(Run(clone, processes.free_port()))
        return runs[-1]

    yield start
    for run in runs:
        if run.make.poll() is None:
            run.end()


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status


@pytest.mark.workers
def test_make_run_starts_stops_and_starts_again(clone, make_run):
    first = make_run()
    first.wait_ready()
    assert get(f"http://127.0.0.1:{first.port}/healthz") == 200
    assert oct((clone / ".local" / "env").stat().st_mode & 0o777) == "0o600"
    kept = secrets_of(clone)

    begun = time.monotonic()
    first.make.send_signal(signal.SIGTERM)  # to make itself, not to its group
    first.make.wait(30)
    assert time.monotonic() - begun < 30
    assert first.pids() == []

    second = make_run()
    second.wait_ready()
    assert "migrate    |" not in second.log.read_text()
    assert secrets_of(clone) == kept
    second.make.send_signal(signal.SIGTERM)
    second.make.wait(30)
    assert second.pids() == []


@pytest.mark.workers
def test_a_killed_supervisor_takes_everybody_along(make_run):
    run = make_run()
    run.wait_ready()

    run.end()

    until = time.monotonic() + 20
    while run.pids() and time.monotonic() < until:
        time.sleep(0.1)
    assert run.pids() == []


def secrets_of(clone):
    lines = (clone / ".local" / "env").read_text().splitlines()
    return [line for line in lines if line.startswith(("SECRET_KEY=", "FIELD_KEY="))]
