"""Who may know whom, and what only one module may do."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.template.base import Lexer, TokenType
from django.urls import NoReverseMatch, get_resolver, reverse

from accounts import context
from smartinvoicing.celery import app
from tests.architecture import source

PACKAGES = source.APPS
LINTER = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder):
    """Exit code and words of import-linter over the packages in `folder`."""
    done = subprocess.run(
        [LINTER, "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


# --- floors -----------------------------------------------------------------------------------


def test_the_import_contracts_are_kept():
    code, words = lint_imports(source.ROOT)

    assert code == 0, words


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("accounts/secret_hash.py", "import fbr.outcomes", "Floors: import downwards only"),
        ("invoices/tax.py", "import invoices.models", "Rungs of invoices"),
        ("fbr/fake/rates.py", "import smartinvoicing.money", "The fake FBR knows nothing"),
    ],
)
def test_an_import_that_climbs_is_found(tmp_path, path, line, contract):
    for package in PACKAGES:
        shutil.copytree(
            source.ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: [n for n in names if "." in n and not n.endswith(".py")],
        )
    shutil.copy(source.ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / path).open("a") as file:
        file.write(f"\n{line}\n")

    code, words = lint_imports(tmp_path)

    assert code != 0
    assert re.search(rf"{contract}.*BROKEN", words), words


# What the linter itself wants inside a function.
SLOW = set(
    tomllib.loads((source.ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"][
        "flake8-tidy-imports"
    ]["banned-module-level-imports"]
)
REASON = r"# noqa: [A-Z0-9, ]*PLC0415 -- \w"


def hidden_imports(path, tree):
    """Imports inside functions without a reason on their line."""
    text = (source.ROOT / path).read_text()
    if re.search(r"^# ruff: noqa: .*PLC0415 -- \w", text, re.MULTILINE):
        return
    lines = text.splitlines()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for name, line in source.imports(function):
                is_slow = name.split(".")[0] in SLOW
                if not is_slow and not re.search(REASON, lines[line - 1]):
                    yield f"{path}:{line}"


def test_no_import_hides_in_a_function_without_a_reason():
    found = [at for path, tree in source.modules().items() for at in hidden_imports(path, tree)]

    assert found == []


def test_an_import_that_hides_is_found():
    path = "invoices/pdf.py"
    tree = ast.parse("def press():\n    import weasyprint\n    import json\n")

    assert list(hidden_imports(path, tree)) == ["invoices/pdf.py:3"]


def test_no_edge_is_imported_by_another_app():
    """Views, forms, API, admin, tasks, URLs and commands are an app's own."""
    edges = {"views", "forms", "api", "admin", "tasks", "urls", "management", "middleware"}
    climbs = [
        f"{path}:{line} {name}"
        for path, tree in source.modules().items()
        for name, line in source.imports(tree)
        if (parts := name.split("."))[0] in PACKAGES[1:]
        and len(parts) > 1
        and parts[1] in edges
        and parts[0] != path.split("/")[0]
    ]

    assert climbs == []


def test_we_have_no_signals_of_our_own():
    """A lower floor writes a row, a higher one finds it; nothing listens in secret."""
    names = {"receiver", "Signal", "post_save.connect", "pre_save.connect", "post_delete.connect"}
    found = [
        f"{path}:{call.lineno}"
        for path, tree in source.product().items()
        for name, call in source.calls(tree)
        if name in names or name.endswith(".Signal")
    ]

    assert found == []


# --- what only a few may do -------------------------------------------------------------------

# Each door in the tenant wall, with how often it is used there. A new one is a decision:
# write it here, and say in the review why a membership or a key did not do.
DOORS = {
    ("accounts/api_auth.py", "as_bearer"): 1,  # the tenant behind an API key
    ("accounts/services/members.py", "as_bearer"): 1,  # the tenant behind an invitation
    ("accounts/selectors.py", "as_person"): 1,  # the tenants of a person who signs in
    ("invoices/services/signing_keys.py", "as_bearer"): 1,  # a public key, by its own name
    ("accounts/services/letters.py", "across_tenants"): 1,  # whose notices wait for mail, ids only
    ("invoices/services/closing.py", "across_tenants"): 1,  # whose periods are due, ids only
    ("invoices/services/signing.py", "across_tenants"): 1,  # what is not signed, ids only
    ("fbr/selectors.py", "across_tenants"): 2,  # what is due: ids, a yes, seconds
    ("fbr/services/breaker.py", "across_tenants"): 2,  # rows of no tenant
    ("fbr/services/outages.py", "across_tenants"): 1,  # deadlines and ids, by narrow functions
    ("fbr/services/watching.py", "across_tenants"): 1,  # ages and counts, by a narrow function
    ("fbr/management/commands/quarantine.py", "across_tenants"): 1,  # after a restore, ids only
    ("privacy/services/replaying.py", "across_tenants"): 1,  # after a restore, ids only
}
DOOR_NAMES = {"across_tenants", "as_bearer", "as_person"}


def test_the_doors_in_the_wall_are_those_that_we_know():
    found = {}
    for path, tree in source.modules().items():
        for name, _ in source.calls(tree):
            door = name.rpartition(".")[2]
            if door in DOOR_NAMES:
                found[path, door] = found.get((path, door), 0) + 1

    assert found == DOORS


def test_nobody_enters_a_scope_past_the_doors():
    found = [
        path
        for path, tree in source.modules().items()
        for name, _ in source.calls(tree)
        if name.rpartition(".")[2] in {"entered", "Scope"}
        and any(module.startswith("smartinvoicing.pg.scope") for module, _ in source.imports(tree))
    ]

    nobody = {"smartinvoicing/clock.py", "smartinvoicing/pg/rows.py"}  # they leave a scope
    assert set(found) <= {"accounts/tenancy.py", "smartinvoicing/pg/scope.py", *nobody}


def test_only_the_clock_says_what_time_it_is():
    """Karachi's calendar and the database's clock are one module's business."""
    asked = re.compile(r"(^|\.)(date\.today|datetime\.(now|today|utcnow)|timezone\.now|localdate)$")
    found = [
        f"{path}:{call.lineno} {name}"
        for path, tree in source.product().items()
        for name, call in source.calls(tree)
        if asked.search(name) or name in {"time.time", "localtime"}
    ]

    assert [at.partition(":")[0] for at in found] == ["smartinvoicing/clock.py"]


# Who may know the libraries that open lines to the world, and why.
LINES = {
    "smartinvoicing/http.py": {"http.client", "requests", "requests.adapters"},  # the only maker
    "fbr/gateway.py": {"http.client"},  # writes on a line that http.py has opened
    "smartinvoicing/run_all.py": {"http.client"},  # asks our own processes, on this machine
}
LIBRARIES = re.compile(
    r"(requests|http\.client|urllib\.request|urllib3|httpx|aiohttp|pycurl|ftplib|telnetlib)\b"
)


def test_only_one_module_opens_lines_to_the_world():
    found = {}
    for path, tree in source.product().items():
        for name, _ in source.imports(tree):
            if match := LIBRARIES.match(name):
                whole = name if name == "requests.adapters" else match.group(1)
                found.setdefault(path, set()).add(whole)

    assert found == LINES


def test_a_line_is_made_in_one_place():
    makers = {"HTTPConnection", "HTTPSConnection", "Session", "create_connection", "urlopen"}
    found = {
        path
        for path, tree in source.product().items()
        for name, _ in source.calls(tree)
        if name.rpartition(".")[2] in makers
    }

    assert found == {
        "smartinvoicing/http.py",
        "smartinvoicing/run_all.py",  # is the web process up?
        "smartinvoicing/devserver.py",  # is our own Valkey up?
    }


# --- the state of a document ------------------------------------------------------------------

LIFECYCLE = "invoices/lifecycle.py"
NOT_DOCUMENTS = {"HsCode", "Outbox"}  # no documents


def root_of(node, assigned):
    """The name at the beginning of a chain, through the local names that it was given."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Name) and node.id in assigned:
        return root_of(assigned[node.id], {k: v for k, v in assigned.items() if k != node.id})
    return node.id if isinstance(node, ast.Name) else "?"


def local_names(function):
    """What each local name was assigned."""
    return {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def assigns_state(node):
    """`x.state = …`, alone or in a tuple."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    parts = [part for target in targets for part in ast.walk(target)]
    return any(isinstance(part, ast.Attribute) and part.attr == "state" for part in parts)


def call_writes_state(node, assigned):
    """`.update(state=…)` of what may be documents, `Invoice(state=…)`, `setattr(x, "state", …)`."""
    name = source.dotted(node.func).rpartition(".")[2]
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if name == "setattr":
        return isinstance(node.args[1], ast.Constant) and node.args[1].value == "state"
    if name == "Invoice":
        return "state" in given and source.dotted(given["state"]) != "State.DRAFT"
    if name in {"update", "update_or_create"}:
        return "state" in given and root_of(node.func, assigned) not in NOT_DOCUMENTS
    return name == "bulk_update" and root_of(node.func, assigned) not in NOT_DOCUMENTS


def words_state(node):
    """`{"state": State.ACCEPTED}`, for an `update(**fields)` somewhere."""
    return isinstance(node, ast.Dict) and any(
        isinstance(key, ast.Constant)
        and key.value == "state"
        and source.dotted(value).startswith("State.")
        for key, value in zip(node.keys, node.values, strict=True)
    )


def state_writers(tree):
    """Lines that write a `state` which may be a document's."""
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        assigned = local_names(function)
        for node in ast.walk(function):
            if (
                assigns_state(node)
                or words_state(node)
                or (isinstance(node, ast.Call) and call_writes_state(node, assigned))
            ):
                yield node.lineno


def may_hold_a_document(path, tree):
    """On the privacy floor requests, mails and plans have states too: who knows documents."""
    if path == "privacy/services/exporting.py":  # reads documents; the states are its archives'
        return False
    floor = path.split("/")[0]
    return floor in {"invoices", "fbr"} or (
        floor == "privacy"
        and any(
            name in {"invoices.models.Invoice", "invoices.lifecycle"}
            for name, _ in source.imports(tree)
        )
    )


def test_only_the_lifecycle_writes_the_state_of_a_document():
    found = [
        f"{path}:{line}"
        for path, tree in source.product().items()
        if path != LIFECYCLE and may_hold_a_document(path, tree)
        for line in state_writers(tree)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "invoice.state = State.ACCEPTED",
        "invoice.state, invoice.number = 'accepted', ''",
        "Invoice.objects.filter(pk=pk).update(state='accepted')",
        "invoice_selectors.open(pk).update(state='accepted')",
        "Invoice(state=State.QUEUED).save()",
        "setattr(invoice, 'state', value)",
        "Invoice.objects.filter(pk=pk).update(**{'state': State.ACCEPTED})",
        "Invoice.objects.bulk_update(rows, ['state'])",
    ],
)
def test_a_state_that_is_written_elsewhere_is_found(line):
    tree = ast.parse(f"def accept(invoice):\n    rows = Invoice.objects.all()\n    {line}\n")

    assert list(state_writers(tree)) == [3]


def test_nothing_writes_documents_by_sql():
    writes = re.compile(r"(?i)\b(update|delete from|insert into|truncate)\s+invoices_invoice\b")
    found = [
        f"{path}:{node.lineno}"
        for path, tree in source.product().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and writes.search(node.value)
    ]

    assert found == []


# --- names that point upwards -----------------------------------------------------------------


def test_each_job_of_the_timetable_exists():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} - app.tasks.keys() == set()


def test_each_job_that_is_sent_by_name_exists():
    app.loader.import_default_modules()
    sent = {
        call.args[0].value
        for tree in source.product().values()
        for name, call in source.calls(tree)
        if name.rpartition(".")[2] in {"send_task", "tell"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }

    assert sent
    assert sent - app.tasks.keys() == set()


def names_of(resolver, prefix=""):
    """Every URL name of the house, with its namespace."""
    names = {f"{prefix}{name}" for name in resolver.reverse_dict if isinstance(name, str)}
    for namespace, (_, inner) in resolver.namespace_dict.items():
        names |= names_of(inner, f"{prefix}{namespace}:")
    return names


def test_each_address_in_the_navigation_exists():
    missing = []
    for name, *_ in context._NAV:
        try:
            reverse(name)
        except NoReverseMatch:
            missing.append(name)

    assert missing == []


def test_each_address_that_a_template_names_exists():
    """`{% url … as x %}` may name one that comes later: it is empty until then."""
    known = names_of(get_resolver())
    missing = set()
    for path in source.files("*.html", "*.txt"):
        if "templates" not in path.parts:
            continue
        for token in Lexer(path.read_text()).tokenize():
            if token.token_type != TokenType.BLOCK or not token.contents.startswith("url "):
                continue
            words = token.split_contents()
            name = words[1].strip("\"'")
            is_made = "|" in words[1]  # of a variable: the admin's own pages
            if words[1] != name and not is_made and "as" not in words and name not in known:
                missing.add(f"{source.relative(path)}: {name}")

    assert sorted(missing) == []
