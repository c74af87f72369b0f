"""The ledger of consents: the last answer counts, and silence is a no."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import consent_words, consents, traces
from accounts.consents import How, Who
from accounts.enums import Purpose
from accounts.models import (
    ConsentChannel,
    ConsentEvent,
    ConsentState,
    ConsentText,
    MailState,
    OutgoingMail,
    Suppression,
    SuppressionReason,
)
from accounts.services import mailing
from smartinvoicing.errors import StateConflict
from smartinvoicing.ids import uuid7
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
HOW = How(channel=ConsentChannel.PAGE, address="203.0.113.77")
NEWS = Purpose.MARKETING_EMAIL
ADDRESS = "a@sample.example"
HOUR = timedelta(hours=1)


@pytest.fixture
def who():
    return Who(user_id=uuid7(), address_key=traces.key_of(ADDRESS))


def agree(who, purpose=NEWS):
    return consents.give(purpose, who=who, how=HOW, at=NOON)


def may_mail(who, address=ADDRESS):
    return consents.may_mail(NEWS, address=address, user_id=who.user_id)


# --- the state --------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", list(Purpose))
def test_silence_is_a_no(who, purpose):
    assert consents.state_of(purpose, who=who) is None
    assert not consents.may_use(purpose, user_id=who.user_id, at=NOON)
    assert not consents.may_mail(purpose, address=ADDRESS, user_id=who.user_id)


def test_the_last_answer_counts(who):
    agree(who)
    consents.withdraw(NEWS, who=who, how=HOW, at=NOON)

    assert consents.state_of(NEWS, who=who) == ConsentState.WITHDRAWN
    assert not may_mail(who)


def test_twin_without_the_second_answer_it_is_a_yes(who):
    agree(who)

    assert may_mail(who)


def test_a_no_without_a_yes_is_a_refusal():
    browser = Who(visitor="v" * 22)

    consents.withdraw(Purpose.ANALYTICS, who=browser, how=HOW, at=NOON)

    assert consents.state_of(Purpose.ANALYTICS, who=browser) == ConsentState.REFUSED


def test_the_answer_of_a_browser_lasts_half_a_year():
    agree(Who(visitor="v" * 22), Purpose.ANALYTICS)
    end = NOON + consents.LASTS

    def holds(at):
        return consents.may_use(Purpose.ANALYTICS, visitor="v" * 22, at=at)

    assert holds(end - timedelta(seconds=1))
    assert not holds(end)


def test_a_yes_to_one_purpose_is_no_yes_to_another(who):
    agree(who)

    assert not consents.may_mail(Purpose.RESEARCH, address=ADDRESS, user_id=who.user_id)
    assert not consents.may_use(Purpose.ANALYTICS, user_id=who.user_id, at=NOON)


def test_a_yes_holds_for_the_address_it_was_given_with(who):
    agree(who)

    assert not may_mail(who, "new@sample.example")
    assert may_mail(who, " A@Sample.Example ")


def test_nothing_is_sent_by_text_message(who):
    agree(who, Purpose.MARKETING_SMS)

    assert not consents.may_mail(Purpose.MARKETING_SMS, address=ADDRESS, user_id=who.user_id)


# --- proof ------------------------------------------------------------------------------------


def test_an_answer_keeps_its_words_and_the_front_of_its_address(who):
    event = agree(who)
    text = ConsentText.objects.get(hash=event.text_hash)

    assert str(consent_words.WORDS[NEWS].asked) in text.body
    assert consent_words.hash_of(text.body) == event.text_hash
    assert event.ip_prefix == "203.0.113.0/24"
    assert ADDRESS not in str(ConsentEvent.objects.values().get())


@pytest.mark.parametrize("table", ["accounts_consentevent", "accounts_consenttext"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET language = 'x'", "DELETE FROM {}"])
def test_what_was_answered_stays(who, table, deed):
    agree(who)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(deed.format(table))


def test_an_answer_is_somebodys():
    with pytest.raises(IntegrityError, match="consent_of_somebody"):
        agree(Who())


def test_a_question_is_answered_once(who):
    asked = consents.ask(NEWS, who=who, how=HOW, at=NOON)
    consents.give(NEWS, who=who, how=HOW, at=NOON, answers=asked)

    with pytest.raises(StateConflict):
        consents.give(NEWS, who=who, how=HOW, at=NOON, answers=asked)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_only_the_front_of_an_address_is_kept(address, kept):
    assert traces.prefix_of(address) == kept


# --- suppression ------------------------------------------------------------------------------


def test_whoever_was_erased_gets_no_mail_even_when_a_list_names_them_again(who):
    consents.suppress(ADDRESS, why=SuppressionReason.ERASED, at=NOON)
    ConsentEvent.objects.bulk_create(
        [
            ConsentEvent(
                at=NOON,
                address_key=traces.key_of(ADDRESS),
                purpose=NEWS,
                state=ConsentState.GIVEN,
                text_hash="0" * 64,
                language="en",
                channel=ConsentChannel.STAFF,
            )
        ]
    )

    assert not consents.may_mail(NEWS, address=ADDRESS, user_id=None)
    assert ADDRESS not in str(Suppression.objects.values().get())


def test_twin_without_suppression_the_list_would_be_mailed(who):
    test_whoever_was_erased_gets_no_mail_even_when_a_list_names_them_again(who)
    Suppression.objects.all().delete()

    assert consents.may_mail(NEWS, address=ADDRESS, user_id=None)


def test_only_the_address_itself_ends_its_suppression(who):
    consents.suppress(ADDRESS, why=SuppressionReason.ERASED, at=NOON)

    agree(who)

    assert may_mail(who)
    assert Suppression.objects.get().lifted_at == NOON


def test_a_key_of_before_still_suppresses(settings, who):
    consents.suppress(ADDRESS, why=SuppressionReason.ERASED, at=NOON)
    settings.FIELD_KEYS = [b"n" * 32, *settings.FIELD_KEYS]

    assert consents.is_suppressed(NEWS, address=ADDRESS)


def test_leaving_by_an_old_address_ends_mail_to_all_of_them(who):
    agree(who)
    later = Who(user_id=who.user_id, address_key=traces.key_of("new@sample.example"))
    agree(later)

    consents.withdraw(NEWS, who=later, how=HOW, at=NOON)

    assert not may_mail(who)
    assert not consents.may_mail(NEWS, address=ADDRESS, user_id=None)


# --- P9: between queueing and sending ---------------------------------------------------------


@pytest.fixture
def template(settings, tmp_path):
    (tmp_path / "news.subject.txt").write_text("News")
    (tmp_path / "news.txt").write_text("News")
    first, *rest = settings.TEMPLATES
    settings.TEMPLATES = [{**first, "DIRS": [tmp_path, *first["DIRS"]]}, *rest]


def queue(who):
    mailing.post(
        key="a",
        to=ADDRESS,
        user_id=who.user_id,
        template="news",
        context={},
        purpose=NEWS,
        at=NOON,
    )


def test_withdrawn_between_queueing_and_sending_nothing_goes_out(who, template, mailoutbox):
    agree(who)
    queue(who)

    consents.withdraw(NEWS, who=who, how=HOW, at=NOON)
    mailing.deliver_due(at=NOON + HOUR)

    assert mailoutbox == []
    assert OutgoingMail.objects.get().state == MailState.DROPPED


def test_twin_asked_only_at_queueing_it_would_go_out(who, template, mailoutbox, monkeypatch):
    agree(who)
    queue(who)
    kept = consents.may_mail(NEWS, address=ADDRESS, user_id=who.user_id)
    monkeypatch.setattr(consents, "may_mail", lambda *args, **kwargs: kept)

    consents.withdraw(NEWS, who=who, how=HOW, at=NOON)
    mailing.deliver_due(at=NOON + HOUR)

    assert len(mailoutbox) == 1
