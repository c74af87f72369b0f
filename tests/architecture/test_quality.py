"""Lint, types, migrations, locks, templates, papers: what a reviewer need not look for."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture import source

BIN = Path(sys.executable).parent
PYPROJECT = tomllib.loads((source.ROOT / "pyproject.toml").read_text())["project"]
LOCKS = source.ROOT / "requirements"


def run(*words):
    """Exit code and words of a tool of our environment, from the root of the repository."""
    done = subprocess.run(
        [BIN / words[0], *words[1:]], cwd=source.ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


# --- code -------------------------------------------------------------------------------------


def test_the_linter_finds_nothing():
    assert run("ruff", "check", "--no-cache", "--output-format", "concise", ".") == (
        0,
        "All checks passed!\n",
    )


def test_everything_is_formatted():
    words = run("ruff", "format", "--no-cache", "--check", "--output-format", "concise", ".")[1]

    assert [line for line in words.splitlines() if "unformatted" in line] == []


def test_the_types_fit():
    code, words = run("mypy", "--no-error-summary")

    assert (code, words) == (0, "")


def test_no_migration_is_missing(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_django_has_nothing_to_object():
    assert [str(message) for message in run_checks()] == []


def ignored_types(text):
    """Lines that silence mypy without saying what, or, the first time in a file, why."""
    said = set()
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.search(r"# type: ignore(\[[a-z, -]+\])?(  # \w)?", line):
            code, why = match.groups()
            if not code or (not why and code not in said):
                yield number
            said.add(code)


def test_an_ignored_type_says_which_and_why():
    found = [
        f"{path}:{number}"
        for path in source.modules()
        for number in ignored_types((source.ROOT / path).read_text())
    ]

    assert found == []


def test_a_plan_left_in_the_code_names_its_issue():
    plan = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d+)")
    found = [
        f"{source.relative(path)}:{number}"
        for path in source.files("*.py", "*.html", "*.js", "*.css", "*.md", "Makefile")
        if path.name != Path(__file__).name
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if plan.search(line)
    ]

    assert found == []


# --- dependencies -----------------------------------------------------------------------------

WANTED = {
    "runtime": PYPROJECT["dependencies"],
    "local": PYPROJECT["optional-dependencies"]["local"],
    "dev": PYPROJECT["optional-dependencies"]["dev"],
}
HOLDS = {  # each lock holds the one before
    "runtime": ("runtime",),
    "local": ("runtime", "local"),
    "dev": ("runtime", "local", "dev"),
}


def text_of(lock):
    return (LOCKS / f"{lock}.lock").read_text()


def locked(lock):
    """Version of each package of a lock."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", text_of(lock), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def wanted(lock):
    return [Requirement(line) for part in HOLDS[lock] for line in WANTED[part]]


@pytest.mark.parametrize("lock", ["runtime", "local", "dev", "installer"])
def test_no_lock_names_an_address(lock):
    assert [line for line in text_of(lock).splitlines() if "://" in line or "-url" in line] == []


@pytest.mark.parametrize("lock", ["runtime", "local", "dev", "installer"])
def test_every_pin_has_hashes(lock):
    pins = len(locked(lock))
    with_hash = re.findall(r"^\S+==[^\n]* \\\n +--hash=sha256:", text_of(lock), re.MULTILINE)

    assert pins == len(with_hash) > 0


@pytest.mark.parametrize("lock", HOLDS)
def test_each_lock_fits_the_project(lock):
    """By name and version, without asking anybody: `make lock` was run after the last change."""
    pins = locked(lock)
    missing = [
        str(need)
        for need in wanted(lock)
        if (name := canonicalize_name(need.name)) not in pins
        or not need.specifier.contains(pins[name], prereleases=True)
    ]
    named = re.findall(
        r"^(\S+?)(?:\[[^\]]*\])?==(?:(?!^\S+==).)*?smartinvoicing \(pyproject\.toml\)",
        text_of(lock),
        re.MULTILINE | re.DOTALL,
    )

    assert missing == []
    assert {canonicalize_name(name) for name in named} == {
        canonicalize_name(need.name) for need in wanted(lock)
    }


def test_the_locks_agree():
    runtime, local, dev = locked("runtime"), locked("local"), locked("dev")

    assert runtime.items() <= local.items() <= dev.items()


def test_every_dependency_has_its_line_in_the_decision():
    record = (source.ROOT / "docs" / "adr" / "0002-dependencies.md").read_text()
    lines = re.findall(r"^\| `([^`]+)` \| [^|]{5,} \| [^|]{5,} \|$", record, re.MULTILINE)
    names = [need.name for part in WANTED.values() for need in map(Requirement, part)]

    assert sorted(lines) == sorted(names)


# --- files ------------------------------------------------------------------------------------


def texts(*patterns):
    for path in source.files(*patterns):
        try:
            yield source.relative(path), path.read_text()
        except UnicodeDecodeError:
            continue  # a picture


def test_no_file_knows_the_machine_that_it_was_written_on():
    homes = re.compile(r"(?<![\w.:/-])/(home|Users|root|work)/\w")  # an absolute path of somebody
    here = re.compile(re.escape(f"{source.ROOT}/"))
    found = [
        f"{name}:{number}"
        for name, text in texts("*")
        for number, line in enumerate(text.splitlines(), 1)
        if homes.search(line) or here.search(line)
    ]

    assert found == []


def test_what_the_papers_point_to_is_there():
    missing = [
        f"{name}: {target}"
        for name, text in texts("*.md")
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
        if not (source.ROOT / name).parent.joinpath(target).exists()
    ]

    assert missing == []


def test_every_target_of_the_papers_is_in_the_makefile():
    targets = set(
        re.findall(r"^([a-z][a-z0-9-]*):", (source.ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    named = {
        word
        for name, text in texts("*.md")
        if name != "CHANGELOG.md"
        for word in re.findall(r"`(?:[A-Z]+=\S+ )*make ([a-z0-9-]+)", text)
    }

    assert named - targets == set()


def test_scripts_can_be_run():
    scripts = [source.ROOT / ".githooks" / "pre-commit", source.ROOT / "manage.py"]

    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
