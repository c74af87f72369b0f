"""The set-up of a bare clone, in a folder of its own that only looks like one."""

import importlib.util
import subprocess
import sys

import pytest

from smartinvoicing.provision import ROOT

SCRIPT = ROOT / "smartinvoicing" / "provision.py"


@pytest.fixture
def clone(tmp_path):
    """The module as it stands in a clone with locks and an environment that works."""
    home = tmp_path / "smartinvoicing"
    home.mkdir()
    (home / "provision.py").write_text(SCRIPT.read_text())
    (tmp_path / "requirements").mkdir()
    for name in ("installer", "local", "dev"):
        (tmp_path / "requirements" / f"{name}.lock").write_text(f"# {name}\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("version = 3.11.2\n")
    spec = importlib.util.spec_from_file_location("provision_of_a_clone", home / "provision.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stamp(clone, extra):
    clone.stamp_path(extra).write_text(clone.stamp_of(extra))


def test_nothing_is_installed_in_a_bare_clone(clone):
    assert not clone.is_installed("local")
    assert not clone.is_installed("dev")


def test_dev_holds_local_and_not_the_other_way_round(clone):
    stamp(clone, "local")
    assert clone.is_installed("local")
    assert not clone.is_installed("dev")

    stamp(clone, "dev")
    assert clone.is_installed("dev")


def test_installing_local_leaves_dev_valid(clone):
    stamp(clone, "dev")

    assert clone.is_installed("local")
    stamp(clone, "local")
    assert clone.is_installed("dev")


def test_another_lock_is_installed_anew(clone):
    stamp(clone, "dev")
    (clone.LOCKS / "dev.lock").write_text("# changed\n")

    assert not clone.is_installed("dev")


def test_another_python_is_installed_anew(clone):
    stamp(clone, "dev")
    (clone.VENV / "pyvenv.cfg").write_text("version = 3.13.1\n")

    assert not clone.is_installed("dev")


def test_a_missing_package_is_one_line_that_says_what_to_type(clone, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    with pytest.raises(clone.CannotProvision) as problem:
        clone.need_packages("libatomic1", "chromium")

    assert str(problem.value) == (
        "Missing here: libatomic1, chromium. Please: sudo apt-get install libatomic1 chromium"
    )


def test_a_program_that_is_missing_is_found_missing(clone, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    assert "chromium" in clone.missing_packages("dev")
    assert "chromium" not in clone.missing_packages("local")


def test_clean_local_throws_the_data_away(clone):
    (clone.LOCAL / "postgres").mkdir(parents=True)
    (clone.LOCAL / "lock").touch()

    clone.clean_local()

    assert not clone.LOCAL.exists()


def test_clean_local_refuses_while_it_runs(clone):
    clone.LOCAL.mkdir()
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, clone.LOCAL / "lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()

    with pytest.raises(clone.CannotProvision, match="stop it first"):
        clone.clean_local()

    assert clone.LOCAL.exists()
    holder.communicate(b"\n")


def test_a_wrong_word_is_answered_with_the_right_ones():
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, "production"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stdout.startswith("usage:")


def test_it_needs_nothing_that_is_not_in_python_itself():
    lines = SCRIPT.read_text().splitlines()
    names = {
        line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))
    }

    assert names <= sys.stdlib_module_names


def test_no_lock_names_an_address():
    for lock in (ROOT / "requirements").glob("*.lock"):
        assert "://" not in lock.read_text(), lock.name
