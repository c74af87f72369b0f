"""From a bare clone to a working `.venv`: the first thing that `make run` and `make test` do.

Nothing but the standard library, since it runs before anything is installed:
`python3 -I smartinvoicing/provision.py local|dev|clean-local`. (-I: else this folder would
stand on the path, and its `http.py` before Python's.) A second run only compares a stamp.
"""

# ruff: noqa: S603, S606, T201 -- runs commands of its own words, and talks to a person

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCAL = ROOT / ".local"
LOCKS = ROOT / "requirements"
LEAST = (3, 11)
EXTRAS = ("local", "dev")  # each holds the one before

# Debian's names, with what to look for: a shared library, a font, a program.
LIBRARIES = {
    "libpango-1.0-0": ("libpango-1.0.so.0", "libpango-1.0.0.dylib"),
    "libpangoft2-1.0-0": ("libpangoft2-1.0.so.0", "libpangoft2-1.0.0.dylib"),
    "libharfbuzz-subset0": ("libharfbuzz-subset.so.0", "libharfbuzz-subset.0.dylib"),
    "libatomic1": ("libatomic.so.1",),
}
FONTS = {"fonts-noto-core": "Noto Nastaliq Urdu"}
PROGRAMS = {"chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")}
NEEDED = {
    "local": ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-noto-core"),
    "dev": ("chromium", "libatomic1"),
}
BREW = {"libpango-1.0-0": "pango", "libpangoft2-1.0-0": "pango", "libharfbuzz-subset0": "harfbuzz"}


class CannotProvision(Exception):
    """The message is for a person: what is missing and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


# --- the virtual environment ------------------------------------------------------------------


def stamp_of(extra: str) -> str:
    """What an environment that holds the lock of `extra` would be stamped with."""
    digest = hashlib.sha256((LOCKS / f"{extra}.lock").read_bytes())
    interpreter = (VENV / "bin" / "python").resolve()
    version = (VENV / "pyvenv.cfg").read_text()
    digest.update(f"{interpreter}\n{version}".encode())
    return digest.hexdigest()


def stamp_path(extra: str) -> Path:
    return VENV / f".stamp-{extra}"


def is_installed(extra: str) -> bool:
    """Whether `.venv` holds the lock of `extra`, or of one that holds it."""
    for wider in EXTRAS[EXTRAS.index(extra) :]:
        try:
            if stamp_path(wider).read_text() == stamp_of(wider):
                return True
        except OSError:
            continue
    return False


def install(extra: str) -> None:
    """Make `.venv` where it is missing or broken, and install the lock of `extra` by its hashes."""
    make_venv()
    python = VENV / "bin" / "python"
    stamp_path(extra).unlink(missing_ok=True)
    lock = LOCKS / f"{extra}.lock"
    say(f"Installing requirements/{extra}.lock into .venv ...")
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    fast = quiet(*pip, "--require-hashes", "-r", LOCKS / "installer.lock") and quiet(
        *(VENV / "bin" / "uv", "pip", "install", "-q", "--compile-bytecode", "--python", python),
        *("--require-hashes", "-r", lock),
    )
    if not fast:
        say("uv could not; pip does it, which takes longer ...")
        done = run(*pip, "--require-hashes", "-r", lock)
        if done.returncode:
            raise CannotProvision(f"The dependencies cannot be installed:\n{done.stderr.strip()}")
    stamp_path(extra).write_text(stamp_of(extra))


def make_venv() -> None:
    python = VENV / "bin" / "python"
    if quiet(python, "-I", "-c", f"import pip, sys; assert sys.version_info >= {LEAST}"):
        return
    if not importlib.util.find_spec("ensurepip"):
        version = ".".join(str(part) for part in sys.version_info[:2])
        need_packages(f"python{version}-venv")
    say("Making .venv ...")
    done = run(sys.executable, "-I", "-m", "venv", "--clear", VENV)
    if done.returncode:
        raise CannotProvision(f"Cannot make .venv:\n{(done.stdout + done.stderr).strip()}")


def run(*argv: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in argv]
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", str(error))


def quiet(*argv: object) -> bool:
    return run(*argv).returncode == 0


# --- system packages --------------------------------------------------------------------------


def missing_packages(extra: str) -> list[str]:
    """Debian's names of what the PDFs (`local`) and the browser tests (`dev`) lack here."""
    wanted = [name for known in EXTRAS[: EXTRAS.index(extra) + 1] for name in NEEDED[known]]
    return [name for name in wanted if not is_present(name)]


def is_present(package: str) -> bool:
    if package in LIBRARIES:
        if sys.platform == "darwin" and package == "libatomic1":
            return True  # part of the system there
        return any(can_load(name) for name in LIBRARIES[package])
    if package in FONTS:
        return FONTS[package] in run("fc-list", FONTS[package], "family").stdout
    return any(shutil.which(name) for name in PROGRAMS[package])


def can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def need_packages(*packages: str) -> None:
    """Install them when that is ours to do.

    Raises: CannotProvision with the one line to type, when it is not.
    """
    line = f"apt-get install {' '.join(packages)}"
    if sys.platform == "darwin":
        line = f"brew install {' '.join(sorted({BREW.get(name, name) for name in packages}))}"
    elif not shutil.which("apt-get"):
        line = f"install what Debian calls {' '.join(packages)}"
    elif os.geteuid() == 0:
        say(f"Installing {' '.join(packages)} ...")
        if apt_install(*packages):
            return
    else:
        line = f"sudo {line}"
    raise CannotProvision(f"Missing here: {', '.join(packages)}. Please: {line}")


def apt_install(*packages: str) -> bool:
    """With the lists that there are; with fresh ones when those are not enough."""
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    patient = ("-qq", "-o", "DPkg::Lock::Timeout=120")
    wanted = ("apt-get", *patient, "install", "-y", "--no-install-recommends", *packages)
    return quiet(*wanted) or (quiet("apt-get", *patient, "update") and quiet(*wanted))


def check_packages(extra: str) -> None:
    """A warning only: without them everything starts, and what needs them says so."""
    missing = missing_packages(extra)
    try:
        if missing:
            need_packages(*missing)
    except CannotProvision as problem:
        what = "PDFs" if extra == "local" else "PDFs or browser tests"
        say(f"WARNING: no {what} until this is mended. {problem}")


# --- the commands -----------------------------------------------------------------------------


def provision(extra: str) -> None:
    if not is_installed(extra):
        install(extra)
    check_packages(extra)


def clean_local() -> None:
    """Throw away the data of `make run`, unless it runs."""
    import fcntl  # noqa: PLC0415 -- not on every system, and for this command only

    lock = LOCAL / "lock"
    if lock.exists():
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CannotProvision("`make run` runs here; stop it first.") from error
            shutil.rmtree(LOCAL)
    shutil.rmtree(LOCAL, ignore_errors=True)


def newer_python() -> str | None:
    names = [f"python3.{minor}" for minor in range(14, LEAST[1] - 1, -1)]
    return next((found for found in map(shutil.which, names) if found), None)


def on_sigterm(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that subprocess.run ends its child


def main(argv: list[str]) -> int:
    if sys.version_info < LEAST:
        found = newer_python()
        if found:
            os.execv(found, [found, "-I", *sys.argv])
        say("SmartInvoicing needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
        return 1
    if argv not in (["local"], ["dev"], ["clean-local"]):
        say("usage: python3 -I smartinvoicing/provision.py local|dev|clean-local")
        return 2
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        clean_local() if argv == ["clean-local"] else provision(argv[0])
    except CannotProvision as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
