"""Mail by consent: agreed to twice, ended by one click, sent to nobody else."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from accounts import consents, traces
from accounts.consents import How, Who
from accounts.enums import Purpose, Role
from accounts.models import ConsentChannel, ConsentEvent, ConsentState, OutgoingMail
from accounts.services import mailing
from privacy.services import marketing
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, StateConflict
from tests import factories
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
ADDRESS = "a@sample.example"
NEWS = Purpose.MARKETING_EMAIL
HOW = How(channel=ConsentChannel.PAGE)
LINK = re.compile(r"http\S+(/privacy/mail/\S+)")
CHOOSE = "/privacy/choices/mail/"


@pytest.fixture(autouse=True)
def template(settings, tmp_path):
    (tmp_path / "news.subject.txt").write_text("News")
    (tmp_path / "news.txt").write_text("News. Leave: {{ unsubscribe_url }}")
    first, *rest = settings.TEMPLATES
    settings.TEMPLATES = [{**first, "DIRS": [tmp_path, *first["DIRS"]]}, *rest]


def ask(at=None, address=ADDRESS):
    return marketing.ask(NEWS, address=address, how=HOW, at=at or clock.now())


def link_in(mailoutbox):
    """The last link that was mailed."""
    mailing.deliver_due(at=clock.now() + timedelta(minutes=1))
    return LINK.search(mailoutbox[-1].body)[1]


def agreed(client, mailoutbox):
    ask()
    client.post(link_in(mailoutbox))


def send(key="n1", address=ADDRESS):
    marketing.send(
        NEWS, key=key, template="news", context={}, address=address, user_id=None, at=clock.now()
    )


def may_mail(address=ADDRESS):
    return consents.may_mail(NEWS, address=address, user_id=None)


# --- twice ------------------------------------------------------------------------------------


def test_asking_is_not_agreeing(client, mailoutbox):
    ask()
    address = link_in(mailoutbox)

    client.get(address)

    assert not may_mail()


def test_the_button_behind_the_link_is_the_yes(client, mailoutbox):
    agreed(client, mailoutbox)

    assert may_mail()
    event = ConsentEvent.objects.get(state=ConsentState.GIVEN)
    assert event.channel == ConsentChannel.MAIL_LINK
    assert event.answers == ConsentEvent.objects.get(state=ConsentState.ASKED).pk


def test_a_link_counts_once(client, mailoutbox):
    agreed(client, mailoutbox)
    address = LINK.search(mailoutbox[-1].body)[1]

    assert client.post(address).status_code == 409
    assert ConsentEvent.objects.filter(state=ConsentState.GIVEN).count() == 1


def test_a_link_of_before_a_no_is_worth_nothing(client, mailoutbox):
    ask()
    address = link_in(mailoutbox)
    who = Who(address_key=traces.key_of(ADDRESS))
    consents.withdraw(NEWS, who=who, how=HOW, at=clock.now())

    assert client.post(address).status_code == 409
    assert not may_mail()


def test_a_link_runs_out():
    ask(NOON)
    secret = OutgoingMail.objects.get().context["url"].rstrip("/").rpartition("/")[2]
    end = NOON + marketing.LINK_LASTS

    assert marketing.question(secret, at=end - timedelta(seconds=1))
    with pytest.raises(StateConflict):
        marketing.question(secret, at=end)


def test_a_link_that_was_made_up_is_not_found(client, mailoutbox):
    ask()
    address = link_in(mailoutbox)

    assert client.post(address[:-5] + "xxxx/").status_code == 404
    assert client.post("/privacy/mail/stop/xxxx/").status_code == 404


def test_nobody_floods_a_mailbox_with_questions():
    assert ask(NOON)
    assert not ask(NOON + timedelta(minutes=59))
    assert ask(NOON + marketing.ASKED_AGAIN)


# --- to nobody else ---------------------------------------------------------------------------


def test_mail_to_an_address_that_did_not_agree_raises():
    ask()

    with pytest.raises(NotAllowed):
        send()
    assert not OutgoingMail.objects.filter(template="news").exists()


def test_twin_to_one_that_agreed_it_leaves(client, mailoutbox):
    agreed(client, mailoutbox)
    send()

    mailing.deliver_due(at=clock.now() + timedelta(minutes=1))

    assert [mail.subject for mail in mailoutbox] == ["Please confirm: News by e-mail", "News"]


# --- the way out ------------------------------------------------------------------------------


@pytest.fixture
def way_out(client, mailoutbox):
    """The link of a mail that was sent, and that mail."""
    agreed(client, mailoutbox)
    send()
    mailing.deliver_due(at=clock.now() + timedelta(minutes=1))
    return LINK.search(mailoutbox[-1].body)[1]


def test_each_mail_names_its_way_out_for_mail_programs(way_out, mailoutbox):
    headers = mailoutbox[-1].extra_headers

    assert headers["List-Unsubscribe"].endswith(f"{way_out}>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_program_ends_it_with_one_post(way_out):
    program = Client(enforce_csrf_checks=True)

    answer = program.post(way_out, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert not may_mail()


def test_twin_opening_the_link_ends_nothing(client, way_out):
    assert client.get(way_out).status_code == 200
    assert may_mail()


def test_a_second_click_changes_nothing(client, way_out):
    client.post(way_out)
    known = ConsentEvent.objects.count()

    client.post(way_out)

    assert ConsentEvent.objects.count() == known


def test_the_link_tells_no_address(way_out):
    assert ADDRESS not in way_out


def test_what_waits_after_leaving_is_dropped(client, way_out, mailoutbox):
    send("n2")
    client.post(way_out)
    mailed = len(mailoutbox)

    mailing.deliver_due(at=clock.now() + timedelta(minutes=1))

    assert len(mailoutbox) == mailed


# --- the person's page ------------------------------------------------------------------------


@pytest.fixture
def person(client, business):
    user = factories.make_member(business, Role.VIEWER)
    client.force_login(user)
    return user


def test_a_person_agrees_by_mailbox_and_leaves_by_one_button(client, person, mailoutbox):
    client.post(CHOOSE, {"purpose": "marketing_email", "answer": "yes"})
    assert not consents.may_mail(NEWS, address=person.email, user_id=person.pk)
    client.post(link_in(mailoutbox))
    assert consents.may_mail(NEWS, address=person.email, user_id=person.pk)

    client.post(CHOOSE, {"purpose": "marketing_email", "answer": "no"})
    assert not consents.may_mail(NEWS, address=person.email, user_id=person.pk)


def test_a_stranger_has_no_such_page(client):
    answer = client.post(CHOOSE, {"purpose": "marketing_email", "answer": "yes"})

    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


@pytest.mark.parametrize("purpose", ["marketing_sms", "analytics", "x", ""])
def test_only_what_is_offered_can_be_chosen(client, person, purpose):
    client.post(CHOOSE, {"purpose": purpose, "answer": "yes"})

    assert not ConsentEvent.objects.exists()


def test_the_page_says_how_it_stands(client, person, mailoutbox):
    page = "/privacy/choices/"
    assert client.get(page).content.count(b"Switch on") == 4

    client.post(CHOOSE, {"purpose": "research", "answer": "yes"})
    assert b"Open the link in your mail" in client.get(page).content

    client.post(link_in(mailoutbox))
    assert client.get(page).content.count(b"Switch off") == 1
