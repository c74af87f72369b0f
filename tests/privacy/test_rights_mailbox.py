"""The mailbox: each mail once, no answer to machines, attachments dropped unread."""

from email.message import EmailMessage
from mailbox import Maildir

import pytest
from django.db import OperationalError

from privacy.models import DeskTask, RequestState, RequestType, SubjectRequest
from privacy.services import answering, identity, mailbox, request_words, requests
from smartinvoicing import arming
from tests.conftest import NOON
from tests.privacy import rights_cast as cast

pytestmark = pytest.mark.django_db


def letter(text="Please delete my data.", subject="My data", **headers):
    mail = EmailMessage()
    known = {
        "From": "Gul Khan <Gul@Example.com>",
        "To": "privacy@localhost",
        "Message-ID": "<1@example.com>",
        "Subject": subject,
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {**known, **given}.items():
        mail[name] = value
    mail.set_content(text)
    return mail


@pytest.fixture(autouse=True)
def ours(settings):
    settings.PRIVACY_EMAIL = "privacy@sample.example"


def take(mail):
    return mailbox.take_in(mail.as_bytes(), at=NOON)


def test_a_mail_makes_a_request_with_a_clock_and_an_acknowledgement():
    request = take(letter())

    assert (request.type, request.state) == (RequestType.ERASURE, RequestState.IDENTITY_PENDING)
    assert request_words.said(request).address == "gul@example.com"
    assert "delete" in request_words.said(request).text
    assert [each.to for each in cast.mails("request_received")] == ["gul@example.com"]


def test_the_same_mail_is_taken_in_once():
    take(letter())

    assert take(letter()) is None
    assert SubjectRequest.objects.count() == 1


def test_twin_without_its_key_it_is_taken_in_twice(monkeypatch):
    keys = iter("ab")
    monkeypatch.setattr(mailbox, "_key_of", lambda letter, raw: next(keys))
    with pytest.raises(AssertionError):
        test_the_same_mail_is_taken_in_once()


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"List_Id": "<news.example.com>"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@example.com"},
        {"From": "privacy@sample.example"},
        {"From": "no address at all"},
        {"Message_ID": "<mail-01a@smartinvoicing>"},
    ],
)
def test_what_answers_by_itself_is_not_answered(headers):
    assert take(letter(**headers)) is None

    assert SubjectRequest.objects.count() == 0
    assert cast.mails("request_received") == []


def test_twin_without_the_question_machines_are_answered(monkeypatch):
    monkeypatch.setattr(mailbox, "_is_automatic", lambda letter, sender: False)
    with pytest.raises(AssertionError):
        test_what_answers_by_itself_is_not_answered({"Precedence": "bulk"})


def test_what_is_attached_is_dropped():
    mail = letter()
    mail.add_attachment(b"CNIC 35202-1234567-1", maintype="image", subtype="png", filename="id.png")

    request = take(mail)

    assert "35202" not in request_words.said(request).text
    assert "id.png" not in request_words.said(request).text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Send me what you hold", RequestType.ACCESS),
        ("My name is wrong", RequestType.RECTIFICATION),
        ("میرا ڈیٹا حذف کریں", RequestType.ERASURE),
        ("I object to it", RequestType.OBJECTION),
        ("Why do you still have it", RequestType.WHY),
    ],
)
def test_its_words_say_what_it_is_about(text, kind):
    request = take(letter(text, subject="Hello"))

    assert request.type == kind
    assert request.language == ("ur" if "ڈ" in text else "en")


def test_a_page_and_an_unknown_alphabet_are_read():
    raw = letter().as_bytes().replace(b'charset="utf-8"', b'charset="x-nobody"')
    assert "delete" in request_words.said(mailbox.take_in(raw, at=NOON)).text

    page = EmailMessage()
    page["From"], page["Message-ID"] = "b@example.com", "<2@example.com>"
    page.set_content("<p>Please <b>erase</b> me</p>", subtype="html")
    assert "<b>" not in request_words.said(take(page)).text


# --- where it lies ----------------------------------------------------------------------------


@pytest.fixture
def box(settings, tmp_path):
    settings.PRIVACY_MAILDIR = str(tmp_path / "box")
    return Maildir(settings.PRIVACY_MAILDIR)


def test_a_maildir_is_read_once(box):
    box.add(letter())
    box.add(letter(Message_ID="<2@example.com>"))

    assert mailbox.read(at=NOON) == 2
    assert mailbox.read(at=NOON) == 0
    assert len(box) == 0


def test_what_was_taken_in_and_not_deleted_is_not_taken_in_again(box):
    box.add(letter())
    take(letter())

    assert mailbox.read(at=NOON) == 0
    assert len(box) == 0
    assert SubjectRequest.objects.count() == 1


# The reader of headers fails on this one.
TORN = b"From: Gul Khan <gul@example.com>\nMessage-ID: <\n\nPlease delete my data.\n"


def test_a_mail_that_cannot_be_read_keeps_none_of_the_others(box, caplog):
    box.add(TORN)
    box.add(letter(Message_ID="<2@example.com>"))

    assert mailbox.read(at=NOON) == 1
    assert mailbox.read(at=NOON) == 0

    assert SubjectRequest.objects.count() == 1
    assert DeskTask.objects.filter(kind="mail_unread", done_at=None).count() == 1
    assert "mailbox.unreadable" in caplog.messages
    assert "Khan" not in caplog.text


def test_while_the_database_is_away_a_mail_stays_unread(box, monkeypatch):
    monkeypatch.setattr(mailbox, "take_in", _away)
    box.add(letter())

    with pytest.raises(OperationalError):
        mailbox.read(at=NOON)

    assert [mail.get_flags() for mail in box] == [""]
    assert not DeskTask.objects.exists()


def _away(raw, *, at):
    raise OperationalError


def test_a_copy_of_the_installation_reads_nothing(box, monkeypatch):
    monkeypatch.setattr(arming._known, "answer", False)
    box.add(letter())

    assert mailbox.read(at=NOON) == 0
    assert SubjectRequest.objects.count() == 0
    assert len(box) == 1


def test_the_whole_way_from_a_mail_to_an_archive(box, owner):
    """By mail, a code to the address, an archive: all without an account page."""
    mail = letter("Send me all you hold")
    del mail["From"]
    mail["From"] = owner.email
    box.add(mail)
    mailbox.read(at=NOON)

    assert answering.look_up_due(at=NOON) == 1
    assert answering.look_up_due(at=NOON) == 0
    request = SubjectRequest.objects.get()
    identity.try_code(request, cast.code_of(request), at=NOON)
    answering.begin(request, at=NOON)

    assert requests.subject_of(request).user_id == owner.pk
    assert request.exports.count() == 1
