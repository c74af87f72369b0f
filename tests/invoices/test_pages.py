"""Pages of documents and masters: what they show, refuse, keep, and to whom they open."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.enums import Role
from accounts.models import AuditEvent, LegalEntity
from invoices.enums import State
from invoices.models import Buyer, Invoice, InvoiceLine, Product
from invoices.services import printing
from smartinvoicing.ids import uuid7
from tests import factories
from tests.conftest import NOON
from tests.invoices.pages_cast import HTMX, page_of, part, row_of, text_of, value_of

CLERKS = {Role.OWNER, Role.ADMIN, Role.ACCOUNTANT, Role.OPERATOR}
PAGES = {
    "invoices:dashboard": set(Role),
    "invoices:list": set(Role),
    "invoices:export": set(Role),
    "invoices:buyers": set(Role),
    "invoices:products": set(Role),
    "invoices:new": CLERKS,
    "invoices:buyer_new": CLERKS,
    "invoices:product_new": CLERKS,
}


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, operator) -> Client:
    """The operator's."""
    client.force_login(operator)
    return client


# --- all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "role", "may"),
    [(page, role, role in roles) for page, roles in PAGES.items() for role in Role],
)
def test_each_page_opens_to_whom_it_should(client, business, page, role, may):
    client.force_login(factories.make_member(business, role))

    assert client.get(reverse(page)).status_code == (200 if may else 403)


@pytest.mark.parametrize("page", PAGES)
def test_a_look_changes_nothing(browser, page):
    factories.make_draft()
    before = AuditEvent.objects.count(), list(Invoice.objects.values_list("pk", "version"))

    browser.get(reverse(page))

    assert (
        AuditEvent.objects.count(),
        list(Invoice.objects.values_list("pk", "version")),
    ) == before


@pytest.mark.parametrize("page", ["dashboard", "list", "buyers", "products"])
def test_queries_do_not_grow_with_the_rows(
    browser, django_assert_max_num_queries, django_assert_num_queries, page
):
    factories.make_issued()
    browser.get(reverse(f"invoices:{page}"))
    with django_assert_max_num_queries(30) as first:
        browser.get(reverse(f"invoices:{page}"))
    for number in range(5):
        factories.make_issued()
        factories.make_buyer(name=f"Buyer {number}")
        factories.make_product(name=f"Product {number}")

    with django_assert_num_queries(len(first)):
        browser.get(reverse(f"invoices:{page}"))


@pytest.mark.parametrize("page", ["detail", "edit"])
def test_queries_of_one_document_do_not_grow_with_its_lines(
    browser, django_assert_max_num_queries, django_assert_num_queries, page
):
    short, _lines = factories.make_draft()
    long, _lines = factories.make_draft(factories.make_content(*[factories.make_line()] * 30))
    browser.get(reverse(f"invoices:{page}", args=[short.pk]))
    with django_assert_max_num_queries(21) as first:
        browser.get(reverse(f"invoices:{page}", args=[short.pk]))

    with django_assert_num_queries(len(first)):
        browser.get(reverse(f"invoices:{page}", args=[long.pk]))


# --- the editor: saving -----------------------------------------------------------------------


def test_a_page_becomes_a_draft(browser):
    response = browser.post(reverse("invoices:new"), page_of())

    draft = Invoice.objects.get()
    assert response["Location"] == draft.get_absolute_url()
    assert (draft.state, draft.number, draft.total) == (State.DRAFT, "", Decimal("1180.00"))
    assert (draft.buyer_name, draft.buyer_ntn_cnic) == ("Sample Traders", "2046004")
    assert InvoiceLine.objects.get().quantity == 400


def test_a_chosen_customer_counts_more_than_a_typed_one(browser):
    buyer = factories.make_buyer(name="Chosen Sons", ntn_cnic="2046005")

    browser.post(reverse("invoices:new"), page_of(buyer=str(buyer.pk)))

    assert Invoice.objects.get().buyer_name == "Chosen Sons"


def test_a_page_sent_twice_is_one_draft(browser):
    page = page_of()

    browser.post(reverse("invoices:new"), page)
    browser.post(reverse("invoices:new"), page)

    assert [str(row.pk) for row in Invoice.objects.all()] == [page["draft"]]
    assert AuditEvent.objects.filter(action="draft.saved").count() == 1


def test_an_id_of_another_business_is_not_found_and_nothing_changes(browser, other_business):
    with tenancy.in_tenant(other_business.pk):
        theirs, _lines = factories.make_draft()

    response = browser.post(reverse("invoices:new"), page_of(draft=str(theirs.pk)))

    assert response.status_code == 404
    with tenancy.in_tenant(other_business.pk):
        assert Invoice.objects.get().version == 0


def test_empty_rows_are_no_lines(browser):
    blank = dict.fromkeys(row_of(1), "") | {"lines-1-rate": "18%"}
    gone = row_of(2) | {"lines-2-DELETE": "on"}

    browser.post(reverse("invoices:new"), page_of(**{"lines-TOTAL_FORMS": "3"}, **blank, **gone))

    assert InvoiceLine.objects.count() == 1


@pytest.mark.parametrize(
    ("place", "text", "words"),
    [
        ("lines-0-quantity", "-5", ["Quantity", "negative", "without a minus"]),
        ("lines-0-quantity", "NaN", ["Quantity", "not a plain number", "1234.50"]),
        ("lines-0-unit_price", "1e400", ["Price", "not a plain number", "1234.50"]),
        ("lines-0-unit_price", "12,50", ["Price", "not a plain number", "1234.50"]),
        ("lines-0-unit_price", "2.12345", ["Price", "At most 4 decimal places"]),
        ("lines-0-further_tax", "much", ["Further tax", "not a plain number"]),
    ],
)
def test_what_cannot_be_read_is_said_under_its_line_and_kept(browser, place, text, words):
    response = browser.post(reverse("invoices:new"), page_of(**{place: text}))

    assert response.status_code == 422
    assert value_of(response, place) == text
    assert value_of(response, "lines-0-description") == "Cotton yarn"
    assert value_of(response, "buyer_name") == "Sample Traders"
    for word in words:
        assert word in part(response, "lines-0-problems")
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("place", "text", "where", "words"),
    [
        ("lines-0-hs_code", "9999.9999", "lines-0-problems", ["HS code", "tariff list"]),
        ("lines-0-rate", "17.5%", "lines-0-problems", ["Rate", "18%"]),
        ("invoice_date", "2026-11-21", "id_invoice_date-problems", ["future", "earlier"]),
        ("buyer_ntn_cnic", "12345", "id_buyer_ntn_cnic-problems", ["wrong form", "7 characters"]),
        ("buyer_name", "", "id_buyer_name-problems", ["missing"]),
    ],
)
def test_what_may_not_be_issued_is_said_where_it_stands_and_kept(
    browser, place, text, where, words
):
    page = page_of(**{place: text, "issue": "1"})

    response = browser.post(reverse("invoices:new"), page, follow=True)

    assert response.redirect_chain[-1][0].endswith("/edit/?check=1")
    assert value_of(response, place) == text
    for word in words:
        assert word in part(response, where)
    assert "This is not issued yet" in text_of(response)
    assert Invoice.objects.get().state == State.DRAFT


def test_a_document_without_a_customer_says_so_once(browser):
    nobody = {f"buyer_{name}": "" for name in ("name", "registration_type", "ntn_cnic")}
    nobody |= {"buyer_province": "", "buyer_address": "", "issue": "1"}

    response = browser.post(reverse("invoices:new"), page_of(**nobody), follow=True)

    assert text_of(response).count("The customer is missing") == 1
    assert "One thing is to be corrected" in text_of(response)


def test_a_reference_used_before_is_said_under_its_field(browser):
    factories.make_draft(factories.make_content(client_reference="SO-1"))

    response = browser.post(reverse("invoices:new"), page_of(client_reference="SO-1"))

    assert response.status_code == 422
    assert "stands on another document" in part(response, "id_client_reference-problems")
    assert Invoice.objects.count() == 1


def test_the_number_of_a_row_is_the_one_on_the_page(browser):
    blank = dict.fromkeys(row_of(0), "")
    page = page_of(**{"lines-TOTAL_FORMS": "2"}, **row_of(1, quantity="x")) | blank

    response = browser.post(reverse("invoices:new"), page)

    assert "not a plain number" in part(response, "lines-1-problems")
    assert "problem" not in part(response, "lines-0-problems").split(">", 1)[1]


# --- the editor: two at once ------------------------------------------------------------------


def edit(browser, draft, **changes):
    page = page_of(draft=str(draft.pk), **changes)
    return browser.post(reverse("invoices:edit", args=[draft.pk]), page)


def test_the_slower_of_two_tabs_keeps_its_text_and_may_choose(browser):
    draft, _lines = factories.make_draft()
    edit(browser, draft, tab="other tab", client_reference="theirs")

    response = edit(browser, draft, client_reference="mine")

    assert response.status_code == 409
    assert value_of(response, "client_reference") == "mine"
    assert "changed meanwhile" in text_of(response)
    assert Invoice.objects.get().client_reference == "theirs"
    assert edit(browser, draft, client_reference="mine", over="1").status_code == 302
    assert Invoice.objects.get().client_reference == "mine"


def test_a_page_whose_answer_was_lost_goes_on(browser):
    draft, _lines = factories.make_draft()

    edit(browser, draft, client_reference="first")
    response = edit(browser, draft, client_reference="second")

    assert response.status_code == 302
    assert Invoice.objects.get().client_reference == "second"


def test_what_was_issued_meanwhile_is_not_written_over(browser):
    invoice = factories.make_issued()

    response = edit(browser, invoice, client_reference="late", over="1")

    assert response.status_code == 409
    assert "was issued meanwhile" in text_of(response)
    assert "Keep mine" not in text_of(response)
    assert value_of(response, "client_reference") == "late"
    assert Invoice.objects.get().client_reference == ""


def test_issue_sent_twice_issues_once(browser):
    page = page_of(issue="1")

    first = browser.post(reverse("invoices:new"), page, follow=True)
    second = browser.post(reverse("invoices:new"), page, follow=True)

    invoice = Invoice.objects.get()
    assert invoice.number == "INV-2026-000001"
    assert first.redirect_chain[-1][0] == invoice.get_absolute_url()
    assert second.redirect_chain[-1][0] == invoice.get_absolute_url()


# --- the editor: while one types --------------------------------------------------------------


def test_autosave_keeps_nothing_of_an_empty_page(browser):
    response = browser.post(reverse("invoices:autosave"), {"draft": str(uuid7())})

    assert (response.status_code, Invoice.objects.exists()) == (200, False)


def test_autosave_makes_the_draft_and_tells_the_page_where_it_is(browser):
    page = page_of()

    response = browser.post(reverse("invoices:autosave"), page, headers=HTMX)

    assert response["HX-Replace-Url"] == reverse("invoices:edit", args=[page["draft"]])
    assert "Saved 12:00" in text_of(response)
    assert value_of(response, "version") == "0"
    browser.post(reverse("invoices:autosave"), page | {"client_reference": "x"}, headers=HTMX)
    assert Invoice.objects.get().version == 1


def test_autosave_keeps_what_can_be_read(browser):
    page = page_of(**{"lines-0-quantity": "4oo"})

    response = browser.post(reverse("invoices:autosave"), page, headers=HTMX)

    assert "except what is marked" in text_of(response)
    assert InvoiceLine.objects.get().description == "Cotton yarn"


def test_autosave_of_a_stale_page_says_so_in_the_place_of_messages(browser):
    draft, _lines = factories.make_draft()
    edit(browser, draft, tab="other tab", client_reference="theirs")

    response = browser.post(
        reverse("invoices:autosave"), page_of(draft=str(draft.pk)), headers=HTMX
    )

    assert response.status_code == 409
    assert text_of(response).strip().startswith('<div class="flash')


def test_preview_works_out_the_totals_and_stores_nothing(browser):
    response = browser.post(reverse("invoices:preview"), page_of(), headers=HTMX)

    assert "1,180.00" in part(response, "lines-0-sums")
    assert "Ready to issue" in text_of(response)
    assert not Invoice.objects.exists()


def test_preview_does_not_scold_for_what_is_not_typed_yet(browser):
    page = page_of(**{"lines-0-quantity": "", "lines-0-unit_price": ""})

    while_typing = browser.post(reverse("invoices:preview"), page, headers=HTMX)
    after_issue = browser.post(reverse("invoices:preview"), page | {"asked": "1"}, headers=HTMX)

    assert "above zero" not in text_of(while_typing)
    assert "Still to fill in: line 1: Quantity, Price" in text_of(while_typing)
    assert "above zero" in part(after_issue, "lines-0-problems")


def test_a_row_is_filled_in_from_its_product(browser, product):
    page = page_of(**{"lines-0-product": str(product.pk), "line": "lines-0"})
    page |= {"lines-0-description": "co", "lines-0-hs_code": "", "lines-0-quantity": "7"}

    response = browser.post(reverse("invoices:line"), page, headers=HTMX)

    typed = {
        name: value_of(response, f"lines-0-{name}")
        for name in ("description", "hs_code", "quantity", "unit_price", "product")
    }
    assert typed == {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "quantity": "7",
        "unit_price": "2.5",
        "product": str(product.pk),
    }


def test_a_row_of_another_businesss_product_is_not_found(browser, other_business):
    with tenancy.in_tenant(other_business.pk):
        theirs = factories.make_product()
    page = page_of(**{"lines-0-product": str(theirs.pk), "line": "lines-0"})

    assert browser.post(reverse("invoices:line"), page, headers=HTMX).status_code == 404


@pytest.mark.parametrize(
    ("url", "query", "found"),
    [
        ("buyer_search", "sa", "Sample Traders"),
        ("buyer_search", "2046", "Sample Traders"),
        ("product_search", "co", "Cotton yarn"),
        ("hs_search", "5205.11", "5205.1100"),
        ("hs_search", "52051", "5205.1100"),
        ("hs_search", "cotton yarn", "5205."),
    ],
)
def test_two_letters_find_what_is_meant(browser, buyer, product, url, query, found):
    response = browser.get(reverse(f"invoices:{url}"), {"q": query}, headers=HTMX)

    assert f'data-label="{found}' in text_of(response)


@pytest.mark.parametrize("url", ["buyer_search", "product_search", "hs_search"])
@pytest.mark.parametrize("query", ["", "z", "\x00", "%" * 400, "zzq\u202e"])
def test_a_search_for_nonsense_finds_nothing(browser, url, query):
    response = browser.get(reverse(f"invoices:{url}"), {"q": query}, headers=HTMX)

    assert "Nothing found" in text_of(response)


# --- the editor without JavaScript ------------------------------------------------------------


def test_add_a_line_keeps_what_was_typed(browser):
    response = browser.post(
        reverse("invoices:new"), page_of(add_line="1", **{"lines-0-quantity": "x"})
    )

    assert value_of(response, "lines-TOTAL_FORMS") == "2"
    assert value_of(response, "lines-0-quantity") == "x"
    assert not Invoice.objects.exists()


def test_remove_a_line_keeps_the_others(browser):
    page = page_of(**{"lines-TOTAL_FORMS": "2", "remove_line": "lines-0"})
    page |= row_of(1, description="Cones")

    response = browser.post(reverse("invoices:new"), page)

    assert value_of(response, "lines-TOTAL_FORMS") == "1"
    assert value_of(response, "lines-0-description") == "Cones"


def test_recalculate_shows_the_totals(browser):
    response = browser.post(reverse("invoices:new"), page_of(recalculate="1"))

    assert "Rs\xa01,180.00" in text_of(response)


@pytest.mark.parametrize("word", ["lines-", "lines-x", "x-1", "lines-99999999999999999999", ""])
def test_a_row_that_is_not_there_is_removed_in_peace(browser, word):
    response = browser.post(reverse("invoices:new"), page_of(remove_line=word))

    assert value_of(response, "lines-0-description") == "Cotton yarn"


# --- the list ---------------------------------------------------------------------------------


def test_a_business_that_is_live_sees_its_tests_apart(browser):
    tried = factories.make_issued()
    LegalEntity.objects.update(environment="production")
    sold = factories.make_issued()

    def numbers(query=""):
        return [row["number"] for row in browser.get(f"/invoices/{query}").context["rows"]]

    assert numbers() == [sold.number]
    assert numbers("?environment=sandbox") == [tried.number]
    assert "?environment=sandbox" in text_of(browser.get("/invoices/"))


def test_the_list_shows_what_matches_the_address(browser):
    factories.make_draft()
    issued = factories.make_issued()

    response = browser.get(reverse("invoices:list"), {"state": "queued"}, headers=HTMX)

    assert response.context["rows"][0]["number"] == issued.number
    assert len(response.context["rows"]) == 1
    assert "<html" not in text_of(response)


def test_older_rows_follow_by_key_and_keep_the_filter(browser, monkeypatch):
    monkeypatch.setattr("invoices.selectors.invoice_page.__kwdefaults__", {"cursor": "", "size": 2})
    for _number in range(5):
        factories.make_draft()
    seen, url = [], f"{reverse('invoices:list')}?state=draft"
    while url:
        response = browser.get(url)
        seen += [row["id"] for row in response.context["rows"]]
        url = response.context["older"]

    assert len(seen) == len(set(seen)) == 5
    assert response.context["newest"] == f"{reverse('invoices:list')}?state=draft"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": "soon"}, "not a date"),
        ({"state": "lost"}, "not possible here"),
        ({"buyer": "x"}, "not an id"),
    ],
)
def test_a_filter_that_cannot_be_read_is_said(browser, query, words):
    assert words in text_of(browser.get(reverse("invoices:list"), query, headers=HTMX))


def test_a_cursor_that_is_not_ours_is_refused(browser):
    assert browser.get(reverse("invoices:list"), {"cursor": "x"}).status_code == 422


def test_the_export_holds_all_rows_and_no_formula(browser, monkeypatch):
    monkeypatch.setattr("invoices.selectors.LARGEST_PAGE", 2)
    for name in ("=cmd()", "+1", "@x", " -2", "ok;=1", "Plain"):
        party = factories.make_party(name=name)
        factories.make_draft(factories.make_content(buyer=party))

    response = browser.get(reverse("invoices:export"))

    rows = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    names = sorted(row.split(",")[4] for row in rows[1:])
    assert names == sorted(["'=cmd()", "'+1", "'@x", "' -2", "'ok;=1", "Plain"])
    assert rows[1].split(",")[8:10] == ["1000.00", "180.00"]


# --- one document -----------------------------------------------------------------------------


def test_a_draft_with_nothing_wrong_can_be_issued_from_its_page(browser):
    draft, _lines = factories.make_draft()

    shown = text_of(browser.get(draft.get_absolute_url()))

    assert f"{reverse('fbr:issue', args=[draft.pk])}?seen=0" in shown
    assert "Delete this draft?" in shown


def test_a_draft_with_problems_leads_to_the_editor(browser):
    draft, _lines = factories.make_draft()
    Invoice.objects.update(buyer_name="")

    shown = text_of(browser.get(draft.get_absolute_url()))

    assert "Complete it" in shown
    assert "one thing is left" in shown


def test_a_viewer_is_offered_no_deed(client, inside, viewer):
    client.force_login(viewer)
    draft, _lines = factories.make_draft()

    actions = client.get(draft.get_absolute_url()).context["actions"]

    assert [action["label"] for action in actions] == ["PDF"]


def test_a_draft_is_deleted(browser):
    draft, _lines = factories.make_draft()

    browser.post(reverse("invoices:delete", args=[draft.pk]))

    assert not Invoice.objects.exists()


def test_a_numbered_document_is_not_deleted(browser):
    invoice = factories.make_issued()

    response = browser.post(reverse("invoices:delete", args=[invoice.pk]), follow=True)

    assert "Only a draft can be deleted" in text_of(response)
    assert Invoice.objects.count() == 1


def test_a_copy_is_a_draft_of_today_without_the_reference(browser, operator):
    invoice = factories.make_issued(factories.make_content(client_reference="SO-1"))

    with time_machine.travel("2026-11-21T07:00:00Z"):
        browser.force_login(operator)
        browser.post(reverse("invoices:duplicate", args=[invoice.pk]))

    copy = Invoice.objects.exclude(pk=invoice.pk).get()
    assert (copy.state, copy.number, copy.client_reference) == (State.DRAFT, "", "")
    assert (copy.invoice_date.isoformat(), copy.total) == ("2026-11-21", invoice.total)


def test_a_copy_on_paper_waits_for_its_worker(browser):
    draft, _lines = factories.make_draft()
    url = reverse("invoices:pdf", args=[draft.pk])

    waiting, not_yet = browser.get(url), browser.get(url, headers=HTMX)

    assert "being made" in text_of(waiting)
    assert not_yet.status_code == 204


@pytest.mark.django_db(transaction=True)
def test_a_copy_on_paper_is_downloaded_once_it_is_there(client, business, operator):
    with tenancy.in_tenant(business.pk):
        with transaction.atomic():
            draft, _lines = factories.make_draft()
        printing.render_and_keep(invoice_id=draft.pk, at=NOON)
    client.force_login(operator)
    url = reverse("invoices:pdf", args=[draft.pk])

    ready, file = client.get(url, headers=HTMX), client.get(url)

    assert "data-go" in text_of(ready)
    assert file.content.startswith(b"%PDF")
    assert 'filename="draft.pdf"' in file["Content-Disposition"]


# --- the first page ---------------------------------------------------------------------------


def test_the_first_page_begins_with_what_is_uncertain(browser):
    for state in (State.REJECTED, State.UNCERTAIN):
        invoice = factories.make_issued()
        for step in (State.SUBMITTING, state):
            Invoice.objects.filter(pk=invoice.pk).update(state=step)

    tasks = browser.get(reverse("invoices:dashboard")).context["tasks"]

    assert [task["title"].split(",")[0] for task in tasks] == [
        "Uncertain: INV-2026-000002",
        "Rejected: INV-2026-000001",
    ]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-18", "return of October is due today"),
        ("2026-11-17", "return of October is due tomorrow"),
        ("2026-11-19", "return of November is due on 18 Dec 2026, in 29 days"),
        ("2026-12-31", "return of December is due on 18 Jan 2027, in 18 days"),
    ],
)
def test_the_first_page_says_when_the_return_is_due(browser, operator, day, words):
    with time_machine.travel(f"{day}T07:00:00Z"):
        browser.force_login(operator)

        assert words in text_of(browser.get(reverse("invoices:dashboard")))


def test_a_new_business_is_told_how_to_begin_until_it_has_issued(browser):
    before = browser.get(reverse("invoices:dashboard")).context["steps"]
    factories.make_issued()
    after = browser.get(reverse("invoices:dashboard")).context["steps"]

    assert [step.get("done") for step in before] == [True, False, False, False]
    assert after == []


# --- masters ----------------------------------------------------------------------------------

BUYER = {
    "name": "Sample Traders",
    "registration_type": "registered",
    "ntn_cnic": "2046004-7",
    "province": "SINDH",
    "address": "Karachi",
    "phone": "0300 1234567",
    "email": "accounts@traders.example",
}
PRODUCT = {
    "name": "Cotton yarn",
    "hs_code": "5205.1100",
    "unit": "KG",
    "sale_type": "Goods at standard rate (default)",
    "rate": "18%",
    "unit_price": "2.50",
}


def test_a_customer_is_entered_and_changed(browser):
    browser.post(reverse("invoices:buyer_new"), BUYER)
    buyer = Buyer.objects.get()
    browser.post(buyer.get_absolute_url(), BUYER | {"address": "Lahore"})

    buyer.refresh_from_db()
    assert (buyer.ntn_cnic, buyer.address) == ("2046004", "Lahore")


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "", "name is missing"),
        ("ntn_cnic", "12", "wrong form"),
        ("province", "Atlantis", "province is missing"),
        ("email", "nobody", "not an e-mail"),
        ("phone", "0" * 30, "too long"),
        ("name", "x" * 201, "too long"),
    ],
)
def test_a_customer_that_is_refused_is_kept_on_the_page(browser, field, text, words):
    response = browser.post(reverse("invoices:buyer_new"), BUYER | {field: text})

    assert response.status_code == 422
    assert words in text_of(response)
    assert "accounts@traders.example" in text_of(response) or field == "email"
    assert not Buyer.objects.exists()


def test_a_product_is_entered_and_changed(browser):
    browser.post(reverse("invoices:product_new"), PRODUCT)
    product = Product.objects.get()
    browser.post(product.get_absolute_url(), PRODUCT | {"unit_price": "3"})

    product.refresh_from_db()
    assert (product.hs_code, product.unit_price) == ("5205.1100", 3)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("hs_code", "1", "does not know this HS code"),
        ("unit", "Bushel", "does not know this unit"),
        ("unit_price", "-1", "cannot be negative"),
        ("unit_price", "Infinity", "not a plain number"),
    ],
)
def test_a_product_that_is_refused_is_kept_on_the_page(browser, field, text, words):
    response = browser.post(reverse("invoices:product_new"), PRODUCT | {field: text})

    assert response.status_code == 422
    assert words in text_of(response)
    assert "Cotton yarn" in text_of(response)
    assert not Product.objects.exists()


@pytest.mark.parametrize("kind", ["buyer", "product"])
def test_a_viewer_sees_a_master_and_cannot_change_it(client, inside, viewer, kind):
    row = factories.make_buyer() if kind == "buyer" else factories.make_product()
    client.force_login(viewer)

    shown = client.get(row.get_absolute_url())
    refused = client.post(row.get_absolute_url(), BUYER if kind == "buyer" else PRODUCT)

    assert (shown.status_code, refused.status_code) == (200, 403)
    assert "Save" not in text_of(shown)


def test_an_id_that_is_no_id_is_not_found(browser):
    unknown = UUID(int=7)

    assert browser.get(reverse("invoices:detail", args=[unknown])).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_error_is_drawn_after_its_transaction_ended(client, business, operator, headers):
    """Rolled back by the test they would all share one, and nothing would be seen of it."""
    client.force_login(operator)
    unknown, raced = uuid7(), page_of()
    client.post(reverse("invoices:new"), raced | {"tab": "other"})

    codes = [
        client.get(reverse("invoices:detail", args=[unknown]), headers=headers).status_code,
        client.get("/nowhere/", headers=headers).status_code,
        client.get(reverse("fbr:tokens"), headers=headers).status_code,
        client.post(
            reverse("invoices:autosave"), raced | {"version": "7"}, headers=headers
        ).status_code,
    ]

    assert codes == [404, 404, 403, 409]
