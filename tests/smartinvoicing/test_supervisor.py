"""One log, one end."""

import subprocess
import sys
import time

import pytest

from smartinvoicing import processes
from smartinvoicing.supervisor import Failed, Stop, Supervisor

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(root=tmp_path, notes=tmp_path / "pids.json")
    yield made
    made.stop()


def test_lines_carry_the_name_of_their_process(supervisor, capfdbinary):
    supervisor.run("one", "-c", "print('hello'); print('world', end='')")

    assert capfdbinary.readouterr().out == b"one        | hello\none        | world\n"


def test_run_fails_when_the_command_does(supervisor):
    with pytest.raises(Failed, match=r"step failed \(exit code 3\)"):
        supervisor.run("step", "-c", "raise SystemExit(3)")


def test_run_stops_when_asked(supervisor):
    supervisor.asked = True

    with pytest.raises(Stop):
        supervisor.run("step", "-c", SLEEP)


def test_watch_says_who_ended_and_how(supervisor):
    child = supervisor.start("worker", "-c", SLEEP)
    child.process.kill()
    child.process.wait()

    with pytest.raises(Failed, match=r"worker ended \(by SIGKILL\)"):
        supervisor.watch()


def test_wait_for_names_who_did_not_answer(supervisor):
    with pytest.raises(Failed, match="from silent"):
        supervisor.wait_for({"well": lambda: True, "silent": lambda: False}, timeout_s=0.1)


def test_stop_leaves_nobody(supervisor):
    children = [supervisor.start(f"child{n}", "-c", SLEEP) for n in range(3)]
    begun = time.monotonic()

    supervisor.stop()

    assert time.monotonic() - begun < 5
    assert [processes.started_at(child.process.pid) for child in children] == [None, None, None]
    assert not supervisor.notes.exists()


def test_one_that_outlives_the_others_ends_after_them(supervisor, capfdbinary):
    told = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('ended')))"
    supervisor.start(
        "fake", "-c", f"{told}; print('up', flush=True); time.sleep(60)", outlives=True
    )
    slow = f"{told.replace('sys.exit', 'time.sleep(0.3) or sys.exit')}"
    supervisor.start("worker", "-c", f"{slow}; print('up', flush=True); time.sleep(60)")
    lines = b""
    while lines.count(b"up") < 2:
        supervisor.pump()
        lines += capfdbinary.readouterr().out

    supervisor.stop()

    ended = capfdbinary.readouterr().out
    assert ended == b"worker     | ended\nfake       | ended\n"


def test_the_next_start_ends_what_a_killed_one_left(supervisor, tmp_path):
    left = supervisor.start("left", "-c", SLEEP)

    Supervisor(root=tmp_path, notes=supervisor.notes).end_leftovers()

    assert left.process.wait(5) == -15


def test_the_next_start_leaves_others_alone(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", SLEEP])
    notes = tmp_path / "pids.json"
    notes.write_text(f'[[{other.pid}, "another birth"]]')

    Supervisor(root=tmp_path, notes=notes).end_leftovers()

    assert other.poll() is None
    other.kill()
    other.wait()


def test_notes_that_cannot_be_read_hinder_nobody(tmp_path):
    notes = tmp_path / "pids.json"
    notes.write_text("{")

    Supervisor(root=tmp_path, notes=notes).end_leftovers()
