"""Where the mailbox lies: what was taken in is deleted there, what is left is marked, and a
mailbox that nobody reads is somebody's task."""

import os
from datetime import timedelta
from mailbox import Maildir
from pathlib import Path

import pytest

from accounts.models import Heartbeat
from privacy.models import DeskTask, SubjectRequest
from privacy.promise_checks import rights
from privacy.services import letterbox, mailbox
from privacy.verdicts import Broken, Kept
from tests.conftest import NOON
from tests.privacy.imap_box import Box
from tests.privacy.test_rights_mailbox import TORN, letter

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=31)


@pytest.fixture(autouse=True)
def ours(settings):
    settings.PRIVACY_EMAIL = "privacy@sample.example"


@pytest.fixture
def folder(settings, tmp_path):
    settings.PRIVACY_MAILDIR = str(tmp_path / "box")
    return Maildir(settings.PRIVACY_MAILDIR)


@pytest.fixture
def account(settings, tmp_path, monkeypatch):
    with Box(tmp_path / "tls") as box:
        monkeypatch.setenv("SSL_CERT_FILE", str(box.authority))
        settings.PRIVACY_MAILDIR = ""
        settings.PRIVACY_IMAP_URL = box.url
        yield box


def mail(number, **headers):
    return letter(Message_ID=f"<{number}@example.com>", **headers)


def machine(number):
    return mail(number, Auto_Submitted="auto-replied")


def names(folder):
    return sorted(path.name for path in Path(folder._path).glob("*/*"))


def open_tasks(kind):
    return DeskTask.objects.filter(kind=kind, done_at=None).count()


# --- a folder ---------------------------------------------------------------------------------


def test_what_was_taken_in_lies_there_no_more(folder):
    folder.add(mail(1))

    assert mailbox.read(at=NOON) == 1
    assert names(folder) == []


def test_a_thousand_old_ones_do_not_hide_a_new_one(folder, monkeypatch):
    """Set aside earlier, they are neither read again nor counted."""
    monkeypatch.setattr(letterbox, "MOST", 2)
    for number in range(5):
        folder.add(machine(number))
    for _run in range(3):
        mailbox.read(at=NOON)
    folder.add(mail("new"))

    assert mailbox.read(at=NOON) == 1
    assert mailbox.is_fresh(at=NOON)


def test_what_somebody_opened_before_is_taken_in_all_the_same(folder):
    opened = folder.get_message(folder.add(mail(1)))
    opened.set_subdir("cur")
    opened.add_flag("S")
    folder.clear()
    folder.add(opened)

    assert mailbox.read(at=NOON) == 1
    assert names(folder) == []


def test_what_answers_by_itself_lies_there_for_thirty_days(folder):
    path = Path(folder._path) / "new" / folder.add(machine(1))
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))

    mailbox.read(at=NOON)
    mailbox.read(at=NOON + letterbox.ASIDE)
    assert names(folder) == [f"{path.name}:2,RS"]

    mailbox.read(at=NOON + letterbox.ASIDE + MINUTE)
    assert names(folder) == []
    assert SubjectRequest.objects.count() == 0


def test_what_no_program_can_read_stays_until_a_person_deletes_it(folder):
    path = Path(folder._path) / "new" / folder.add(TORN)
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))

    mailbox.read(at=NOON)
    mailbox.read(at=NOON + 2 * MONTH)
    assert names(folder) == [f"{path.name}:2,FS"]
    assert open_tasks("mail_unread") == 1

    folder.clear()
    mailbox.read(at=NOON + 2 * MONTH)
    assert open_tasks("mail_unread") == 0


def test_a_star_that_a_person_gave_keeps_no_mail_from_being_read(folder):
    starred = folder.get_message(folder.add(mail(1)))
    starred.set_subdir("cur")
    starred.add_flag("F")
    folder.clear()
    folder.add(starred)

    assert mailbox.read(at=NOON) == 1


def test_a_file_that_does_not_open_keeps_none_of_the_others(folder, caplog):
    (Path(folder._path) / "new" / "0.shut").mkdir()
    folder.add(mail(1))

    assert mailbox.read(at=NOON) == 1

    assert names(folder) == ["0.shut"]
    assert "mailbox.shut" in caplog.messages
    assert not mailbox.is_fresh(at=NOON)


def test_more_than_one_run_takes_is_not_read_to_its_end(folder, monkeypatch):
    monkeypatch.setattr(letterbox, "MOST", 2)
    for number in range(3):
        folder.add(mail(number))

    assert mailbox.read(at=NOON) == 2
    assert not mailbox.is_fresh(at=NOON)
    assert mailbox.read(at=NOON) == 1
    assert mailbox.is_fresh(at=NOON)


def test_a_heap_that_no_program_can_read_keeps_its_tasks_and_no_mail_back(folder, monkeypatch):
    folder.add(TORN)
    folder.add(TORN + b"another\n")
    mailbox.read(at=NOON)
    monkeypatch.setattr(letterbox, "MOST", 1)
    folder.add(mail(1))

    assert mailbox.read(at=NOON + 2 * HOUR) == 1

    assert open_tasks("mail_unread") == 2
    assert not mailbox.is_fresh(at=NOON + 2 * HOUR)


# --- an account -------------------------------------------------------------------------------


def test_an_account_is_emptied_of_what_was_taken_in(account):
    account.add(mail(1).as_bytes())
    account.add(mail(2).as_bytes(), "\\Seen")

    assert mailbox.read(at=NOON) == 2

    assert account.mails == {}
    assert mailbox.is_fresh(at=NOON)


def test_by_its_unique_id_each_is_the_one_that_was_meant(account):
    """Between a torn one and a machine's, and with another's deletion at work."""
    torn = account.add(TORN)
    account.add(b"Subject: gone\n\n", "\\Deleted")
    aside = account.add(machine(1).as_bytes(), came=NOON)
    account.add(mail(2).as_bytes())

    assert mailbox.read(at=NOON) == 1

    assert {uid: each.flags for uid, each in account.mails.items()} == {
        torn: {"\\Seen", "\\Flagged"},
        aside: {"\\Seen", "\\Answered"},
    }
    assert mailbox.read(at=NOON + MONTH + timedelta(days=1)) == 0
    assert list(account.mails) == [torn]


def test_deleted_before_a_crash_and_not_expunged_it_goes_with_the_next_run(account):
    account.add(mail(1).as_bytes(), "\\Deleted", "\\Seen")

    assert mailbox.read(at=NOON) == 0
    assert account.mails == {}


def test_taken_in_before_a_crash_and_not_deleted_it_goes_with_the_next_run(account):
    mailbox.take_in(mail(1).as_bytes(), at=NOON)
    account.add(mail(1).as_bytes())

    assert mailbox.read(at=NOON) == 0
    assert account.mails == {}
    assert SubjectRequest.objects.count() == 1


def test_a_server_that_keeps_what_was_deleted_is_told_of(account):
    account.keeps = True
    account.add(mail(1).as_bytes())

    assert mailbox.read(at=NOON) == 1

    assert SubjectRequest.objects.count() == 1
    assert not mailbox.is_fresh(at=NOON)
    assert open_tasks("mailbox_silent") == 1


def test_a_mail_that_the_server_does_not_hand_out_stays_and_keeps_none_back(account):
    shut = account.add(mail(1).as_bytes())
    account.shut.add(shut)
    account.add(mail(2).as_bytes())

    assert mailbox.read(at=NOON) == 1

    assert {uid: each.flags for uid, each in account.mails.items()} == {shut: set()}
    assert not mailbox.is_fresh(at=NOON)


# --- does anybody read it? --------------------------------------------------------------------


def test_a_changed_password_is_a_task_after_an_hour_and_breaks_the_promise(account):
    mailbox.read(at=NOON)
    account.password = "another"

    mailbox.read(at=NOON + HOUR)
    assert open_tasks("mailbox_silent") == 0
    assert isinstance(rights.mailbox_is_read(NOON + HOUR), Kept)

    mailbox.read(at=NOON + HOUR + MINUTE)
    assert open_tasks("mailbox_silent") == 1
    assert isinstance(rights.mailbox_is_read(NOON + HOUR + MINUTE), Broken)

    account.password = "right"
    mailbox.read(at=NOON + 2 * HOUR)
    assert open_tasks("mailbox_silent") == 0
    assert isinstance(rights.mailbox_is_read(NOON + 2 * HOUR), Kept)


def test_a_folder_that_is_not_there_is_a_task(folder):
    folder.clear()
    (Path(folder._path) / "new").rmdir()

    assert mailbox.read(at=NOON) == 0
    assert open_tasks("mailbox_silent") == 1


def test_without_a_mailbox_nobody_says_that_it_was_read(settings):
    settings.PRIVACY_MAILDIR = settings.PRIVACY_IMAP_URL = ""

    assert mailbox.read(at=NOON) == 0
    assert not Heartbeat.objects.filter(name=mailbox.NAME).exists()
