"""What pages say while FBR is away, and the register of failures on its pages."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pypdf import PdfReader

from accounts.enums import Role
from fbr import outage_pages
from fbr.deadlines import Stage
from fbr.models import Incident, IncidentKind
from fbr.services import incidents, outages, spells
from invoices.enums import State
from invoices.models import Invoice
from invoices.printed import printed_of
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM
from tests.fbr.test_incidents import PDF, opened
from tests.fbr.test_outages import HOUR, MINUTE, Shop, answers, fails, refused_after_an_outage

HTMX = {"HX-Request": "true"}


@pytest.fixture
def shop(transactional_db):
    return Shop()


def looked(shop, client, at, path="invoices:list", *, role=Role.OWNER, **headers):
    """What a member sees at an instant."""
    with time_machine.travel(at, tick=True):
        client.force_login(factories.make_member(shop.tenant, role))
        response = client.get(reverse(path), headers=headers)
    return " ".join(response.content.decode().split())


# --- the banner -------------------------------------------------------------------------------


def test_while_fbr_is_away_every_page_says_so(shop, client):
    fails(NOON)
    outages.look(at=NOON)

    text = looked(shop, client, NOON + MINUTE)

    assert "FBR is not answering since 12:00." in text
    assert "Go on issuing" in text
    assert 'id="outage"' in text


def test_an_outage_of_yesterday_has_its_day(shop, client):
    fails(NOON - 24 * HOUR)
    outages.look(at=NOON)

    assert "since 19 Nov 2026, 12:00" in looked(shop, client, NOON)


def test_while_all_is_well_no_page_says_anything(shop, client):
    answers(NOON)
    outages.look(at=NOON)

    assert 'id="outage"' not in looked(shop, client, NOON)


@pytest.mark.parametrize(
    "line", [{"environment": "production"}, {"channel": "pos"}], ids=["production", "pos"]
)
def test_a_line_that_the_business_does_not_use_is_not_spoken_of(shop, client, line):
    fails(NOON, **line)
    outages.look(at=NOON)

    assert 'id="outage"' not in looked(shop, client, NOON)


def test_a_business_with_tills_hears_of_their_line(shop, client):
    shop.inside(factories.make_till)
    fails(NOON, channel="pos")
    outages.look(at=NOON)

    assert 'id="outage"' in looked(shop, client, NOON)


def test_while_it_drains_the_banner_counts(shop, client):
    fails(NOON)
    issued = [shop.issue(NOON + MINUTE) for _ in range(4)]
    outages.look(at=NOON + MINUTE)
    answers(NOON + 10 * MINUTE)
    shop.accept(issued[0], at=NOON + 11 * MINUTE)
    outages.look(at=NOON + 12 * MINUTE)

    text = looked(shop, client, NOON + 12 * MINUTE)

    assert "1 of 4" in text
    assert "about 7 minutes left" in text
    assert 'max="4" value="1"' in text


def drained(shop, *, refused=False):
    fails(NOON)
    issued = [shop.issue(NOON + MINUTE) for _ in range(3)]
    outages.look(at=NOON + MINUTE)
    answers(NOON + 10 * MINUTE)
    shop.accept(*issued[refused:], at=NOON + 11 * MINUTE)
    if refused:
        shop.refuse(issued[0], NOON + 11 * MINUTE)
    outages.look(at=NOON + 16 * MINUTE)


def test_once_drained_it_says_how_many_and_how_long_and_then_is_silent(shop, client):
    drained(shop)

    said = looked(shop, client, NOON + 20 * MINUTE)
    later = looked(shop, client, NOON + 47 * MINUTE)

    assert "3 documents that were issued offline were reported within 6 minutes." in said
    assert 'id="outage"' not in later


def test_what_fbr_refused_is_not_hidden(shop, client):
    drained(shop, refused=True)

    text = looked(shop, client, NOON + 20 * MINUTE)

    assert "2 of 3" in text
    assert "FBR refused 1: correct it" in text


def test_the_banner_goes_by_itself(shop, client):
    """Its own address answers nothing once all is well."""
    fails(NOON)
    outages.look(at=NOON)
    before = looked(shop, client, NOON, "fbr:outage_banner", **HTMX)
    answers(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)

    assert "FBR is not answering" in before
    assert looked(shop, client, NOON + MINUTE, "fbr:outage_banner", **HTMX) == ""


def test_a_page_pays_one_question_while_all_is_well(shop, django_assert_num_queries):
    def ask():
        with django_assert_num_queries(1):
            assert outage_pages.banner(at=NOON) is None

    shop.inside(ask)


def test_the_light_of_the_dashboard_says_the_same(shop, client):
    fails(NOON)
    shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)

    text = looked(shop, client, NOON + MINUTE, "fbr:light", **HTMX)

    assert "FBR is not answering since 12:00." in text
    assert "1 document issued offline waits." in text


# --- one document -----------------------------------------------------------------------------


def shown(shop, pk, at):
    return shop.inside(lambda: outage_pages.offline(Invoice.objects.get(pk=pk), at=at))


def test_a_refused_one_shows_its_clock_on(shop):
    pk = refused_after_an_outage(shop)

    found = shown(shop, pk, NOON + 22 * HOUR)

    assert "FBR refused it. Correct it" in found["text"]
    assert found["clock"]["label"] == "3 h 0 min left"


def test_a_document_issued_offline_shows_its_clock(shop):
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    before = shown(shop, pk, NOON + 2 * MINUTE)
    answers(NOON + HOUR)
    outages.look(at=NOON + HOUR)

    after = shown(shop, pk, NOON + 22 * HOUR)

    assert "within 24 hours of answering again" in before["text"]
    assert before["clock"] is None
    assert after["clock"]["label"] == "3 h 0 min left"
    assert after["clock"]["until"] == "21 Nov 2026, 13:00"
    assert after["tone"] == "attention"


@pytest.mark.parametrize(
    ("at", "text"),
    [(NOON + 2 * HOUR, "Reported on"), (NOON + 26 * HOUR, "The 24 hours had ended at")],
)
def test_once_reported_it_says_when_and_whether_in_time(shop, at, text):
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    answers(NOON + HOUR)
    outages.look(at=NOON + HOUR)
    shop.accept(pk, at=at)

    said = shown(shop, pk, at + MINUTE)

    assert "Issued offline on 20 Nov 2026, 12:01" in said["title"]
    assert text in said["text"]


def test_any_other_document_shows_none(shop):
    assert shown(shop, shop.issue(NOON), NOON) is None


def test_the_panel_shows_it_and_its_clock_has_an_address_of_its_own(shop, client):
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    client.force_login(factories.make_member(shop.tenant))

    panel = client.get(reverse("fbr:panel", args=[pk]), headers=HTMX).content.decode()
    alone = client.get(reverse("fbr:offline", args=[pk]), headers=HTMX).content.decode()

    assert "Issued offline on 20 Nov 2026, 12:01" in panel
    assert alone.strip() in panel


@pytest.mark.parametrize(
    ("left", "label", "stage"),
    [
        (HOUR * 24, "24 h 0 min left", Stage.EARLY),
        (HOUR * 3 + MINUTE * 20, "3 h 20 min left", Stage.LATE),
        (MINUTE * 59, "59 min left", Stage.LAST),
        (timedelta(seconds=-30 * 60), "Overdue by 30 min", Stage.OVER),
    ],
)
def test_a_clock_promises_no_minute_too_much(left, label, stage):
    clock = outage_pages.running(NOON + left, at=NOON)

    assert (clock["label"], clock["tone"]) == (label, outage_pages.tone_of(stage))
    assert 0 <= clock["done"] <= clock["total"]


# --- on paper ---------------------------------------------------------------------------------


def printed(shop, pk):
    def draw():
        invoice = Invoice.objects.get(pk=pk)
        return printed_of(invoice, list(invoice.lines.all()), invoice.legal_entity)

    return shop.inside(draw)


def test_on_paper_it_is_marked_as_offline_until_and_after_it_was_reported(shop):
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    before = printed(shop, pk)
    shop.accept(pk, at=NOON + HOUR)
    after = printed(shop, pk)

    assert "Issued offline on 20 Nov 2026, 12:01, not yet reported to FBR." in before.warnings
    assert (before.fbr_number, before.watermark) == ("", "SANDBOX\nPENDING")
    assert after.notes[0].endswith("reported to FBR on 20 Nov 2026, 13:00.")
    assert after.fbr_number


def test_on_paper_a_document_issued_online_says_nothing_of_it(shop):
    paper = printed(shop, shop.issue(NOON))

    assert not [text for text in (*paper.warnings, *paper.notes) if "offline" in text]


# --- the register -----------------------------------------------------------------------------


@pytest.fixture
def browser(client, inside, owner):
    with time_machine.travel(NOON + HOUR, tick=True):
        client.force_login(owner)
        yield client


def text_of(response):
    return " ".join(response.content.decode().split())


def page_of(browser, incident):
    return text_of(browser.get(incident.get_absolute_url()))


def test_an_empty_register_says_what_it_is_for(browser):
    assert "Nothing is open" in text_of(browser.get(reverse("fbr:incidents")))
    everything = text_of(browser.get(reverse("fbr:incidents") + "?show=all"))
    assert "No failure so far" in everything


def test_the_list_shows_the_clock_of_each(browser):
    opened(kind=IncidentKind.GATEWAY_DOWN, at=NOON)

    text = text_of(browser.get(reverse("fbr:incidents")))

    assert "FBR&#x27;s system was away" in text
    assert "22 h 59 min left" in text
    assert "Sandbox: an exercise" in text


def test_closed_ones_stand_under_all(browser):
    incidents.close(incident=opened(), note="Nothing", actor=SYSTEM, at=NOON)

    assert "Something else" not in text_of(browser.get(reverse("fbr:incidents")))
    assert "Something else" in text_of(browser.get(reverse("fbr:incidents") + "?show=all"))


def test_the_list_has_pages(browser, monkeypatch):
    monkeypatch.setattr("fbr.incident_pages.SHOWN", 2)
    for number in range(5):
        opened(key=str(number), at=NOON + number * MINUTE)
    seen, address = [], reverse("fbr:incidents")
    for _ in range(3):
        response = browser.get(address)
        seen.append([row["url"] for row in response.context["rows"]])
        address = reverse("fbr:incidents") + response.context["older"]

    assert [len(page) for page in seen] == [2, 2, 1]
    assert len({url for page in seen for url in page}) == 5


def test_the_page_of_one_has_its_letter_and_its_documents(browser):
    document = factories.make_issued()
    incident = opened(kind=IncidentKind.TOKEN_REFUSED, invoice_ids=[document.pk])

    text = page_of(browser, incident)

    assert "Report of a failure under rule 150XA" in text
    assert document.number in text
    assert document.get_absolute_url() in text


def test_the_letter_comes_as_pdf(browser):
    document = factories.make_issued()
    incident = opened(kind=IncidentKind.GATEWAY_DOWN, invoice_ids=[document.pk])

    response = browser.get(reverse("fbr:incident_letter", args=[incident.pk]))

    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(response.content)).pages)
    assert response["Content-Type"] == "application/pdf"
    assert "attachment" in response["Content-Disposition"]
    assert "150XA" in text
    assert document.number in text


def test_a_person_reports_a_failure(browser):
    given = {"kind": "hardware", "happened_at": "2026-11-20T12:30", "what": "The till burnt."}

    response = browser.post(reverse("fbr:incident_new"), given)

    incident = Incident.objects.get()
    assert response["Location"] == incident.get_absolute_url()
    assert incident.happened_at == NOON + 30 * MINUTE
    assert "The till burnt." in page_of(browser, incident)


@pytest.mark.parametrize(
    ("field", "typed"), [("happened_at", "yesterday"), ("what", "  "), ("kind", "integrity")]
)
def test_a_report_that_is_not_whole_stays_as_it_was_typed(browser, field, typed):
    given = {"kind": "hardware", "happened_at": "2026-11-20T12:30", "what": "The till burnt."}

    response = browser.post(reverse("fbr:incident_new"), {**given, field: typed})

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Incident.objects.exists()


def test_the_words_of_the_business_go_into_the_letter(browser):
    incident = opened()
    address = reverse("fbr:incident_describe", args=[incident.pk])

    browser.post(address, {"what": "It rained in.", "ended_at": "2026-11-20T12:30"})

    incident.refresh_from_db()
    assert incident.ended_at == NOON + 30 * MINUTE
    assert "It rained in." in page_of(browser, incident)


def told(browser, incident, **fields):
    known = {"how": "email", "sent_at": "2026-11-20T12:45", "reference": "mail 7"}
    return browser.post(reverse("fbr:incident_tell", args=[incident.pk]), {**known, **fields})


def test_that_fbr_was_told_stops_the_clock_and_keeps_the_proof(browser):
    incident = opened()

    told(browser, incident, proof=SimpleUploadedFile("mail.pdf", PDF))

    text = page_of(browser, incident)
    proof = browser.get(reverse("fbr:incident_proof", args=[incident.pk]))
    assert "mail 7" in text
    assert " left" not in text
    assert proof["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in proof["Content-Disposition"]


def test_without_anything_to_show_it_was_not_told(browser):
    incident = opened()

    response = told(browser, incident, reference="")

    assert response.status_code == 422
    assert "Nothing shows yet that FBR was told." in text_of(response)


def test_after_a_day_the_page_asks_why(browser):
    incident = opened(at=NOON - 30 * HOUR)

    assert "Why it took longer than a day" in page_of(browser, incident)
    assert told(browser, incident).status_code == 422
    assert told(browser, incident, late_reason="Curfew").status_code == 302


def test_it_is_closed_with_a_word(browser):
    incident = opened()
    address = reverse("fbr:incident_close", args=[incident.pk])

    assert browser.post(address, {"note": ""}).status_code == 422
    assert browser.post(address, {"note": "A false alarm"}).status_code == 302
    again = browser.post(address, {"note": "again"}, follow=True)

    assert "This incident is closed." in text_of(again)
    assert "A false alarm" in text_of(again)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
def test_who_may_not_settle_sees_and_changes_nothing(client, inside, role):
    incident = opened()
    client.force_login(factories.make_member(inside, role))

    text = page_of(client, incident)
    answers_ = [
        client.post(reverse(f"fbr:incident_{deed}", args=[incident.pk]), {"note": "x"}).status_code
        for deed in ("describe", "tell", "close")
    ]

    assert "<form" not in text.partition('<main id="main"')[2].partition("</main>")[0]
    assert answers_ == [403, 403, 403]
    incident.refresh_from_db()
    assert incident.closed_at is None


def test_a_proof_that_is_not_there_is_not_found(browser):
    assert browser.get(reverse("fbr:incident_proof", args=[opened().pk])).status_code == 404


def test_the_states_that_wait_are_those_of_the_queue():
    """A document that FBR has settled in any way waits for nothing."""
    assert {State.QUEUED, State.SUBMITTING, State.UNCERTAIN} == spells.WAITING
