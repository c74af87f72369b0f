"""Whose installation this is: a copy, a restored one and one that failed over say nothing."""

import smtplib

import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection

from fbr import gateway, lookups
from smartinvoicing import arming, clock
from smartinvoicing.errors import StateConflict
from smartinvoicing.http import NotArmed, open_line
from smartinvoicing.models import Happening, Installation, InstallationEvent
from smartinvoicing.pg.owner import as_owner
from tests.egress import Egress
from tests.ownserver import OwnServer

pytestmark = pytest.mark.django_db(transaction=True)

ELSEWHERE = {
    "another secret": "instance_sha256 = repeat('0', 64)",
    "another timeline": "timeline = '0000000F'",
    "another server": "place = regexp_replace(place, '^[^/]*', '1')",
    "another database": "place = regexp_replace(place, '/[^/]*/', '/1/')",
    "a table read back": "place = regexp_replace(place, '[^/]*$', '1')",
    "disarmed": "armed_at = NULL",
}


@pytest.fixture(autouse=True)
def _ask_anew(_armed):
    """These tests ask the database itself."""
    arming.forget()


@pytest.fixture
def egress(settings):
    """The only host outside: FBR's, and the mail server."""
    with Egress() as listening:
        settings.FBR_DI_URL = listening.url
        settings.EMAIL_BACKEND = "smartinvoicing.mail.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", listening.port
        settings.EMAIL_USE_TLS = False
        yield listening


def stand(laid_database, where):
    with laid_database.cursor() as cursor:
        cursor.execute(f"UPDATE smartinvoicing_installation SET {where}")
    arming.forget()


def write_mail():
    EmailMessage("Subject", "Body", "from@example.com", ["to@example.com"]).send()


def speak(egress):
    """All that may leave: a document, a question about lists, a mail."""
    posted = gateway.post(egress.url, "/x", b"{}", token="t", within_s=2)
    asked = lookups.get("/x", {}, token="t", within_s=2)
    try:
        write_mail()
        mailed = True
    except (NotArmed, smtplib.SMTPException):
        mailed = False
    return posted, asked, mailed


def test_a_database_that_was_migrated_here_is_armed():
    assert arming.is_armed()


@pytest.mark.parametrize("where", ELSEWHERE)
def test_elsewhere_nothing_leaves(laid_database, egress, where):
    stand(laid_database, ELSEWHERE[where])

    posted, asked, mailed = speak(egress)

    assert not arming.is_armed()
    assert (posted.sent, posted.failure) == (False, "NotArmed")
    assert (asked.sent, asked.failure) == (False, "NotArmed")
    assert mailed is False
    assert egress.count == 0


def test_twin_where_it_is_armed_all_three_leave(egress):
    speak(egress)

    assert egress.count == 3


def test_under_another_secret_it_is_a_copy(settings, egress):
    settings.INSTANCE_ID = "the secret of a staging system"
    arming.forget()

    speak(egress)

    assert egress.count == 0


def test_a_mail_that_may_not_leave_is_an_error_for_whoever_keeps_it(laid_database, egress):
    stand(laid_database, ELSEWHERE["disarmed"])

    with pytest.raises(NotArmed, match="not armed"):
        write_mail()


def test_no_answer_is_a_no(monkeypatch):
    """With the database away nothing leaves, and the next look asks again."""
    monkeypatch.setattr(connection, "connect", _away)
    connection.close()

    assert not arming.is_armed()

    monkeypatch.undo()
    arming.forget()
    assert arming.is_armed()


def _away():
    from django.db import OperationalError  # noqa: PLC0415 -- as Django raises it

    raise OperationalError("away")


def test_an_answer_counts_for_two_seconds(laid_database, monkeypatch):
    assert arming.is_armed()
    with laid_database.cursor() as cursor:
        cursor.execute("UPDATE smartinvoicing_installation SET armed_at = NULL")

    assert arming.is_armed()  # known

    monkeypatch.setattr(arming._known, "until", 0.0)
    assert not arming.is_armed()


def test_who_serves_may_not_arm():
    with connection.cursor() as cursor:
        for deed in (
            "UPDATE smartinvoicing_installation SET armed_at = now()",
            "DELETE FROM smartinvoicing_installation",
            "INSERT INTO smartinvoicing_installationevent DEFAULT VALUES",
            "DELETE FROM smartinvoicing_installationevent",
        ):
            with pytest.raises(Exception, match="permission denied"):
                cursor.execute(deed)


def test_the_history_is_only_added_to(laid_database):
    with as_owner():
        arming.disarm(by="Somebody", why="a test", at=clock.now())
        with connection.cursor() as cursor, pytest.raises(Exception, match="append-only"):
            cursor.execute("UPDATE smartinvoicing_installationevent SET why = ''")


# --- arming -----------------------------------------------------------------------------------


def arm(**changes):
    call_command("arm", **{"by": "Somebody", "why": "checked", "yes": True, **changes})


def test_a_person_disarms_and_arms_and_it_is_written_down(egress):
    call_command("disarm", by="Somebody", why="maintenance")
    assert not arming.is_armed()
    with pytest.raises(NotArmed):
        open_line(egress.url, timeout_s=1)

    arm()

    assert arming.is_armed()
    told = InstallationEvent.objects.order_by("id").values_list("kind", "by", "why")
    assert list(told) == [
        (Happening.DISARMED, "Somebody", "maintenance"),
        (Happening.ARMED, "Somebody", "checked"),
    ]
    assert Installation.objects.get().armed_by == "Somebody"


@pytest.mark.parametrize("where", ["another timeline", "another server", "a table read back"])
def test_a_restored_database_is_not_armed_before_its_quarantine(laid_database, where):
    stand(laid_database, ELSEWHERE[where])

    with pytest.raises(CommandError, match="quarantine"):
        arm()
    assert not arming.is_armed()

    call_command("quarantine", by="Somebody")
    with pytest.raises(CommandError, match="replay_erasures"):
        arm()
    call_command("replay_erasures", by="Somebody", nobody_was_erased=True)
    arm()
    assert arming.is_armed()


def test_a_quarantine_at_another_place_does_not_count_here(laid_database):
    stand(laid_database, ELSEWHERE["another timeline"])
    with as_owner():
        event = arming.note(Happening.QUARANTINED, by="Somebody", at=clock.now())
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE smartinvoicing_installationevent DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE smartinvoicing_installationevent SET timeline = 'x' WHERE id = %s", [event.pk]
        )
        cursor.execute("ALTER TABLE smartinvoicing_installationevent ENABLE TRIGGER USER")

    with as_owner(), pytest.raises(StateConflict):
        arming.arm(by="Somebody", why="", at=clock.now())


def test_nothing_is_quarantined_where_nothing_was_lost():
    with pytest.raises(CommandError, match="nothing was lost"):
        call_command("quarantine", by="Somebody")


def test_a_statement_that_is_not_true_arms_nothing(laid_database, monkeypatch):
    stand(laid_database, ELSEWHERE["disarmed"])
    monkeypatch.setattr("builtins.input", lambda question: "no")

    with pytest.raises(CommandError, match="has to be true"):
        arm(yes=False)

    assert not arming.is_armed()


def test_only_who_holds_the_owners_address_arms(settings):
    settings.DATABASE_OWNER_URL = ""

    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        arm()


# --- the timeline -----------------------------------------------------------------------------


def test_a_server_that_was_killed_and_starts_again_stays_where_it_is(own_server):
    """A power cut is no restore: the timeline goes on, and with it whatever was to be sent."""
    before = own_server.here()

    own_server.kill()
    own_server.start_again()

    assert own_server.here() == before
    assert own_server.is_armed()


def test_a_dump_that_is_read_back_stands_elsewhere(own_server):
    own_server.read_back("beside")

    assert own_server.here("beside") != own_server.here()
    assert own_server.is_armed()
    assert not own_server.is_armed("beside")


def test_a_copy_that_the_server_itself_makes_stands_elsewhere(own_server):
    own_server.copy_of("copied")

    assert not own_server.is_armed("copied")


@pytest.fixture(scope="module")
def own_server(laid_database, django_db_blocker):
    """A server of its own with a copy of the tests' database, armed."""
    server = OwnServer(laid_database)
    yield server
    server.stop()
