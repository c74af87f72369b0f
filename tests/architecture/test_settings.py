"""Settings: production by default, and what is unsafe or half set does not start."""

import base64
import os
import re
import runpy
from datetime import timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.services import mailing
from smartinvoicing import checks, env
from smartinvoicing.pg import roles
from tests.architecture import source

SETTINGS = str(source.ROOT / "smartinvoicing" / "settings.py")
KEY = base64.b64encode(bytes(range(32))).decode()
SAFE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "FIELD_KEY": KEY,
    "INSTANCE_ID": "the one and only installation",
    "AUDIT_ANCHOR_DIR": "/data/anchors",
    "AUDIT_SIGNING_KEY": KEY,
    "ERASURE_LEDGER_DIR": "/data/erasures",
    "PUBLIC_URL": "https://invoices.example.com",
    "ALLOWED_HOSTS": "invoices.example.com",
    "TRUSTED_PROXIES": "1",
    "DATABASE_URL": "postgresql://app:x@127.0.0.1:9/si?sslmode=verify-full",
    "REDIS_URL": "rediss://:x@127.0.0.1:9/0?ssl_cert_reqs=required",
    "SMTP_HOST": "smtp.example.com",
    "OPERATOR_EMAILS": "operators@example.com",
    "NTP_HOST": "pool.ntp.org",
}
OURS = {*SAFE, "DATABASE_OWNER_URL", "FBR_DI_URL", "FBR_POS_SANDBOX_URL", "FBR_POS_PRODUCTION_URL"}


@pytest.fixture
def load(monkeypatch, tmp_path):
    """The settings as they would be with these variables and no others of ours."""
    monkeypatch.setattr(env, "LOCAL_FILE", tmp_path / "env")  # not what `make run` left here
    for name in OURS:
        monkeypatch.delenv(name, raising=False)

    def loaded(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        env.local_file.cache_clear()
        return runpy.run_path(SETTINGS)

    yield loaded
    monkeypatch.undo()
    env.local_file.cache_clear()


# --- what production refuses ------------------------------------------------------------------

UNSAFE = {
    "E002": {"SECRET_KEY": "short"},
    "E003": {"ALLOWED_HOSTS": ""},
    "E004": {"ALLOWED_HOSTS": "*"},
    "E005": {"FBR_DI_URL": "http://127.0.0.1:9000"},
    "E006": {"PUBLIC_URL": "http://invoices.example.com"},
    "E007": {"DATABASE_URL": "postgresql://owner:x@127.0.0.1:9/si?sslmode=verify-full"},
    "E008": {"DATABASE_URL": "postgresql://app:x@127.0.0.1:9/si"},
    "E009": {"REDIS_URL": "redis://:x@127.0.0.1:9/0"},
    "E010": {"SMTP_HOST": ""},
    "E011": {"DATABASE_OWNER_URL": "postgresql://owner:x@127.0.0.1:9/si?sslmode=verify-full"},
    "E013": {"FBR_POS_SANDBOX_URL": "https://gw.fbr.gov.pk"},
    "E014": {"FBR_POS_PRODUCTION_URL": "https://gw.fbr.gov.pk/imsp"},
    "E015": {"INSTANCE_ID": "short"},
    "E017": {"AUDIT_ANCHOR_DIR": ""},
    "E018": {"AUDIT_SIGNING_KEY": ""},
    "E030": {"ERASURE_LEDGER_DIR": ""},
    "E020": {"NTP_HOST": ""},
    "E021": {"OPERATOR_EMAILS": ""},
    "E022": {"METRICS_TOKEN": "short"},
}


# What the environment of the tests would add, taken back.
ALONE = {
    "DJANGO_ALLOW_ASYNC_UNSAFE": "",  # the browser tests of this process need it
    "DJANGO_SETTINGS_MODULE": "smartinvoicing.settings",
    "DATABASE_OWNER_URL": "",
    "FBR_DI_URL": "https://gw.fbr.gov.pk",
    "FBR_POS_SANDBOX_URL": "https://esp.fbr.gov.pk:8244",
    "FBR_POS_PRODUCTION_URL": "https://gw.fbr.gov.pk",
}


@pytest.fixture
def check(start_process):
    """`manage.py check` in a process of its own: its exit code and its words."""

    def run(*words, **variables):
        process = start_process("check", *words, env=ALONE | variables)
        return process.wait(60), process.log()

    return run


@pytest.mark.parametrize("code", UNSAFE)
def test_production_refuses(check, code):
    exit_code, words = check(**SAFE | UNSAFE[code])

    assert exit_code != 0
    assert f"smartinvoicing.{code}" in words


def test_production_refuses_each_thing_by_itself(check):
    """One wrong setting is one complaint: the others are right."""
    _, words = check(**SAFE | UNSAFE["E009"])

    assert [code for code in UNSAFE if f"smartinvoicing.{code}" in words] == ["E009"]


def test_every_check_of_the_house_is_in_these_tests():
    """E001 is the lease arithmetic and E012 asks the database; both follow. E016: a call's body.

    E024 to E026, what is kept for how long, hold everywhere: tests/privacy. E027: claims of mail.
    """
    words = (source.ROOT / "smartinvoicing" / "checks.py").read_text()
    known = [*UNSAFE, "E001", "E012", "E016", "E024", "E025", "E026", "E027"]

    assert [code for code in known if code not in words] == []
    assert words.count('"E0') + words.count(".E0") == len(known)


def test_production_passes_the_deployment_checklist_without_a_warning(check):
    exit_code, words = check("--deploy", "--fail-level", "WARNING", **SAFE)

    assert (exit_code, words) == (0, "System check identified no issues (0 silenced).\n")


def test_the_same_setting_is_allowed_in_development(check):
    unsafe = {name: value for case in UNSAFE.values() for name, value in case.items()}
    given = SAFE | unsafe | {"ENVIRONMENT": "development", "DATABASE_URL": SAFE["DATABASE_URL"]}

    exit_code, words = check(**given)

    assert exit_code == 0, words


@pytest.mark.parametrize(
    "words",
    [
        ("shell", "-v", "0", "-c", "import smartinvoicing.wsgi"),
        ("celery-worker", "-Q", "reporting", "-P", "threads", "-n", "unsafe@test"),
        ("fbr_dispatch",),
    ],
    ids=["web", "worker", "dispatcher"],
)
def test_no_process_starts_with_unsafe_settings(start_process, words):
    """Not only `check` refuses: each process does, before it serves anybody."""
    refused = start_process(*words, env=ALONE | SAFE | UNSAFE["E005"])

    exit_code = refused.wait(20)

    assert exit_code != 0
    assert "smartinvoicing.E005" in refused.log()


def test_the_migration_step_alone_may_hold_the_owners_address(start_process, laid_database):
    """Of all complaints only the one is left that a test server without TLS deserves."""
    urls = {name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    step = start_process("migrate", "--noinput", env=ALONE | SAFE | urls)

    step.wait(60)

    assert set(re.findall(r"smartinvoicing\.(E\d+)", step.log())) == {"E008"}


def test_production_refuses_a_broker_that_need_not_prove_itself(check):
    """Kombu takes a bare rediss:// for leave to look at no certificate."""
    exit_code, words = check(**SAFE | {"REDIS_URL": "rediss://:x@127.0.0.1:9/0"})

    assert exit_code != 0
    assert "smartinvoicing.E009" in words


def test_a_role_above_the_policies_is_refused(check, role_urls, laid_database):
    exit_code, words = check(
        *("--database", "default"),
        ENVIRONMENT="test",
        **{name: SAFE[name] for name in ("SECRET_KEY", "FIELD_KEY", "REDIS_URL")},
        DATABASE_URL=role_urls.admin,
        DATABASE_OWNER_URL=role_urls.owner,
    )

    assert exit_code != 0
    assert "smartinvoicing.E012" in words


# --- lease arithmetic -------------------------------------------------------------------------

LADDER = {
    "FBR_CONNECT_TIMEOUT_S": 5,
    "FBR_TOTAL_TIMEOUT_S": 75,
    "CELERY_TASK_SOFT_TIME_LIMIT": 90,
    "CELERY_TASK_TIME_LIMIT": 120,
    "FBR_LEASE_S": 150,
}


def test_the_ladder_holds_as_it_is_delivered(load):
    delivered = load(**SAFE)

    assert {name: delivered[name] for name in LADDER} == LADDER
    assert delivered["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"] == 3600
    assert checks.lease_arithmetic() == []


@pytest.mark.parametrize(("low", "high"), list(pairwise(LADDER)))
def test_a_rung_that_is_not_below_the_next_is_refused(settings, low, high):
    setattr(settings, low, LADDER[high])

    assert [message.id for message in checks.lease_arithmetic()] == ["smartinvoicing.E001"]


def test_a_lease_that_outlasts_the_broker_is_refused(settings):
    settings.FBR_LEASE_S = 3600

    assert [message.id for message in checks.lease_arithmetic()] == ["smartinvoicing.E001"]


@pytest.mark.parametrize(("limit_s", "wrong"), [(299, []), (300, ["smartinvoicing.E027"])])
def test_a_task_that_outlives_its_claim_of_a_mail_is_refused(settings, limit_s, wrong):
    settings.CELERY_TASK_TIME_LIMIT = limit_s

    assert [message.id for message in checks.mail_is_claimed_long_enough()] == wrong
    assert timedelta(seconds=checks.MAIL_CLAIM_S) == mailing.CLAIM


# --- defaults ---------------------------------------------------------------------------------


def test_what_is_not_said_is_production(load):
    given = {name: value for name, value in SAFE.items() if name != "ENVIRONMENT"}

    found = load(**given)

    assert found["PRODUCTION"] is True
    assert found["FBR_DI_URL"] == found["FBR_OFFICIAL_DI_URL"] == "https://gw.fbr.gov.pk"
    assert found["FBR_POS_SANDBOX_URL"] == "https://esp.fbr.gov.pk:8244"
    assert found["FBR_POS_PRODUCTION_URL"] == "https://gw.fbr.gov.pk"
    assert found["DEBUG"] is False
    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
    assert found["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["EMAIL_USE_TLS"] is True


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_KEY", "DATABASE_URL", "REDIS_URL"])
def test_a_missing_secret_stops_the_boot(load, name):
    given = {key: value for key, value in SAFE.items() if key != name}

    with pytest.raises(ImproperlyConfigured, match=name):
        load(**given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("ENVIRONMENT", "Production"),
        ("FBR_VALIDATE_FIRST", "maybe"),
        ("FBR_CONCURRENCY", "many"),
        ("FBR_CONCURRENCY", "0"),
        ("FBR_READ_TIMEOUT_S", "-1"),
        ("FBR_LEASE_S", "1e3"),
        ("FIELD_KEY", "not base64!"),
        ("FIELD_KEY", base64.b64encode(b"short").decode()),
        ("PORT", "eighty"),
    ],
)
def test_a_wrong_word_stops_the_boot(load, name, value):
    with pytest.raises(ImproperlyConfigured, match=name):
        load(**SAFE | {name: value})


@pytest.mark.parametrize(
    ("value", "meant"), [("yes", True), ("ON", True), ("1", True), ("no", False), ("", False)]
)
def test_yes_and_no_are_read_in_several_spellings(load, value, meant):
    assert load(**SAFE | {"FBR_VALIDATE_FIRST": value})["FBR_VALIDATE_FIRST"] is meant


def test_the_proxy_is_believed_only_where_there_is_one(load):
    assert load(**SAFE | {"TRUSTED_PROXIES": "0"})["SECURE_PROXY_SSL_HEADER"] is None
    assert load(**SAFE)["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


# --- secrets from files -----------------------------------------------------------------------


def test_a_secret_may_stand_in_a_file(load, tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file, with a line break at its end\n")
    given = {name: value for name, value in SAFE.items() if name != "SECRET_KEY"}

    found = load(**given, SECRET_KEY_FILE=str(file))

    assert found["SECRET_KEY"] == "from a file, with a line break at its end"


def test_the_field_key_may_stand_in_a_file(load, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    given = {name: value for name, value in SAFE.items() if name != "FIELD_KEY"}

    assert load(**given, FIELD_KEY_FILE=str(file))["FIELD_KEYS"] == [bytes(range(32))]


def test_a_file_that_is_not_there_stops_the_boot(load, tmp_path):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL_FILE"):
        load(**SAFE, REDIS_URL_FILE=str(tmp_path / "nothing"))


# --- .local/env -------------------------------------------------------------------------------


@pytest.fixture
def local_env(monkeypatch, tmp_path):
    """A file as `make run` leaves it."""
    file = tmp_path / "env"
    file.write_text("# Written by `make run`\nSMTP_HOST=from.the.file\nMAIL_FROM=a=b\n")
    monkeypatch.setattr(env, "LOCAL_FILE", file)
    return file


def test_development_takes_from_the_file_what_is_not_set(load, local_env):
    given = {name: value for name, value in SAFE.items() if name != "SMTP_HOST"}

    found = load(**given | {"ENVIRONMENT": "development"})

    assert (found["EMAIL_HOST"], found["DEFAULT_FROM_EMAIL"]) == ("from.the.file", "a=b")


def test_what_is_set_wins_over_the_file(load, local_env):
    assert load(**SAFE | {"ENVIRONMENT": "development"})["EMAIL_HOST"] == "smtp.example.com"


@pytest.mark.parametrize("environment", ["production", "test"])
def test_nobody_else_reads_the_file(load, local_env, environment):
    given = {name: value for name, value in SAFE.items() if name != "SMTP_HOST"}

    assert load(**given | {"ENVIRONMENT": environment})["EMAIL_HOST"] == ""


# --- addresses of the database ----------------------------------------------------------------

BOSS = "postgresql://boss:secret@127.0.0.1:9/shop"


def test_outside_production_a_lone_address_is_the_owners(load):
    found = load(**SAFE | {"ENVIRONMENT": "development", "DATABASE_URL": BOSS})

    database = found["DATABASES"]["default"]
    assert (database["USER"], database["NAME"], database["PORT"]) == ("app", "shop", 9)
    assert database["PASSWORD"] == roles.password_of(roles.derive(BOSS).app) != "secret"
    assert found["DATABASE_OWNER_URL"] == roles.derive(BOSS).owner


def test_outside_production_two_addresses_are_taken_as_they_are(load):
    given = {"DATABASE_URL": "postgresql://app:a@h/shop", "DATABASE_OWNER_URL": BOSS}
    given["DATABASE_OWNER_URL"] = "postgresql://owner:o@h/shop"

    found = load(**SAFE | {"ENVIRONMENT": "test"} | given)

    assert found["DATABASES"]["default"]["PASSWORD"] == "a"
    assert found["DATABASE_OWNER_URL"] == "postgresql://owner:o@h/shop"


def test_in_production_nothing_is_derived(load):
    found = load(**SAFE | {"DATABASE_URL": BOSS})

    assert found["DATABASES"]["default"]["USER"] == "boss"
    assert found["DATABASE_OWNER_URL"] == ""


def test_what_stands_behind_the_question_mark_reaches_the_driver(load):
    address = "postgresql://app:p%40ss@db:6543/shop?sslmode=verify-full&sslrootcert=/tls/ca.crt"

    database = load(**SAFE | {"DATABASE_URL": address})["DATABASES"]["default"]

    assert (database["PASSWORD"], database["HOST"], database["PORT"]) == ("p@ss", "db", 6543)
    assert database["OPTIONS"] == {"sslmode": "verify-full", "sslrootcert": "/tls/ca.crt"}
