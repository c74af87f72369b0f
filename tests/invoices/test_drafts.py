"""Drafts: written, changed, thrown away; what an issued document no longer allows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts import tenancy
from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from invoices import lifecycle
from invoices.content import Content, Line, Party
from invoices.enums import BuyerKind, SaleType, State
from invoices.models import Invoice, InvoiceEvent, InvoiceLine, InvoicePdf
from invoices.services import drafts
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM
from tests.invoices.test_lifecycle import _in_state

D = Decimal
CLOSED = [state for state in State if state not in {State.DRAFT, State.REJECTED}]


def everything():
    """All that a draft's services may write, as it stands."""
    return (
        list(Invoice.objects.order_by("id").values()),
        list(InvoiceLine.objects.order_by("id").values()),
        list(InvoiceEvent.objects.order_by("id").values()),
        AuditEvent.objects.count(),
    )


def create(content, entity, actor=SYSTEM):
    return drafts.create(content=content, entity=entity, actor=actor, at=AT)


def change(invoice, content, actor=SYSTEM, seen_version=None):
    seen = invoice.version if seen_version is None else seen_version
    return drafts.change(invoice=invoice, content=content, actor=actor, at=AT, seen_version=seen)


def test_create_stores_a_draft_with_its_taxes(entity, clerk):
    line = factories.make_line(quantity=D("12.5"), unit_price=D(265))
    unregistered = factories.make_party(registration_type=BuyerKind.UNREGISTERED, ntn_cnic="")

    invoice, _ = create(factories.make_content(line, line, buyer=unregistered), entity, clerk)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.state, stored.number, stored.serial, stored.version) == ("draft", "", None, 0)
    assert (stored.value, stored.sales_tax, stored.further_tax) == (
        D("6625.00"),
        D("1192.50"),
        D("265.00"),
    )
    assert (stored.total, stored.problems) == (D("8082.50"), [])
    rows = list(stored.lines.values_list("position", "value", "sales_tax", "total"))
    expected = (D("3312.50"), D("596.25"), D("4041.25"))
    assert rows == [(1, *expected), (2, *expected)]


def test_create_says_who_did_it(entity, clerk):
    invoice, _ = create(factories.make_content(), entity, clerk)

    event = AuditEvent.objects.get(object_id=invoice.pk)
    assert (event.action, event.actor) == (AuditAction.DRAFT_SAVED, clerk.name)
    assert event.details == {"lines": 1}


def test_create_gives_back_what_the_database_holds(entity):
    """What is issued in the same breath is written from memory: the two must not differ."""
    line = factories.make_line(discount=D("0.5"), retail_price=D(3), withheld=D("179.91"))
    made, made_lines = create(factories.make_content(line), entity)

    stored = Invoice.objects.get(pk=made.pk)
    for field in (field.attname for field in Invoice._meta.concrete_fields):
        if field != "buyer_key":
            assert getattr(made, field) == getattr(stored, field), field
    (stored_line,) = stored.lines.all()
    for field in (field.attname for field in InvoiceLine._meta.concrete_fields):
        assert getattr(made_lines[0], field) == getattr(stored_line, field), field


def test_create_keeps_an_unfinished_draft_with_its_problems(entity):
    content = Content(invoice_date=factories.DAY, lines=(Line(hs_code="nonsense"),))

    invoice, _ = create(content, entity)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert {(each["code"], each["line"]) for each in stored.problems} >= {
        ("0010", None),
        ("0044", 1),
        ("0098", 1),
    }
    assert all(set(each) == {"code", "field", "line", "message", "fix"} for each in stored.problems)


def test_what_was_typed_comes_back_as_it_was_typed(entity):
    content = factories.make_content(
        factories.make_line(discount=D("1.25"), further_tax=D(0), fed=D("2.50")),
        factories.make_line(description="Bales", retail_price=D("99.99"), sro_item="12"),
        factories.make_line(
            fed_type="First Schedule",
            fed_rate="16%",
            fed_unit_price=D("4.5000"),
            fed_schedule="Table I",
            fed_item="7",
            petroleum_levy_on="Value",
        ),
        client_reference="SO-7",
        scenario="SN001",
        prices_include_tax=True,
        withholding="one_fifth",
        reason="Return of goods",
        direction="decrease",
        is_advance=True,
        payment_mode="card",
    )

    invoice, _ = create(content, entity)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert drafts.content_of(stored, list(stored.lines.all())) == content


MOST = D("9999999999999.99")
TOO_LARGE = [
    ((factories.make_line(), factories.make_line(quantity=MOST, unit_price=MOST)), "unit_price", 2),
    ((factories.make_line(fed=MOST),), "unit_price", 1),
    (
        (factories.make_line(quantity=D(1), unit_price=D("4999999999999"), rate=""),) * 3,
        "lines",
        None,
    ),
    ((factories.make_line(quantity=MOST, rate="Rs.200"),), "unit_price", 1),
]


@pytest.mark.parametrize(("lines", "field", "line"), TOO_LARGE)
def test_an_amount_that_no_column_holds_is_refused(entity, lines, field, line):
    before = everything()

    with pytest.raises(RuleViolation) as refused:
        create(factories.make_content(*lines), entity)

    found = [(p["code"], p["field"], p["line"]) for p in refused.value.details["problems"]]
    assert found == [("0300", field, line)]
    assert everything() == before


def test_an_amount_that_just_fits_is_kept(entity):
    line = factories.make_line(quantity=D(1), unit_price=MOST, rate="")

    invoice, _ = create(factories.make_content(line), entity)

    assert Invoice.objects.get(pk=invoice.pk).total == MOST


def test_change_refuses_what_no_column_holds(entity):
    invoice, _ = create(factories.make_content(), entity)
    before = everything()

    with pytest.raises(RuleViolation):
        change(invoice, factories.make_content(factories.make_line(fed=MOST)))

    assert everything() == before


def test_create_is_not_for_viewers(entity, reader):
    before = everything()

    with pytest.raises(NotAllowed):
        create(factories.make_content(), entity, reader)

    assert everything() == before


# --- masters named by id -------------------------------------------------------------------------


def test_a_buyer_named_by_id_is_written_out(entity, buyer):
    content = replace(factories.make_content(), buyer=Party(), buyer_id=buyer.pk)

    invoice, _ = create(content, entity)

    assert (invoice.buyer_id, invoice.buyer_name, invoice.buyer_ntn_cnic) == (
        buyer.pk,
        "Sample Traders",
        "2046004",
    )
    assert invoice.problems == []


def test_what_is_typed_on_the_document_counts_more_than_the_master(entity, buyer):
    typed = factories.make_party(name="Somebody Else")
    content = factories.make_content(buyer=typed, buyer_id=buyer.pk)

    invoice, _ = create(content, entity)

    assert (invoice.buyer_name, invoice.buyer_id) == ("Somebody Else", buyer.pk)


def test_a_later_change_of_the_master_leaves_the_draft_alone(entity, buyer):
    content = replace(factories.make_content(), buyer=Party(), buyer_id=buyer.pk)
    invoice, _ = create(content, entity)

    buyer.name = "Renamed"
    buyer.save(update_fields=["name"])

    assert Invoice.objects.get(pk=invoice.pk).buyer_name == "Sample Traders"


def test_a_product_named_by_id_fills_the_line(entity, product):
    content = factories.make_content(Line(product_id=product.pk, quantity=D(2)))

    _, (line,) = create(content, entity)

    assert (line.description, line.hs_code, line.unit) == ("Cotton yarn", "5205.1100", "KG")
    assert (line.sale_type, line.rate) == (SaleType.STANDARD, "18%")
    assert (line.unit_price, line.value, line.sales_tax) == (D("2.50"), D("5.00"), D("0.90"))


def test_a_price_on_the_line_counts_more_than_the_products(entity, product):
    content = factories.make_content(
        Line(product_id=product.pk, quantity=D(2), unit_price=D("3.00"), unit="MT")
    )

    _, (line,) = create(content, entity)

    assert (line.unit_price, line.unit, line.value) == (D("3.00"), "MT", D("6.00"))


def foreign_ids(other_business):
    with tenancy.in_tenant(other_business.pk):
        return factories.make_buyer().pk, factories.make_product().pk


@pytest.mark.parametrize("place", ["nowhere", "elsewhere"])
def test_a_master_that_is_not_here_is_refused_by_field_and_line(entity, other_business, place):
    """A foreign id and one that never was are the same to us."""
    known = foreign_ids(other_business) if place == "elsewhere" else (uuid4(), uuid4())
    content = replace(
        factories.make_content(
            factories.make_line(), Line(product_id=known[1]), Line(product_id=known[1])
        ),
        buyer=Party(),
        buyer_id=known[0],
    )
    before = everything()

    with pytest.raises(RuleViolation) as refused:
        create(content, entity)

    found = [(p["code"], p["field"], p["line"]) for p in refused.value.details["problems"]]
    assert found == [
        ("unknown_buyer", "buyer_id", None),
        ("unknown_product", "product_id", 2),
        ("unknown_product", "product_id", 3),
    ]
    assert everything() == before


def test_a_foreign_buyer_is_refused_beside_a_typed_one_too(entity, other_business):
    """The typed name counts, but no row may point through the wall."""
    theirs, _ = foreign_ids(other_business)
    content = factories.make_content(buyer_id=theirs)
    before = everything()

    with pytest.raises(RuleViolation):
        create(content, entity)

    assert everything() == before


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("2046004-5", "2046004"), (" 35202-1234567-1 ", "3520212345671"), ("a123456", "A123456")],
)
def test_a_number_is_kept_as_fbr_wants_it(entity, typed, kept):
    invoice, _ = create(factories.make_content(buyer=factories.make_party(ntn_cnic=typed)), entity)

    assert (invoice.buyer_ntn_cnic, invoice.problems) == (kept, [])


@pytest.mark.parametrize("typed", ["35202-1234567-12", "12345678901234", "1234567890123456789"])
def test_a_number_that_is_too_long_is_refused_and_never_cut_to_fit(entity, typed):
    party = factories.make_party(ntn_cnic=typed)
    before = everything()

    with pytest.raises(RuleViolation) as refused:
        create(factories.make_content(buyer=party), entity)

    (problem,) = refused.value.details["problems"]
    assert (problem["code"], problem["field"]) == ("0002", "buyer.ntn_cnic")
    assert everything() == before


# --- references ----------------------------------------------------------------------------------


def test_a_reference_is_used_once_a_tenant(entity):
    create(factories.make_content(client_reference="SO-1"), entity)
    before = everything()

    with (
        pytest.raises(IntegrityError, match="invoice_client_reference_once"),
        transaction.atomic(),
    ):
        create(factories.make_content(client_reference="SO-1"), entity)

    assert everything() == before


def test_another_tenant_may_use_the_same_reference(entity, other_business):
    create(factories.make_content(client_reference="SO-1"), entity)

    with tenancy.in_tenant(other_business.pk):
        theirs = LegalEntity.objects.get()
        create(factories.make_content(client_reference="SO-1"), theirs)
        assert Invoice.objects.count() == 1

    assert Invoice.objects.count() == 1


def test_no_reference_may_stand_on_many(entity):
    create(factories.make_content(), entity)
    create(factories.make_content(), entity)

    assert Invoice.objects.filter(client_reference="").count() == 2


# --- change --------------------------------------------------------------------------------------


def test_change_replaces_the_content(entity, clerk):
    invoice, _ = create(factories.make_content(client_reference="SO-1"), entity)
    content = factories.make_content(
        factories.make_line(description="One"), factories.make_line(description="Two")
    )

    change(invoice, content, clerk)

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.version, stored.client_reference, stored.total) == (1, "", D("2360.00"))
    assert list(stored.lines.values_list("position", "description")) == [(1, "One"), (2, "Two")]
    assert (invoice.version, invoice.total) == (1, D("2360.00"))


def test_change_by_the_slower_of_two_people_is_refused(entity):
    invoice, _ = create(factories.make_content(), entity)
    change(invoice, factories.make_content(scenario="SN002"), seen_version=0)
    before = everything()

    with pytest.raises(StateConflict):
        change(invoice, factories.make_content(scenario="SN003"), seen_version=0)

    assert everything() == before
    assert Invoice.objects.get(pk=invoice.pk).scenario == "SN002"


def test_change_is_not_for_viewers(entity, reader):
    invoice, _ = create(factories.make_content(), entity)
    before = everything()

    with pytest.raises(NotAllowed):
        change(invoice, factories.make_content(scenario="SN002"), reader)

    assert everything() == before


@pytest.mark.parametrize("state", CLOSED)
def test_change_is_refused_once_a_document_is_issued(inside, state):
    invoice = _in_state(state)
    before = everything()

    with pytest.raises(StateConflict):
        change(invoice, factories.make_content(scenario="SN002"))

    assert everything() == before


def test_change_of_a_rejected_document_keeps_its_number(inside):
    invoice = _in_state(State.REJECTED)
    number = invoice.number

    change(invoice, factories.make_content(factories.make_line(quantity=D(1))))

    stored = Invoice.objects.get(pk=invoice.pk)
    assert (stored.state, stored.number, stored.serial) == ("rejected", number, 1)
    assert (stored.version, stored.value) == (2, D("2.50"))


def test_change_of_another_tenants_draft_finds_nothing(entity, other_business):
    invoice, _ = create(factories.make_content(), entity)
    before = everything()

    with (
        tenancy.in_tenant(other_business.pk),
        pytest.raises((StateConflict, LegalEntity.DoesNotExist)),
    ):
        change(invoice, factories.make_content())

    assert everything() == before


# --- delete --------------------------------------------------------------------------------------


def test_delete_throws_a_draft_away_and_says_so(entity, clerk):
    invoice, _ = create(factories.make_content(), entity)

    drafts.delete(invoice=invoice, actor=clerk, at=AT)

    assert not Invoice.objects.exists()
    assert not InvoiceLine.objects.exists()
    last = AuditEvent.objects.order_by("id").last()
    assert (last.action, last.object_id) == (AuditAction.DRAFT_DELETED, invoice.pk)


def test_delete_takes_a_printed_draft_too(entity, clerk):
    invoice, _ = create(factories.make_content(), entity)
    copy = InvoicePdf(
        invoice=invoice,
        shows=State.DRAFT,
        version=0,
        file="a.pdf",
        sha256="0" * 64,
        rendered_at=AT,
    )
    copy.save(force_insert=True)

    drafts.delete(invoice=invoice, actor=clerk, at=AT)

    assert not Invoice.objects.exists()


def test_delete_is_not_for_viewers(entity, reader):
    invoice, _ = create(factories.make_content(), entity)
    before = everything()

    with pytest.raises(NotAllowed):
        drafts.delete(invoice=invoice, actor=reader, at=AT)

    assert everything() == before


@pytest.mark.parametrize("state", [state for state in State if state != State.DRAFT])
def test_delete_is_refused_once_a_document_has_a_number(inside, state):
    invoice = _in_state(state)
    before = everything()

    with pytest.raises(StateConflict):
        drafts.delete(invoice=invoice, actor=SYSTEM, at=AT)

    assert everything() == before


def test_delete_sees_an_issue_that_came_first(inside):
    stale, _ = factories.make_draft()
    fresh = Invoice.objects.get(pk=stale.pk)
    also = {"serial": 1, "number": "INV-2026-000001"}
    lifecycle.transition(fresh, State.QUEUED, actor=SYSTEM, at=AT, also=also)

    with pytest.raises(StateConflict):
        drafts.delete(invoice=stale, actor=SYSTEM, at=AT)

    assert Invoice.objects.get(pk=stale.pk).state == State.QUEUED


def test_assess_stores_nothing(entity, django_assert_num_queries):
    drafts.assess(factories.make_content(), entity, at=AT)  # the lists are read once a process

    with django_assert_num_queries(0):
        found = drafts.assess(factories.make_content(), entity, at=AT)

    assert (found.totals.total, found.problems) == (D("1180.00"), ())
