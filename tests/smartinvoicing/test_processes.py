"""Children that end with us."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from smartinvoicing import processes
from smartinvoicing.provision import ROOT

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
PARENT = """
import sys, time
from smartinvoicing import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends orphans")
def test_a_child_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=ROOT)
    child = int(parent.stdout.readline())
    assert processes.started_at(child)

    parent.kill()
    parent.communicate()

    assert until(lambda: processes.started_at(child) is None)


def test_end_asks_before_it_kills():
    polite = processes.spawn([sys.executable, "-c", "import time; time.sleep(60)"])

    assert processes.end(polite) == -signal.SIGTERM


def test_end_ends_a_child_that_does_not_listen():
    deaf = processes.spawn(
        [sys.executable, "-c", f"{STUBBORN}; time.sleep(60)"], output=subprocess.PIPE
    )
    assert deaf.stdout.readline() == b"up\n"

    assert processes.end(deaf, timeout_s=0.1) == -signal.SIGKILL


def test_end_ends_grandchildren_too():
    code = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True)"
    child = processes.spawn([sys.executable, "-c", code], output=subprocess.PIPE)
    grandchild = int(child.stdout.readline())
    child.wait()

    processes.end(child)

    assert until(lambda: processes.started_at(grandchild) is None)


def test_a_free_port_is_free_and_below_those_of_outgoing_connections():
    port = processes.free_port()

    assert 20_000 <= port < 32_768
    assert processes.is_free(port)


def test_a_port_with_a_listener_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not processes.is_free(listener.getsockname()[1])


def test_started_at_tells_processes_of_one_number_apart():
    child = processes.spawn([sys.executable, "-c", "import time; time.sleep(60)"])

    assert processes.started_at(child.pid) == processes.started_at(child.pid)
    assert processes.started_at(os.getpid()) != processes.started_at(child.pid)
    processes.end(child)
    assert processes.started_at(child.pid) is None
