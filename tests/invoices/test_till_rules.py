"""What the bill of a till must meet, and what it need not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from accounts.enums import Activity, Environment
from accounts.models import LegalEntity
from fbr.models import Outbox
from invoices.content import Party
from invoices.enums import BuyerKind, DocumentType, FurtherTaxWhy, SaleType, Withholding
from invoices.models import Invoice, InvoiceLine, PosTerms, Till
from invoices.services.assessing import assess
from invoices.standing import standing_of
from tests import factories
from tests.factories import AT, make_bill, make_content, make_line, make_party

D = Decimal


@pytest.fixture
def till(entity):
    return factories.make_till()


def problems_of(content):
    entity = LegalEntity.objects.get()
    return assess(content, entity, at=AT, standing=standing_of(content)).problems


def codes_of(content):
    return sorted(problem.code for problem in problems_of(content))


# --- what a bill need not say --------------------------------------------------------------------


def test_a_customer_who_is_nobody_in_particular_is_fine_at_a_till(till):
    assert codes_of(make_bill(till)) == []


def test_without_a_till_the_same_customer_is_not(entity):
    found = codes_of(make_content(buyer=Party()))

    assert {"0010", "0012", "0074", "buyer_address"} <= set(found)


@pytest.mark.parametrize(
    ("party", "code"),
    [
        (Party(province="Nowhere"), "0074"),
        (Party(registration_type="maybe"), "0012"),
        (Party(ntn_cnic="12"), "0002"),
        (Party(ntn_cnic="7000007"), "0058"),
        (Party(registration_type=BuyerKind.REGISTERED), "0009"),
    ],
)
def test_what_is_said_of_a_customer_must_be_right(till, party, code):
    assert codes_of(make_bill(till, buyer=party)) == [code]


def test_a_line_needs_no_unit_at_a_till(till):
    assert codes_of(make_bill(till, make_line(unit=""))) == []
    assert codes_of(make_bill(till, make_line(unit="kilos"))) == ["0099"]


def test_a_line_needs_no_schedule_at_a_till(till):
    medicine = make_line(sale_type=SaleType.REDUCED, rate="1%")

    assert codes_of(make_bill(till, medicine)) == []
    assert "0077" in codes_of(make_content(medicine))


def test_goods_without_a_code_need_the_usual_one(till, entity):
    bill = make_bill(till, make_line(hs_code=""))

    assert codes_of(bill) == ["0019"]
    PosTerms(legal_entity=entity, usual_pct_code="98211000").save()
    assert codes_of(bill) == []


def test_a_code_that_fbr_does_not_know_is_never_excused(till, entity):
    PosTerms(legal_entity=entity, usual_pct_code="98211000").save()

    assert codes_of(make_bill(till, make_line(hs_code="0000.0000"))) == ["0044"]


# --- what it must say ----------------------------------------------------------------------------


def test_a_bill_says_how_it_was_paid(till):
    (problem,) = problems_of(make_bill(till, payment_mode=""))

    assert (problem.code, problem.field) == ("payment_mode", "payment_mode")


def test_a_product_at_a_till_has_an_item_code(till, product):
    bill = make_bill(till, make_line(product_id=product.pk))

    (problem,) = problems_of(bill)

    assert (problem.code, problem.field, problem.line) == ("item_code", "product_id", 1)
    product.item_code = "YARN-20S"
    product.save()
    assert codes_of(bill) == []
    assert codes_of(make_content(make_line(product_id=product.pk))) == []


def test_a_large_bill_names_its_customer(till, entity):
    """Above the limit of s. 23(1)(b) also a shop asks for the CNIC."""
    large = make_line(quantity=D(40000))

    assert codes_of(make_bill(till, large)) == ["buyer_identity"]
    assert codes_of(make_bill(till, large, buyer=Party(ntn_cnic="3520212345671"))) == []


def test_a_manufacturers_shop_is_a_shop(till, entity):
    LegalEntity.objects.update(activity=Activity.MANUFACTURER)

    assert codes_of(make_bill(till)) == []


# --- what POS cannot say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"sale_type": SaleType.CEMENT, "rate": "Rs.3"}, "rate_at_till"),
        (
            {"sale_type": SaleType.POTASSIUM, "rate": "18% along with rupees 60 per kilogram"},
            "rate_at_till",
        ),
        ({"extra_tax": D("1.00")}, "extra_tax_at_till"),
        ({"withheld": D("180.00")}, "withheld_at_till"),
    ],
)
def test_what_pos_has_no_box_for_is_refused_with_words(till, line, code):
    buyer = make_party()

    (problem,) = [
        each
        for each in problems_of(make_bill(till, make_line(**line), buyer=buyer))
        if each.code.endswith("_at_till")
    ]

    assert (problem.code, problem.line) == (code, 1)
    assert "without a till" in problem.fix


def test_a_rate_with_three_places_is_refused(till):
    line = make_line(sale_type=SaleType.REDUCED, rate="1.435%")

    assert "rate_at_till" in codes_of(make_bill(till, line))


def test_a_withholding_customer_buys_without_a_till(till):
    bill = make_bill(till, buyer=make_party(), withholding=Withholding.FULL)

    (problem,) = problems_of(bill)

    assert (problem.code, problem.put) == ("withheld_at_till", Withholding.NONE)


def test_a_sandbox_scenario_is_not_of_pos(till):
    (problem,) = problems_of(make_bill(till, scenario="SN026"))

    assert (problem.code, problem.deed) == ("scenario_at_till", "clear_scenario")


@pytest.mark.parametrize(
    ("document_type", "with_till", "code", "put"),
    [
        (DocumentType.DEBIT_NOTE, True, "debit_note_at_till", "credit_note"),
        (DocumentType.CREDIT_NOTE, False, "credit_note_without_till", "debit_note"),
    ],
)
def test_each_system_has_its_own_kind_of_note(till, document_type, with_till, code, put):
    content = make_bill(till, document_type=document_type)
    if not with_till:
        content = make_content(document_type=document_type)

    (problem,) = [each for each in problems_of(content) if each.code == code]

    assert (problem.field, problem.put) == ("document_type", put)


# --- the till itself -----------------------------------------------------------------------------


def test_a_retired_till_makes_no_bill(till):
    Till.objects.update(retired_at=AT)

    assert codes_of(make_bill(till)) == ["till"]


def test_a_till_of_the_other_environment_makes_no_bill(till):
    LegalEntity.objects.update(environment=Environment.PRODUCTION)

    assert codes_of(make_bill(till)) == ["till"]


# --- returns -------------------------------------------------------------------------------------


@pytest.fixture
def sold(till):
    """A bill of Rs 1,000 and tax, at FBR."""
    invoice = factories.make_issued(make_bill(till))
    factories.accept(invoice)
    return Invoice.objects.get(pk=invoice.pk)


def back(till, sold, *lines, **fields):
    known = {"document_type": DocumentType.CREDIT_NOTE, "original_id": sold.pk}
    return make_bill(till, *lines, **{**known, **fields})


def test_a_return_needs_no_reason(till, sold):
    assert codes_of(back(till, sold)) == []
    assert codes_of(back(till, sold, make_line(quantity=D(100)))) == []


def test_a_return_names_its_bill(till, sold):
    assert codes_of(back(till, sold, original_id=None)) == ["0026"]


def test_more_than_was_sold_does_not_come_back(till, sold):
    assert "0036" in codes_of(back(till, sold, make_line(quantity=D(401))))


def test_what_came_back_before_counts(till, sold):
    factories.make_issued(back(till, sold, make_line(quantity=D(300))))

    assert codes_of(back(till, sold, make_line(quantity=D(100)))) == []
    assert "0036" in codes_of(back(till, sold, make_line(quantity=D(101))))


def test_goods_come_back_to_the_till_that_sold_them(till, sold):
    other = factories.make_till(name="Counter 2", pos_id="817002")

    assert codes_of(back(other, sold)) == ["note_till"]


def test_a_bill_that_fbr_does_not_have_is_not_taken_back(till):
    waiting = factories.make_issued(make_bill(till))

    assert codes_of(back(till, waiting)) == ["0057"]


def test_a_return_bears_no_fee(till, sold, entity):
    PosTerms(legal_entity=entity, service_fee="in_bill").save()

    sale = factories.make_draft(make_bill(till))[0]
    taken = factories.make_draft(back(till, sold))[0]

    assert (sale.service_fee, taken.service_fee) == (1, 0)


def test_no_fee_before_the_law_asked_for_it(till, entity):
    PosTerms(legal_entity=entity, service_fee="printed").save()

    old = factories.make_draft(make_bill(till, invoice_date=date(2021, 9, 30)))[0]

    assert old.service_fee == 0


# --- numbers -------------------------------------------------------------------------------------


def test_a_return_has_a_run_of_numbers_of_its_own(till, sold):
    taken = factories.make_issued(back(till, sold, make_line(quantity=D(1))))

    assert sold.number == "INV-2026-000001"
    assert taken.number == "INV-CN-2026-000001"


def test_every_number_is_one_word_that_pos_takes(till, entity):
    LegalEntity.objects.update(series="A-LONG-ONE")

    number = factories.make_issued(make_bill(till)).number

    assert len(number) <= 50
    assert number.isascii()
    assert " " not in number


# --- further tax ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("party", "tax", "why"),
    [
        (Party(), 0, FurtherTaxWhy.CONSUMER),
        (Party(registration_type=BuyerKind.UNREGISTERED, name="Ali Stores"), 40, "charged"),
    ],
)
def test_a_final_consumer_bears_no_further_tax_and_a_trader_does(till, party, tax, why):
    factories.make_issued(make_bill(till, buyer=party))

    line = InvoiceLine.objects.get()

    assert (line.further_tax, line.further_tax_why) == (tax, why)
    assert bytes(Outbox.objects.get().body).count(b'"FurtherTax":%d' % tax) == 2
