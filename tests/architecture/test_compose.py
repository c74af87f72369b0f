"""The image and its compose file say what is true: each command starts here, on test servers."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg2
import pytest
import yaml
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.models import Heartbeat
from deploy import certificates, healthy
from smartinvoicing import devserver, processes, run_all
from smartinvoicing.celery import app
from smartinvoicing.pg import roles
from tests.architecture import source
from tests.architecture.test_env_example import SETTINGS

COMPOSE = yaml.safe_load((source.ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (source.ROOT / "Dockerfile").read_text()

# The name of a process in `make run`, and of its service.
PROCESSES = {
    "web": "web",
    "reporting": "worker-reporting",
    "documents": "worker-documents",
    "errands": "worker-errands",
    "purge": "worker-purge",
    "beat": "beat",
    "dispatcher": "dispatcher",
    "watchdog": "watchdog",
    "fake-fbr": "fake-fbr",
}
STEPS = {"certificates", "migrate"}
FOREIGN = {"postgres", "redis", "proxy"}
KEEPERS = {"backup"}  # not in `make run`: nobody wants his trials kept
READY_S = 240


# --- shape ------------------------------------------------------------------------------------


def test_the_services_are_those_of_the_house():
    assert SERVICES.keys() == {*PROCESSES.values(), *STEPS, *FOREIGN, *KEEPERS}


def test_only_the_fake_is_not_for_production():
    assert {name: s["profiles"] for name, s in SERVICES.items() if "profiles" in s} == {
        "fake-fbr": ["development"]
    }


def test_only_the_proxy_can_be_reached_from_outside():
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy"}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_what_draws_customers_texts_has_no_way_out():
    assert SERVICES["worker-documents"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_confined_and_watched(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("no" if name in STEPS else "unless-stopped")
    assert ("disable" in service["healthcheck"]) == (name in STEPS)


def test_the_processes_wait_for_the_migration():
    ready = {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
    }
    waiting = [name for name in PROCESSES.values() if name != "fake-fbr"]

    assert [name for name in waiting if SERVICES[name]["depends_on"] != ready] == []
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["web", "worker-documents", "worker-purge", "migrate"])
def test_whoever_erases_reaches_the_ledger_and_the_files(name):
    """The desk and a business; what goes on later; closings; and `replay_erasures`."""
    assert {"media:/data/media", "erasures:/data/erasures"} <= set(SERVICES[name]["volumes"])


def test_the_ledger_is_in_no_backup():
    assert not [volume for volume in SERVICES["backup"]["volumes"] if "erasures" in volume]


def test_the_broker_keeps_what_it_was_told():
    words = list(pairwise(SERVICES["redis"]["command"]))

    assert ("--maxmemory-policy", "noeviction") in words
    assert ("--appendonly", "yes") in words


def test_volumes_and_networks_are_declared():
    named = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    files = [
        source.ROOT / volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]

    assert named == COMPOSE["volumes"].keys()
    assert [str(path) for path in files if not path.is_file()] == []


# --- words ------------------------------------------------------------------------------------

FREE = {  # options whose value is a matter of size or place
    *("--bind", "--workers", "--threads", "--graceful-timeout", "-c", "-s", "-l", "--port"),
    "--host",
}


def meaning(words):
    """A command without its interpreter and without the values that may differ."""
    words = words[1:] if words[0] == "python" else words
    kept, skip = [], False
    for word in words:
        if not skip and word != "--host":
            kept.append(word)
        skip = word in FREE
    return kept


class Recorder:
    """Stands where the supervisor does, and starts nothing."""

    env = {"FAKE_FBR_URL": "http://127.0.0.1:9", "PORT": "9", "REDIS_URL": "redis://127.0.0.1:9"}

    def __init__(self):
        self.commands = {}

    def start(self, name, *words, **options):
        self.commands[name] = list(words)

    def wait_for(self, probes, timeout_s):
        pass


def test_make_run_starts_the_same_processes(monkeypatch):
    """Compared are the words; what is done before (migrate, seed) is left out."""
    monkeypatch.setattr(run_all, "prepare", lambda supervisor: None)
    recorder = Recorder()
    run_all.start(recorder)

    here = {PROCESSES[name]: meaning(words) for name, words in recorder.commands.items()}

    assert here == {name: meaning(SERVICES[name]["command"]) for name in PROCESSES.values()}


def test_reporting_has_threads_enough_to_sweep_while_it_drains():
    """The pump takes one of them and carries with threads of its own."""
    words = SERVICES["worker-reporting"]["command"]

    assert int(words[words.index("-c") + 1]) >= 2


def test_every_queue_has_a_worker():
    queues = {
        queue
        for service in SERVICES.values()
        if "-Q" in service.get("command", [])
        for queue in service["command"][service["command"].index("-Q") + 1].split(",")
    }

    assert {"reporting", "errands", "purge", django_settings.CELERY_TASK_DEFAULT_QUEUE} <= queues


@pytest.mark.parametrize("task", ["accounts.deliver_mail", "privacy.read_mailbox"])
def test_mail_has_a_way_out_and_in(task):
    queue = app.conf.task_routes[task]["queue"]

    assert "world" in SERVICES[f"worker-{queue}"]["networks"]


def test_a_stop_waits_for_a_send_that_has_begun():
    for name in (
        "worker-reporting",
        "worker-documents",
        "worker-errands",
        "worker-purge",
        "dispatcher",
    ):
        grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s > SETTINGS["TASK_SOFT_LIMIT_S"].default


# --- the environment --------------------------------------------------------------------------

GIVEN = {
    "SECRET_KEY": "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "INSTANCE_ID": "the one and only installation",
    "BACKUP_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "FIELD_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "AUDIT_SIGNING_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "PUBLIC_URL": "https://invoices.example.com",
    "ALLOWED_HOSTS": "invoices.example.com",
    "SMTP_HOST": "smtp.example.com",
    "OPERATOR_EMAILS": "operators@example.com",
    "NTP_HOST": "pool.ntp.org",
    "POSTGRES_PASSWORD": "postgressecret",
    "OWNER_PASSWORD": "ownersecret",
    "APP_PASSWORD": "appsecret",
    "PURGE_PASSWORD": "purgesecret",
    "REDIS_PASSWORD": "redissecret",
}


def filled(value, given):
    """What compose makes of `${NAME}`, `${NAME:?}` and `${NAME:-default}`."""

    def fill(match):
        name, default = match.group(1), match.group(2)
        if name not in given and default is None:
            raise KeyError(f"{name} must be set")
        return given.get(name) or default or ""

    return re.sub(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?)?\}", fill, value)


def environment_of(name, given=GIVEN):
    """The variables of one service; a name without a value comes from `.env` or is not set."""
    words = SERVICES[name]["environment"].items()
    return {
        key: given.get(key) if value is None else filled(value, given)
        for key, value in words
        if value is not None or key in given
    }


def test_each_process_knows_every_setting_that_is_not_the_images():
    of_the_backup = SERVICES["backup"]["environment"].keys() - SERVICES["web"]["environment"].keys()
    of_the_image = {"PORT", "MEDIA_ROOT", "STATIC_ROOT", *of_the_backup}
    known = {name: SERVICES[name]["environment"].keys() for name in PROCESSES.values()}

    assert {n: SETTINGS.keys() - k - of_the_image for n, k in known.items()} == dict.fromkeys(
        known, frozenset({"DATABASE_OWNER_URL"})
    )
    assert [n for n, k in known.items() if k - SETTINGS.keys()] == []


def test_the_owners_address_is_known_to_the_migration_alone():
    assert {n for n, s in SERVICES.items() if "DATABASE_OWNER_URL" in s["environment"]} == {
        "migrate"
    }
    assert {n for n, s in SERVICES.items() if "BACKUP_DATABASE_URL" in s["environment"]} == KEEPERS
    assert roles.user_of(environment_of("migrate")["DATABASE_OWNER_URL"]) == "owner"
    assert roles.user_of(environment_of("web")["DATABASE_URL"]) == "app"
    knowing = [n for n in PROCESSES.values() if "purgesecret" in str(environment_of(n))]
    assert knowing == ["worker-purge"]
    assert "ownersecret" not in str([environment_of(name) for name in PROCESSES.values()])


def test_production_starts_with_what_compose_gives(start_process):
    env = {"DJANGO_SETTINGS_MODULE": "smartinvoicing.settings", "DATABASE_OWNER_URL": ""}
    # Else the tests' own would stand there.
    env["FBR_DI_URL"] = env["FBR_POS_PRODUCTION_URL"] = "https://gw.fbr.gov.pk"
    env["FBR_POS_SANDBOX_URL"] = "https://esp.fbr.gov.pk:8244"

    check = start_process("check", env=env | environment_of("web"))

    assert (check.wait(60), environment_of("web")["ENVIRONMENT"]) == (0, "production"), check.log()


@pytest.mark.parametrize("name", sorted(GIVEN.keys() - {"SMTP_HOST"}))
def test_what_is_missing_stops_compose(name):
    given = {key: value for key, value in GIVEN.items() if key != name}

    with pytest.raises(KeyError, match=name):
        [environment_of(service, given) for service in SERVICES]


# --- every command, here ----------------------------------------------------------------------


class Started:
    """One service's own command, by our interpreter, on the servers of the tests."""

    def __init__(self, name, folder, words, **env):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words,
                cwd=source.ROOT,
                env=os.environ | {"DJANGO_SETTINGS_MODULE": "smartinvoicing.settings"} | env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self):
        return f"{self.name}:\n{self.log.read_text()}"

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def words_of(name, replaced):
    """The command of a service with our interpreter, and places that are ours."""
    words = SERVICES[name]["command"]
    return [sys.executable if word == "python" else replaced.get(word, word) for word in words]


def is_well(words):
    """What the service's own health check says here."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=source.ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "smartinvoicing.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def checks(ports):
    """The health checks of those processes that can answer at once."""
    for name in PROCESSES.values():
        what, *words = SERVICES[name]["healthcheck"]["test"]
        assert (what, words.pop(0)) == ("CMD", "python")
        if name == "web":
            words = [*words, ports["0.0.0.0:8000"].rpartition(":")[2], "/healthz"]
        if "heartbeat" not in words or name in {"dispatcher", "watchdog"}:
            yield name, [ports.get(word, word) for word in words]


@pytest.mark.workers
@pytest.mark.django_db(transaction=True)
def test_each_command_starts_answers_and_ends(tmp_path):
    """All at once, as compose would: each becomes well, and SIGTERM ends it by itself."""
    ports = {
        "0.0.0.0:8000": f"127.0.0.1:{processes.free_port()}",
        "0.0.0.0": "127.0.0.1",
        "9000": str(processes.free_port()),
        "/tmp/beat-schedule": str(tmp_path / "beat-schedule"),
    }
    started = {
        name: Started(name, tmp_path, words_of(name, ports), FBR_TICK_S="1")
        for name in PROCESSES.values()
    }
    try:
        wait_until_well(started, ports)
        for one in started.values():
            assert one.process.poll() is None, one.said()
            one.process.send_signal(signal.SIGTERM)
        codes = {name: one.process.wait(120) for name, one in started.items()}
    finally:
        for one in started.values():
            one.kill()

    assert codes == dict.fromkeys(started, 0), "\n".join(one.said() for one in started.values())


def wait_until_well(started, ports):
    """Every health check, side by side, again and again; of beat, that it keeps its book."""
    book = Path(ports["/tmp/beat-schedule"])
    silent = dict(checks(ports))
    until = time.monotonic() + READY_S
    while silent or not list(book.parent.glob(f"{book.name}*")):
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(is_well, silent.values()))
        well = [name for name, answer in zip(silent, answers, strict=True) if answer]
        silent = {name: words for name, words in silent.items() if name not in well}
        said = "\n".join(started[name].said() for name in silent)
        assert time.monotonic() < until, said


@pytest.fixture(scope="module")
def new_server():
    """A PostgreSQL of its own, as empty as the container's on its first day."""
    postgres = devserver.Postgres(devserver.throw_away_folder() / "postgres", throw_away=True)
    postgres.start(output=subprocess.DEVNULL)
    postgres.wait()
    with roles.session(postgres.url()) as cursor:
        cursor.execute("CREATE DATABASE smartinvoicing")
    yield postgres
    postgres.stop()


def address(server, user, password):
    return roles.with_user(server.url("smartinvoicing"), user, password)


def psql(server, file):
    """Run a file as the image does: psql, as the superuser, stopping at the first error."""
    program = devserver.postgres_binaries() / "psql"
    psql = str(program) if program.exists() else shutil.which("psql")
    assert psql, "no psql beside PostgreSQL's other programs"
    return subprocess.run(
        [psql, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f", file, server.url("smartinvoicing")],
        env=os.environ | environment_of("postgres"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.workers
def test_the_first_day_of_a_database(new_server):
    """roles.sql by the server, `migrate` as owner, and then app can serve and no more."""
    mount = next(v for v in SERVICES["postgres"]["volumes"] if v.endswith("roles.sql:ro"))
    made = psql(new_server, source.ROOT / mount.partition(":")[0])
    assert made.returncode == 0, made.stderr
    app = address(new_server, "app", GIVEN["APP_PASSWORD"])
    owner = address(new_server, "owner", GIVEN["OWNER_PASSWORD"])

    step = subprocess.run(
        words_of("migrate", {}),
        cwd=source.ROOT,
        env=os.environ
        | {"DATABASE_URL": app, "DATABASE_OWNER_URL": owner}
        | {"DJANGO_SETTINGS_MODULE": "smartinvoicing.settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert step.returncode == 0, step.stdout + step.stderr
    with contextlib.closing(psycopg2.connect(app)) as line:
        assert roles.role_facts(line) == roles.RoleFacts(
            name="app", is_superuser=False, is_above_policies=False, owns_tables=False
        )
        cursor = line.cursor()
        cursor.execute("INSERT INTO accounts_heartbeat VALUES ('first', now()) RETURNING name")
        assert cursor.fetchone() == ("first",)
        cursor.execute("SELECT count(*) FROM invoices_unit")
        assert cursor.fetchone()[0] > 10
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE TABLE mine ()")


def test_the_first_roles_are_those_of_the_code():
    file = (source.ROOT / "deploy" / "postgres" / "roles.sql").read_text()
    made = dict(re.findall(r"CREATE ROLE (\w+) ((?:[A-Z]+ ?)+?)(?:\s+PASSWORD|;)", file))

    assert made == dict.fromkeys(roles.ROLES, roles.ATTRIBUTES)


# --- helpers of the containers ----------------------------------------------------------------


def test_the_certificates_prove_the_servers(tmp_path):
    at = datetime.now(UTC)
    certificates.main(tmp_path, "secret", at)

    for server in certificates.SERVERS:
        folder = tmp_path / server
        assert handshake(tmp_path / "ca" / "ca.crt", folder, server) == "TLSv1.3"
        assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(tmp_path / "ca" / "ca.crt", folder, "another.host")
    assert (tmp_path / "redis" / "password.conf").read_text() == 'requirepass "secret"\n'


def handshake(authority, folder, host):
    """The protocol that client and server agree on, in memory."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "server.crt", folder / "server.key")
    asking = ssl.create_default_context(cafile=authority)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(back, there, server_hostname=host)
    server = serving.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.version()


def test_certificates_are_made_again_before_they_end(tmp_path):
    at = datetime.now(UTC)
    certificates.main(tmp_path, "secret", at)
    first = (tmp_path / "ca" / "ca.crt").read_bytes()

    certificates.main(tmp_path, "secret", at + timedelta(days=30))
    assert (tmp_path / "ca" / "ca.crt").read_bytes() == first

    certificates.main(tmp_path, "secret", at + certificates.LIFE - timedelta(days=30))
    assert (tmp_path / "ca" / "ca.crt").read_bytes() != first


@pytest.mark.django_db
def test_a_process_that_is_silent_is_unwell():
    with pytest.raises(healthy.Unwell, match="never"):
        healthy.heartbeat("dispatcher")

    row = Heartbeat.objects.create(name="dispatcher", at=timezone.now())
    healthy.heartbeat("dispatcher")

    row.at -= timedelta(seconds=healthy.SILENT_S + 5)
    row.save()
    with pytest.raises(healthy.Unwell, match="silent"):
        healthy.heartbeat("dispatcher")


def test_a_page_that_nobody_serves_is_unwell():
    with pytest.raises(healthy.Unwell, match="no answer"):
        healthy.web("9")


# --- the image --------------------------------------------------------------------------------


def instructions():
    """The lines of the Dockerfile, continued ones joined, comments out."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def the_only(word):
    found = [rest for name, rest in instructions() if name == word]
    assert len(found) == 1
    return found[0]


def test_the_image_runs_as_nobody_special():
    words = [name for name, _ in instructions()]

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", the_only("USER"))
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")


def test_the_image_is_the_one_that_was_tested():
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    install = next(rest for name, rest in instructions() if "--require-hashes" in rest)

    assert set(bases) == {"python:3.11-slim-bookworm"}
    assert the_only("ARG") == "LOCK=runtime"
    assert "chosen.lock" in install
    assert not re.search(r"\b(curl|wget|ADD)\b|://(?!app:none@|127)", DOCKERFILE)


def test_the_image_has_what_the_pdfs_need():
    installed = next(rest for _, rest in instructions() if "apt-get install" in rest)
    wanted = {"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-noto-core"}

    assert wanted <= set(installed.split())


def test_the_image_holds_every_app_and_no_test():
    let_in = {
        line[1:].split("/")[0]
        for line in (source.ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    apps = {name for name in django_settings.INSTALLED_APPS if (source.ROOT / name).is_dir()}

    assert apps | {"templates", "static", "manage.py"} <= let_in
    assert not {"tests", ".local", ".env", ".git", "bench"} & let_in


def test_the_image_starts_the_web_unless_told_otherwise():
    assert json.loads(the_only("CMD")) == SERVICES["web"]["command"]
    assert (
        json.loads(the_only("HEALTHCHECK").partition("CMD ")[2])
        == (SERVICES["web"]["healthcheck"]["test"][1:])
    )


def test_no_service_needs_a_shell():
    spoken = [s["command"] for s in SERVICES.values() if "command" in s]
    asked = [s["healthcheck"]["test"] for s in SERVICES.values() if "test" in s["healthcheck"]]

    assert [words for words in spoken if not isinstance(words, list)] == []
    assert [words for words in asked if words[0] != "CMD"] == []


def test_the_static_files_are_collected_by_made_up_secrets(tmp_path):
    """The line of the Dockerfile itself; a dry run, since packing them all takes long."""
    line = next(rest for _, rest in instructions() if "collectstatic" in rest)
    words = shlex.split(line)
    env = dict(word.split("=", 1) for word in words[: words.index("python")])

    done = subprocess.run(
        [sys.executable, *words[words.index("python") + 1 :], "--dry-run"],
        cwd=source.ROOT,
        env={"PATH": os.environ["PATH"], "STATIC_ROOT": str(tmp_path)} | env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "css/app.css" in done.stdout
