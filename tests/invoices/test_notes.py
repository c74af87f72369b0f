"""Debit notes: what is left of an invoice, and the draft that takes it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from fbr.services import issuing
from invoices import rates, reasons, remains, selectors, tax
from invoices.content import Advance
from invoices.enums import NoteDirection, SaleType, State, Withholding
from invoices.models import Invoice, InvoiceLine, Till
from invoices.remains import Rest, Wanted
from invoices.services import assessing, notes
from invoices.standing import ALONE, standing_of
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories
from tests.factories import AT, DAY, SYSTEM, make_content, make_line, make_party
from tests.invoices.test_links import accepted

D = Decimal
TERMS = tax.Terms(on=DAY, buyer_kind="registered")
SCHEDULE = {"sale_type": SaleType.THIRD_SCHEDULE}


def sold(position=1, *, inclusive=False, **fields):
    """A line with its taxes, as issuing leaves it."""
    line = make_line(**fields)
    supply = tax.Supply(
        sale_type=line.sale_type,
        rate=rates.parse(line.rate),
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        retail_price=line.retail_price,
        fed_rate=rates.parse(line.fed_rate) if line.fed_rate else None,
    )
    taxes = tax.of_line(supply, replace(TERMS, inclusive=inclusive))
    names = ("description", "hs_code", "sale_type", "rate", "unit", "quantity", "unit_price")
    amounts = ("value", "sales_tax", "fed", "total", "retail_value", "residue", "discount")
    return InvoiceLine(
        position=position,
        retail_price=line.retail_price,
        fed_rate=line.fed_rate,
        withheld=D(0),
        advance=D(0),
        **{name: getattr(line, name) for name in names},
        **{name: getattr(taxes, name) for name in amounts},
    )


def read(line):
    return {text: rates.parse(text) for text in (line.rate, line.fed_rate) if text}


def noted(line, reason):
    """The line of a note as issuing would leave it."""
    supply = remains._supply(line, read(line))
    taxes = tax.of_line(supply, TERMS)
    return Invoice(reason=reason), InvoiceLine(
        **{name: getattr(line, name) for name in remains._SAME_GOODS},
        quantity=line.quantity,
        value=taxes.value,
        sales_tax=taxes.sales_tax,
    )


def part_of(rest, wanted, *, inclusive=False):
    return remains.part_of(rest, wanted, inclusive=inclusive, rates=read(rest.line), terms=TERMS)


# --- what is left -----------------------------------------------------------------------------


def test_nothing_was_taken_of_an_invoice_without_notes():
    line = sold()

    (rest,) = remains.rests_of([line], [])

    assert rest == Rest(line=line, quantity=D(400), value=D("1000.00"), sales_tax=D("180.00"))


def test_a_return_leaves_fewer_goods_and_a_price_cut_less_value():
    line = sold()
    returned = noted(make_line(quantity=D(100)), reasons.RETURNED)
    cheaper = noted(make_line(quantity=D(300), unit_price=D("0.50")), reasons.VALUE)

    (rest,) = remains.rests_of([line], [returned, cheaper])

    assert (rest.quantity, rest.value, rest.sales_tax) == (D(300), D("600.00"), D("108.00"))


def test_a_note_takes_of_the_lines_with_its_goods_from_the_first_on():
    lines = [sold(1), sold(2, description="Another yarn"), sold(3)]
    returned = noted(make_line(quantity=D(500)), reasons.RETURNED)

    rests = remains.rests_of(lines, [returned])

    assert [rest.quantity for rest in rests] == [D(0), D(400), D(300)]
    assert [rest.value for rest in rests] == [D("0.00"), D("1000.00"), D("750.00")]


# --- the lines of a note ----------------------------------------------------------------------

money = st.decimals(min_value="0.01", max_value="99999", places=2)
prices = st.decimals(min_value="0.0001", max_value="99999", places=4)
quantities = st.decimals(min_value="0.0001", max_value="9999", places=4)
kinds = st.sampled_from(
    [
        {},
        {"rate": "1.43%"},
        {"rate": "18% along with rupees 60 per kilogram"},
        {"rate": "Exempt"},
        {"fed_rate": "16%"},
        {"sale_type": SaleType.THIRD_SCHEDULE, "retail_price": D("33.37")},
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    quantity=quantities,
    price=prices,
    kind=kinds,
    inclusive=st.booleans(),
    parts=st.lists(st.decimals(min_value="0.01", max_value="0.9", places=2), max_size=5),
)
@example(  # so much of the tax goes by the unit that a lower price alone does not save a paisa
    quantity=D("2.4203"),
    price=D("0.5599"),
    kind={"rate": "18% along with rupees 60 per kilogram"},
    inclusive=False,
    parts=[D("0.25"), D("0.79"), D("0.02"), D("0.68")],
)
def test_notes_on_a_line_end_at_its_value_and_never_pass_its_tax(
    quantity, price, kind, inclusive, parts
):
    line = sold(quantity=quantity, unit_price=price, inclusive=inclusive, **kind)
    assume(line.value >= 1)
    taken = []
    for share in [*parts, None]:
        (rest,) = remains.rests_of([line], taken)
        asked = None if share is None else (rest.quantity * share).quantize(D("0.0001"))
        wanted = Wanted(position=1, quantity=asked)
        if rest.value <= 0 or list(remains.problems_of([wanted], [rest])):
            continue
        taken.append(noted(part_of(rest, wanted, inclusive=inclusive), reasons.RETURNED))

    value = sum((row.value for _note, row in taken), D(0))
    charged = sum((row.sales_tax for _note, row in taken), D(0))
    assert value <= line.value
    assert charged <= line.sales_tax
    assert line.value - value <= D(6)  # six notes at 1.43%, half a paisa of tax each


@settings(max_examples=150, deadline=None)
@given(quantity=quantities, price=prices, value=money, inclusive=st.booleans())
def test_a_line_of_a_note_comes_to_exactly_the_value_that_was_asked(
    quantity, price, value, inclusive
):
    line = sold(quantity=quantity, unit_price=price, inclusive=inclusive)
    rest = Rest(line=line, quantity=quantity, value=value, sales_tax=D("1e9"))

    made = part_of(rest, Wanted(position=1, value=value), inclusive=inclusive)

    found = tax.of_line(remains._supply(made, read(line)), TERMS)
    assert found.value == value
    assert made.discount >= 0
    assert made.unit_price.as_tuple().exponent >= -4


def test_a_return_is_told_at_the_invoices_own_price_with_its_share_of_the_discount():
    line = sold(discount=D(100))
    (rest,) = remains.rests_of([line], [])

    made = part_of(rest, Wanted(position=1, quantity=D(100)))

    assert (made.quantity, made.unit_price, made.discount) == (D(100), D("2.50"), D("25.00"))


def test_a_price_cut_is_told_as_the_difference_of_the_prices():
    (rest,) = remains.rests_of([sold()], [])

    made = part_of(rest, Wanted(position=1, value=D(200)))

    assert (made.quantity, made.unit_price, made.discount) == (D(400), D("0.5000"), D("0.00"))


@pytest.mark.parametrize(
    ("inclusive", "price", "less"),
    [(False, "2.00", "200.00"), (False, "3.00", "-200.00"), (True, "2.00", "169.49")],
)
def test_difference_is_told_before_tax(inclusive, price, less):
    (rest,) = remains.rests_of([sold(inclusive=inclusive)], [])

    found = remains.difference(
        rest, D(price), inclusive=inclusive, rates=read(rest.line), terms=TERMS
    )

    assert found == D(less)


def test_difference_counts_only_what_is_still_sold():
    line = sold()
    (rest,) = remains.rests_of([line], [noted(make_line(quantity=D(300)), reasons.RETURNED)])

    found = remains.difference(rest, D(2), inclusive=False, rates=read(line), terms=TERMS)

    assert found == D("50.00")


def test_a_last_note_ends_a_paisa_lower_rather_than_above_the_tax():
    line = sold(quantity=D(3), unit_price=D("33.37"))  # tax 18.02, a third of it 6.01
    one = noted(make_line(quantity=D(1), unit_price=D("33.37")), reasons.RETURNED)

    (rest,) = remains.rests_of([line], [one, one])
    made = part_of(rest, Wanted(position=1))

    assert (rest.value, rest.sales_tax) == (D("33.37"), D("6.00"))
    found = tax.of_line(remains._supply(made, read(line)), TERMS)
    assert (found.value, found.sales_tax) == (D("33.36"), D("6.00"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(position=2), [("note_line", "position", "")]),
        (Wanted(position=1, quantity=D(0)), [("note_quantity", "quantity", "400")]),
        (Wanted(position=1, quantity=D("400.0001")), [("note_quantity", "quantity", "400")]),
        (Wanted(position=1, value=D(0)), [("0036", "value", "1000.00")]),
        (Wanted(position=1, value=D("1000.01")), [("0036", "value", "1000.00")]),
        (Wanted(position=1, quantity=D(400), value=D(1000)), []),
    ],
)
def test_a_note_takes_no_more_than_is_left(wanted, expected):
    found = remains.problems_of([wanted], remains.rests_of([sold()], []))

    assert [(each.code, each.field, each.put) for each in found] == expected


def test_a_line_is_named_once():
    wanted = [Wanted(position=1, quantity=D(1))] * 2

    (problem,) = remains.problems_of(wanted, remains.rests_of([sold()], []))

    assert (problem.code, problem.line) == ("note_line", 1)


def test_another_price_changes_no_tax_on_the_retail_price():
    rests = remains.rests_of([sold(**SCHEDULE, retail_price=D(3))], [])

    (problem,) = remains.problems_of([Wanted(position=1, value=D(1))], rests)

    assert problem.code == "note_retail_price"
    assert not list(remains.problems_of([Wanted(position=1, value=D(1), quantity=D(1))], rests))


# --- the service ------------------------------------------------------------------------------


def draft_on(original, **fields):
    known = {"reason": reasons.RETURNED, "actor": SYSTEM, "at": AT}
    return notes.debit_note(original=original, **{**known, **fields})


AMOUNTS = ("value", "sales_tax", "further_tax", "extra_tax", "fed", "discount", "withheld", "total")
PARTY = ("name", "registration_type", "ntn_cnic", "province", "address")


def amounts_of(row):
    return [getattr(row, name) for name in AMOUNTS]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prices_include_tax": True},
        {"withholding": Withholding.FIFTH},
        {"lines": (make_line(discount=D(10)), make_line(description="Other", rate="18%"))},
        {"lines": (make_line(extra_tax=D("12.34"), withheld=D(180)),)},
        {"lines": (make_line(fed_rate="16%", fed_type="First Schedule"),)},
        {"lines": (make_line(**SCHEDULE, retail_price=D("3.33")),)},
    ],
    ids=str,
)
def test_a_note_over_all_of_it_comes_to_the_invoice_itself(inside, fields):
    original = accepted(make_content(**fields))

    note, lines = draft_on(original)

    assert note.problems == []
    assert amounts_of(note) == amounts_of(original)
    assert [row.quantity for row in lines] == [row.quantity for row in original.lines.all()]


def test_a_note_is_judged_by_the_law_of_its_invoice(inside):
    """The standard rate was 17 % until 14 February 2023, further tax 3 % until 30 June."""
    before, since = date(2023, 2, 10), date(2023, 7, 3)
    sample = make_line(rate="17%")
    buyer = make_party(registration_type="unregistered", ntn_cnic="1000000000000")
    original = accepted(make_content(sample, invoice_date=before, buyer=buyer))
    note = make_content(sample, invoice_date=since, buyer=buyer, original_id=original.pk)
    entity = LegalEntity.objects.get()

    def found(standing):
        assessment = assessing.assess(note, entity, at=AT, standing=standing)
        return assessment.totals.further_tax, "0046" in {one.code for one in assessment.problems}

    assert found(standing_of(note)) == (D("30.00"), False)
    assert found(ALONE) == (D("40.00"), True)  # the twin: by the law of the note's own day


def test_a_note_names_its_invoice_and_its_customer_as_they_were(inside):
    original = accepted()
    factories.make_buyer(address="Moved since")

    note, _lines = draft_on(original)

    assert (note.document_type, note.state, note.number) == ("debit_note", State.DRAFT, "")
    assert (note.original_id, note.reason, note.direction) == (
        original.pk,
        "Return of goods",
        NoteDirection.DECREASE,
    )
    assert [getattr(note, f"buyer_{name}") for name in PARTY] == [
        getattr(original, f"buyer_{name}") for name in PARTY
    ]
    assert note.invoice_date == DAY
    saved = AuditEvent.objects.filter(object_id=note.pk).values_list("action", flat=True)
    assert list(saved) == [AuditAction.DRAFT_SAVED]


def test_a_note_has_a_run_of_numbers_of_its_own(inside):
    original = accepted()
    first, _ = draft_on(original, lines=[Wanted(position=1, quantity=D(1))])

    issuing.issue(invoice=first, actor=SYSTEM, at=AT)

    assert (original.number, first.number) == ("INV-2026-000001", "INV-DN-2026-000001")
    assert first.original_fbr_number == original.fbr_number


def test_a_second_note_takes_what_the_first_has_left(inside):
    original = accepted()
    first, _ = draft_on(original, lines=[Wanted(position=1, quantity=D(100))])
    before, _ = draft_on(original)
    issuing.issue(invoice=first, actor=SYSTEM, at=AT)

    second, (line,) = draft_on(original)

    assert before.value == D("1000.00")  # a draft takes nothing yet
    assert (line.quantity, second.value, second.sales_tax) == (D(300), D("750.00"), D("135.00"))
    assert second.problems == []


def test_nothing_is_left_after_a_note_over_all_of_it(inside):
    original = accepted()
    issuing.issue(invoice=draft_on(original)[0], actor=SYSTEM, at=AT)

    with pytest.raises(RuleViolation) as refused:
        draft_on(original)

    assert refused.value.details["problems"][0]["code"] == "0036"


def test_a_note_on_an_invoice_charged_in_advance_takes_what_was_charged_now(inside):
    receipt = accepted(make_content(is_advance=True))
    advances = (Advance(receipt_id=receipt.pk, value=D(600)),)
    original = accepted(make_content(advances=advances), number="7000007DI2")

    note, _lines = draft_on(original)

    assert (original.value, note.value, note.problems) == (D("400.00"), D("400.00"), [])


@pytest.mark.parametrize(
    ("buyer", "state", "code"),
    [
        ({}, State.QUEUED, "0057"),
        ({"registration_type": "unregistered"}, State.ACCEPTED, "0106"),
    ],
)
def test_no_note_is_begun_on_an_invoice_that_can_have_none(inside, buyer, state, code):
    content = make_content(buyer=make_party(**buyer))
    original = accepted(content) if state == State.ACCEPTED else factories.make_issued(content)
    before = Invoice.objects.count()

    with pytest.raises(RuleViolation) as refused:
        draft_on(original)

    assert refused.value.details["problems"][0]["code"] == code
    assert Invoice.objects.count() == before


def test_a_reader_begins_no_note(inside, reader):
    original = accepted()

    with pytest.raises(NotAllowed):
        draft_on(original, actor=reader)

    assert Invoice.objects.count() == 1


# --- selectors --------------------------------------------------------------------------------


def test_receipts_left_are_those_of_the_customer_with_something_left(inside, entity):
    receipt = accepted(make_content(is_advance=True))
    accepted(make_content(), number="7000007DI2")
    whole = accepted(make_content(is_advance=True), number="7000007DI3")
    factories.make_issued(make_content(is_advance=True))
    issuing.issue(invoice=draft_on(whole)[0], actor=SYSTEM, at=AT)
    user = factories.make_issued(
        make_content(
            make_line(quantity=D(800)), advances=(Advance(receipt_id=receipt.pk, value=D(300)),)
        )
    )

    found = selectors.receipts_left(make_party(), entity)
    own = selectors.receipts_left(make_party(), entity, apart_from=user.pk)

    assert [(each.invoice, each.left) for each in found] == [(receipt, D(700))]
    assert [(each.invoice, each.left) for each in own] == [(receipt, D(1000))]
    assert selectors.receipts_left(make_party(ntn_cnic="1234567"), entity) == []
    assert selectors.receipts_left(make_party(ntn_cnic="", name=""), entity) == []
    assert [each.invoice for each in selectors.uses_of(receipt)] == [user]


def test_receipts_of_a_customer_without_a_number_go_by_the_name(inside, entity):
    walk_in = {"registration_type": "unregistered", "ntn_cnic": ""}
    receipt = accepted(make_content(is_advance=True, buyer=make_party(**walk_in)))

    found = selectors.receipts_left(make_party(**walk_in, name="SAMPLE traders"), entity)

    assert [each.invoice for each in found] == [receipt]
    assert selectors.receipts_left(make_party(), entity) == []


# --- at a till --------------------------------------------------------------------------------


@pytest.fixture
def bill(entity):
    """A bill of a till, to nobody in particular, that FBR has accepted."""
    till = Till(
        tenant_id=entity.tenant_id,
        legal_entity=entity,
        environment=entity.environment,
        name="Till 1",
        pos_id=817001,
    )
    till.save(force_insert=True)
    buyer = make_party(registration_type="unregistered", ntn_cnic="")
    return accepted(make_content(till_id=till.pk, payment_mode="cash", buyer=buyer))


def test_a_bill_is_taken_back_by_a_credit_note_of_its_till(bill):
    note, _lines = draft_on(bill)

    issuing.issue(invoice=note, actor=SYSTEM, at=AT)

    assert (note.document_type, note.till_id, note.payment_mode) == (
        "credit_note",
        bill.till_id,
        "cash",
    )
    assert note.number == "INV-CN-2026-000001"
    assert note.direction == NoteDirection.DECREASE


def test_a_credit_note_without_a_reason_takes_the_goods(bill):
    note, _lines = draft_on(bill, reason="", lines=[Wanted(position=1, quantity=D(100))])
    issuing.issue(invoice=note, actor=SYSTEM, at=AT)

    (rest,) = notes.correctable(bill).rests

    assert rest.quantity == D(300)


def test_two_credit_notes_do_not_take_back_more_than_was_sold(bill):
    first, second = draft_on(bill)[0], draft_on(bill)[0]
    issuing.issue(invoice=first, actor=SYSTEM, at=AT)

    with pytest.raises(RuleViolation) as refused:
        issuing.issue(invoice=second, actor=SYSTEM, at=AT)

    assert refused.value.details["problems"][0]["code"] == "0036"
