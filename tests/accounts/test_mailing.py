"""Mail leaves once, keeps no body, and asks for the consent at the moment of sending."""

from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from accounts import consents
from accounts.enums import Purpose
from accounts.models import MailState, OutgoingMail
from accounts.services import mailing
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
TEMPLATE = "accounts/mail/sample"


@pytest.fixture(autouse=True)
def templates(settings, tmp_path):
    folder = tmp_path / "accounts" / "mail"
    folder.mkdir(parents=True)
    (folder / "sample.subject.txt").write_text("About {{ what }}\n")
    (folder / "sample.txt").write_text("Text of {{ what }}")
    first, *rest = settings.TEMPLATES
    settings.TEMPLATES = [{**first, "DIRS": [tmp_path, *first["DIRS"]]}, *rest]


def post(key="a", **words):
    mailing.post(
        key=key, to="a@sample.example", template=TEMPLATE, context={"what": "it"}, at=NOON, **words
    )


def states():
    return list(OutgoingMail.objects.order_by("made_at", "key").values_list("state", flat=True))


def test_a_mail_leaves_once_and_its_content_is_gone():
    post()
    post()

    assert mailing.deliver_due(at=NOON) == 1
    assert mailing.deliver_due(at=NOON + timedelta(hours=1)) == 0
    assert [(each.subject, each.body) for each in mail.outbox] == [("About it", "Text of it")]
    assert OutgoingMail.objects.get().context == {}


def test_without_consent_it_is_dropped():
    post(purpose=Purpose.MARKETING_EMAIL)

    mailing.deliver_due(at=NOON)

    assert states() == [MailState.DROPPED]
    assert mail.outbox == []


def test_twin_with_consent_it_leaves(monkeypatch):
    monkeypatch.setattr(consents, "may_mail", lambda purpose, **who: True)
    post(purpose=Purpose.MARKETING_EMAIL)

    mailing.deliver_due(at=NOON)

    assert states() == [MailState.SENT]


def failing(monkeypatch, error):
    def refuse(self, messages):
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)


def test_without_a_server_all_wait_and_are_given_up_in_the_end(monkeypatch):
    failing(monkeypatch, SMTPException("away"))
    post()
    post(key="b")

    mailing.deliver_due(at=NOON)
    assert states() == [MailState.WAITING] * 2
    for day in (4, 5):
        mailing.deliver_due(at=NOON + timedelta(days=day))

    assert states() == [MailState.GIVEN_UP] * 2


@pytest.mark.parametrize("bad", [{"to": "a@\u3002com.pk"}, {"template": "accounts/mail/no_such"}])
def test_one_that_cannot_be_written_keeps_no_other_back(bad):
    words = {"to": "a@sample.example", "template": TEMPLATE, "context": {"what": "it"}}
    mailing.post(**{"key": "bad", "at": NOON, **words, **bad})
    post()

    assert mailing.deliver_due(at=NOON) == 1
    for day in range(1, 6):
        mailing.deliver_due(at=NOON + timedelta(days=day))
    assert states() == [MailState.SENT, MailState.GIVEN_UP]


def test_what_a_server_says_of_one_mail_ends_no_run(monkeypatch):
    failing(monkeypatch, SMTPDataError(554, b"no"))
    post()
    post(key="b")

    mailing.deliver_due(at=NOON)

    assert set(OutgoingMail.objects.values_list("tries", flat=True)) == {1}


def test_an_address_that_is_refused_keeps_no_other_back(monkeypatch):
    failing(monkeypatch, SMTPRecipientsRefused({}))
    post()
    post(key="b")

    mailing.deliver_due(at=NOON)

    assert states() == [MailState.REFUSED] * 2
