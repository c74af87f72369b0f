"""`.env.example` names what the code reads, and nothing else."""

import ast
import re
from dataclasses import dataclass

from tests.architecture import source

READERS = frozenset({"text", "secret", "key", "boolean", "integer", "words", "choice"})
SECRETS = frozenset({"secret", "key"})
EXAMPLE = source.ROOT / ".env.example"
COMPOSE = source.ROOT / "docker-compose.yml"
# Read elsewhere than in settings.py, with the reason why it is no setting.
ELSEWHERE = {
    "privacy/management/commands/demo.py": {"FAKE_FBR_URL"},  # `make run` tells the demo
}


@dataclass(frozen=True)
class Variable:
    name: str
    is_secret: bool
    default: object = None  # None: it must be set, or the default is worked out


def read_by(tree):
    """The variables that a module reads through `env`."""
    for name, call in source.calls(tree):
        owner, _, reader = name.rpartition(".")
        if owner == "env" and reader in READERS:
            assert isinstance(call.args[0], ast.Constant), f"line {call.lineno}: say the name"
            default = call.args[1] if len(call.args) > 1 else None
            default = next((k.value for k in call.keywords if k.arg == "default"), default)
            constant = default.value if isinstance(default, ast.Constant) else None
            yield Variable(call.args[0].value, reader in SECRETS, constant)


SETTINGS = {v.name: v for v in read_by(source.modules()["smartinvoicing/settings.py"])}
# What compose puts into a server of ours or a container besides.
OF_COMPOSE = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))


def blocks():
    """Paragraphs of comment and assignments: (words, {name: value})."""
    for block in EXAMPLE.read_text().split("\n\n"):
        lines = block.splitlines()
        given = dict(
            match.groups()
            for line in lines
            if (match := re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line))
        )
        words = " ".join(line for line in lines if line.startswith("# "))
        if given:
            yield words, given


EXAMPLES = {name: (words, value) for words, given in blocks() for name, value in given.items()}


def test_settings_read_what_we_think():
    assert {"SECRET_KEY", "FBR_DI_URL", "SMTP_PASSWORD", "ENVIRONMENT"} <= SETTINGS.keys()
    assert SETTINGS["FIELD_KEY"] == Variable("FIELD_KEY", is_secret=True)
    assert SETTINGS["FBR_LEASE_S"] == Variable("FBR_LEASE_S", is_secret=False, default=150)
    assert {"OWNER_PASSWORD", "APP_PASSWORD"} <= OF_COMPOSE


def test_every_variable_that_is_read_is_in_the_example():
    assert sorted((SETTINGS.keys() | OF_COMPOSE) - EXAMPLES.keys()) == []


def test_the_example_holds_nothing_that_nobody_reads():
    assert sorted(EXAMPLES.keys() - SETTINGS.keys() - OF_COMPOSE) == []


def test_no_variable_stands_there_twice():
    names = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", EXAMPLE.read_text(), re.MULTILINE)

    assert sorted(names) == sorted(set(names))


def test_each_says_why():
    assert [name for name, (words, _) in EXAMPLES.items() if len(words) < 25] == []


def test_each_that_may_come_from_a_file_says_so():
    secrets = {name for name, variable in SETTINGS.items() if variable.is_secret}

    assert sorted(n for n in secrets if "(secret)" not in EXAMPLES[n][0]) == []


def test_the_default_that_is_shown_is_the_default():
    words = {True: "yes", False: "no"}
    defaults = {
        name: words[v.default] if isinstance(v.default, bool) else str(v.default)
        for name, v in SETTINGS.items()
        if v.default not in {None, ""}
    }

    assert {name: EXAMPLES[name][1] for name in defaults} == defaults


def test_settings_alone_read_the_environment():
    """Every knob is in settings.py; what runs before Django, or is no knob, is named here."""
    before_django = {
        "smartinvoicing/env.py",
        "smartinvoicing/settings.py",
        "smartinvoicing/provision.py",
        "smartinvoicing/run_all.py",
        "smartinvoicing/crashpoint.py",  # a test's hook
        "smartinvoicing/celery.py",  # names the settings module
        "smartinvoicing/wsgi.py",  # likewise
        "smartinvoicing/backups.py",  # hands it on to PostgreSQL's programs
        "smartinvoicing/examining.py",  # hands it on to our own
    }
    through_env = {path: {v.name for v in read_by(tree)} for path, tree in source.modules().items()}
    directly = {
        path
        for path, tree in source.modules().items()
        for node in ast.walk(tree)
        if source.dotted(node) in {"os.environ", "os.getenv", "environ"}
    }

    assert {p: names for p, names in through_env.items() if names and "settings" not in p} == (
        ELSEWHERE
    )
    assert sorted(directly - before_django) == []


def test_every_knob_of_ours_turns_something():
    """A setting that nobody asks for would be a promise that nobody keeps."""
    asked = {
        source.dotted(node).removeprefix("settings.")
        for tree in source.modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }

    assert sorted(name for name in SETTINGS if name.startswith("FBR_") and name not in asked) == []
