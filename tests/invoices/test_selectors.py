"""Lists and look-ups: what they find, how they page, and which index answers."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import tenancy
from invoices import lifecycle, selectors
from invoices.enums import BuyerKind, State
from invoices.models import Buyer, Invoice, Product
from invoices.selectors import InvoiceFilter
from smartinvoicing.errors import NotFound, RuleViolation
from tests import factories
from tests.factories import AT, DAY, SYSTEM, make_content, make_party
from tests.invoices.test_frozen import columns_of

D = Decimal


def draft(**fields):
    return factories.make_draft(make_content(**fields))[0]


def ids(rows):
    return [row.pk for row in rows]


def found(**wanted):
    return ids(selectors.invoice_page(InvoiceFilter(**wanted)).rows)


def pages_of(read, *, size):
    """All rows, page after page."""
    rows, cursor = [], ""
    while True:
        page = read(cursor=cursor, size=size)
        rows.append(page.rows)
        cursor = page.next
        if not cursor:
            return rows


# --- filters -------------------------------------------------------------------------------------


def test_invoices_stand_newest_first(inside):
    old = draft(invoice_date=DAY - timedelta(days=2))
    new = draft(invoice_date=DAY)
    between = draft(invoice_date=DAY - timedelta(days=1))
    newer = draft(invoice_date=DAY)

    assert found() == ids([newer, new, between, old])


def test_invoices_of_another_tenant_are_not_there(inside, other_business):
    mine = draft()
    with tenancy.in_tenant(other_business.pk):
        draft()

    assert found() == [mine.pk]


def test_the_list_is_narrowed_by_state(inside):
    waiting, still = factories.make_issued(), draft()

    assert found(state="queued") == [waiting.pk]
    assert found(state="draft") == [still.pk]
    assert found(state="void") == []


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, [3, 2, 1]),
        (date(2026, 11, 2), None, [3, 2]),
        (None, date(2026, 11, 2), [2, 1]),
        (date(2026, 11, 2), date(2026, 11, 2), [2]),
        (date(2026, 11, 4), None, []),
    ],
)
def test_the_list_is_narrowed_by_date_both_days_counted(inside, since, until, expected):
    for day in (1, 2, 3):
        draft(invoice_date=date(2026, 11, day))

    rows = selectors.invoice_page(InvoiceFilter(since=since, until=until)).rows

    assert [row.invoice_date.day for row in rows] == expected


def test_the_list_is_narrowed_by_buyer(inside, buyer):
    theirs = draft(buyer_id=buyer.pk)
    draft()

    assert found(buyer_id=buyer.pk) == [theirs.pk]
    assert found(buyer_id=UUID(int=7)) == []


@pytest.mark.parametrize(
    "text", ["ittehad", "ITTEHAD tex", "Ittehad Textiles (Pvt) Ltd", "SO-77", "ittehad textiles"]
)
def test_text_finds_the_beginning_of_a_name_and_a_whole_reference(inside, text):
    wanted = draft(buyer=make_party(name="Ittehad Textiles (Pvt) Ltd"), client_reference="SO-77")
    draft(buyer=make_party(name="Not Ittehad"), client_reference="SO-770")

    assert found(text=text) == [wanted.pk]


@pytest.mark.parametrize(
    "text", ["textiles", "SO-7", "so-77", "%", "_", "Ittehad%", "\\", "'", "\U0010ffff"]
)
def test_text_finds_nothing_in_the_middle_and_knows_no_wildcard(inside, text):
    draft(buyer=make_party(name="Ittehad Textiles"), client_reference="SO-77")

    assert found(text=text) == []


@pytest.mark.parametrize("text", ["INV-2026-000001", "inv-2026-000001", "inv-2026-0000", "INV-"])
def test_text_finds_the_beginning_of_a_number(inside, text):
    wanted = factories.make_issued()
    draft()

    assert found(text=text) == [wanted.pk]


def test_text_finds_a_whole_fbr_number(inside):
    wanted = factories.make_issued()
    lifecycle.transition(wanted, State.SUBMITTING, actor=SYSTEM, at=AT)
    number = {"fbr_number": "7000007DI1747119701593", "accepted_at": AT}
    lifecycle.transition(wanted, State.ACCEPTED, actor=SYSTEM, at=AT, also=number)

    assert found(text="7000007DI1747119701593") == [wanted.pk]
    assert found(text="7000007DI") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\u0633\u0648\u062a\u06cc \u062f\u06be\u0627\u06af\u06c1", "\u0633\u0648\u062a\u06cc"),
        ("\u00c9clair Foods", "\u00e9clair"),
        ("\u00c9clair Foods", "\u00c9CLAIR"),
        ("O'Neill & Sons", "o'neill"),
        ("100% Cotton", "100%"),
    ],
)
def test_text_finds_names_of_every_script(inside, name, text):
    wanted = draft(buyer=make_party(name=name))

    assert found(text=text) == [wanted.pk]


def test_filters_narrow_together(inside, buyer):
    wanted = draft(buyer_id=buyer.pk, invoice_date=DAY)
    draft(buyer_id=buyer.pk, invoice_date=DAY - timedelta(days=9))
    draft(invoice_date=DAY)

    assert found(buyer_id=buyer.pk, since=DAY, state="draft", text="sample") == [wanted.pk]


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 5, 9, 10, 11])
def test_pages_over_equal_dates_miss_and_repeat_nothing(inside, size):
    made = [draft(invoice_date=DAY - timedelta(days=n // 4)) for n in range(10)]

    def read(cursor, size):
        return selectors.invoice_page(InvoiceFilter(), cursor=cursor, size=size)

    pages = pages_of(read, size=size)

    assert [row.pk for page in pages for row in page] == sorted(
        ids(made), key=lambda pk: (Invoice.objects.get(pk=pk).invoice_date, pk), reverse=True
    )
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert pages[-1]


def test_a_page_stays_where_it_was_when_newer_documents_come(inside):
    made = [draft() for _ in range(4)]
    first = selectors.invoice_page(InvoiceFilter(), size=2)
    draft()

    second = selectors.invoice_page(InvoiceFilter(), cursor=first.next, size=2)

    assert ids(second.rows) == ids(reversed(made[:2]))
    assert second.next == ""


def test_the_cursor_of_a_deleted_document_goes_on(inside):
    made = [draft() for _ in range(3)]
    first = selectors.invoice_page(InvoiceFilter(), size=1)
    made[2].lines.all().delete()
    Invoice.objects.filter(pk=made[2].pk).delete()

    rest = selectors.invoice_page(InvoiceFilter(), cursor=first.next)

    assert ids(rest.rows) == ids([made[1], made[0]])


def test_a_page_is_never_larger_than_we_allow(inside):
    assert selectors.LARGEST_PAGE == 200
    for _ in range(3):
        draft()

    assert len(selectors.invoice_page(InvoiceFilter(), size=10**6).rows) == 3


def written(*parts):
    return base64.urlsafe_b64encode(json.dumps(list(parts)).encode()).decode()


GARBAGE = [
    "x",
    "=",
    "%%%%",
    "\u0661\u0662",
    "\ud800",
    "bm90IGpzb24=",
    base64.urlsafe_b64encode(b"[" * 6000).decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    base64.urlsafe_b64encode(b"{}").decode(),
    written(),
    written("2026-11-20"),
    written("2026-11-20", "a", "b"),
    written({"a": 1}, []),
    written(None, None),
]
BAD_PLACES = [
    written("2026-11-20", "not an id"),
    written("20-11-2026", str(UUID(int=7))),
    written("2026-11-20\u0000", str(UUID(int=7))),
    written("\ud800", str(UUID(int=7))),
]


@pytest.mark.parametrize("cursor", [*GARBAGE, *BAD_PLACES], ids=lambda text: repr(text)[:30])
def test_a_cursor_that_we_did_not_write_is_refused(inside, cursor):
    with pytest.raises(RuleViolation, match="not one of ours"):
        selectors.invoice_page(InvoiceFilter(), cursor=cursor)


NAMED = [selectors.buyers, selectors.products]


@pytest.mark.parametrize("read", NAMED)
@pytest.mark.parametrize(
    "cursor",
    [*GARBAGE, written("name", "not an id"), written("\u0000", str(UUID(int=7)))],
    ids=lambda text: repr(text)[:30],
)
def test_a_masters_cursor_that_we_did_not_write_is_refused(inside, read, cursor):
    with pytest.raises(RuleViolation, match="not one of ours"):
        read(cursor=cursor)


def test_a_cursor_comes_back_as_it_was_written():
    key = str(UUID(int=7))

    assert selectors.read_cursor(selectors.write_cursor(DAY, key)) == ["2026-11-20", key]


# --- masters -------------------------------------------------------------------------------------


def test_buyers_stand_by_name_whatever_their_capitals(inside):
    for name in ("beta", "Alpha", "BETA", "gamma"):
        factories.make_buyer(name=name)

    names = [buyer.name for page in pages_of(selectors.buyers, size=1) for buyer in page]

    assert names == ["Alpha", "beta", "BETA", "gamma"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("al", ["Alpha"]), ("ALPHA", ["Alpha"]), ("pha", []), ("2046", ["Alpha"]), ("9", ["Beta"])],
)
def test_buyers_are_found_by_the_beginning_of_name_or_number(inside, text, expected):
    factories.make_buyer(name="Alpha", ntn_cnic="2046004")
    factories.make_buyer(name="Beta", ntn_cnic="9999999")

    assert [buyer.name for buyer in selectors.buyers(text=text).rows] == expected


@pytest.mark.parametrize("read", NAMED)
@pytest.mark.parametrize(
    ("text", "count"),
    [("a\u0000b", 0), ("%", 0), ("\u00b2", 0), ("\U0010ffff", 0), ("\u0000", 1), ("\ud800", 1)],
)
def test_any_text_may_be_looked_for(inside, buyer, product, read, text, count):
    assert len(read(text=text).rows) == count


def test_products_stand_by_name(inside):
    for name in ("Yarn", "cloth"):
        factories.make_product(name=name)

    assert [row.name for row in selectors.products().rows] == ["cloth", "Yarn"]
    assert [row.name for row in selectors.products(text="YA").rows] == ["Yarn"]


@pytest.mark.parametrize("place", ["nowhere", "elsewhere"])
def test_what_is_not_here_is_not_found_whosever_it_is(inside, other_business, place):
    with tenancy.in_tenant(other_business.pk):
        theirs = (draft().pk, factories.make_buyer().pk, factories.make_product().pk)
    wanted = theirs if place == "elsewhere" else (UUID(int=7), UUID(int=7), UUID(int=7))

    for look, pk in zip(
        (selectors.invoice, selectors.buyer, selectors.product), wanted, strict=True
    ):
        with pytest.raises(NotFound):
            look(pk)


def test_what_is_here_is_found(inside, buyer, product):
    mine = draft()

    assert selectors.invoice(mine.pk) == mine
    assert (selectors.buyer(buyer.pk), selectors.product(product.pk)) == (buyer, product)
    assert [line.position for line in selectors.lines_of(mine)] == [1]


# --- figures -------------------------------------------------------------------------------------


def test_the_red_list_shows_uncertain_first_then_refused_oldest_first(inside):
    made = {}
    for state, hours in (("rejected", 0), ("uncertain", 2), ("uncertain", 1), ("rejected", 3)):
        invoice = factories.make_issued()
        at = AT + timedelta(hours=hours)
        lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=at)
        lifecycle.transition(invoice, State(state), actor=SYSTEM, at=at)
        made[state, hours] = invoice.pk
    factories.make_issued()

    expected = [
        made["uncertain", 1],
        made["uncertain", 2],
        made["rejected", 0],
        made["rejected", 3],
    ]
    assert ids(selectors.red_list("sandbox")) == expected
    assert ids(selectors.red_list("sandbox", most=1)) == expected[:1]
    assert ids(selectors.red_list("sandbox", most=3)) == expected[:3]


def test_month_figures_count_what_is_reported_or_waits(inside):
    unregistered = make_party(registration_type=BuyerKind.UNREGISTERED, ntn_cnic="")
    factories.make_issued(make_content(buyer=unregistered, invoice_date=date(2026, 11, 1)))
    factories.make_issued(make_content(invoice_date=date(2026, 10, 31)))
    draft()

    month = selectors.month_figures("sandbox", date(2026, 11, 1), date(2026, 11, 30))

    assert month == selectors.MonthFigures(value=D("1000.00"), sales_tax=D("220.00"), count=1)
    assert selectors.month_figures("sandbox", date(2025, 1, 1), date(2025, 1, 31)).value == 0


def test_what_is_tried_in_the_sandbox_is_no_sale_of_production(inside):
    factories.make_issued()

    month = selectors.month_figures("production", date(2026, 11, 1), date(2026, 11, 30))

    assert (month.value, month.count) == (0, 0)
    assert selectors.daily_sales("production", DAY, DAY) == {}


def test_daily_sales_add_up_by_day(inside):
    for _ in range(2):
        factories.make_issued()
    draft()

    (figures,) = selectors.daily_sales("sandbox", DAY, DAY).values()
    assert (figures.value, figures.tax) == (D("2000.00"), D("360.00"))


# --- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_costs_one_query_however_long_it_is(inside, count, django_assert_num_queries):
    for _ in range(count):
        draft()

    with django_assert_num_queries(1):
        rows = selectors.invoice_page(InvoiceFilter()).rows
        assert [str(row) for row in rows] == ["draft"] * count


@pytest.mark.parametrize("read", NAMED)
def test_a_page_of_masters_costs_one_query(inside, buyer, product, read, django_assert_num_queries):
    with django_assert_num_queries(1):
        read()


ROWS = 5000
# FBR's number is unique over all tenants, and so found; the row policy looks at what is found.
OVER_ALL = "invoice_fbr_number_once"
MANY = f"generate_series(1, {ROWS}) n"


@pytest.fixture
def thousands(transactional_db, business, other_business, laid_database):
    """5,000 documents, customers and products of each of two tenants, and the planner knows."""
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            copies = many_of(factories.make_buyer(), factories.make_product(), draft())
        with laid_database.cursor() as cursor:
            cursor.execute("BEGIN; SET LOCAL session_replication_role = replica")
            for statement in copies:
                cursor.execute(statement)
            cursor.execute("COMMIT")
    with laid_database.cursor() as cursor:
        cursor.execute("ANALYZE invoices_invoice, invoices_buyer, invoices_product")
    with tenancy.in_tenant(business.pk), transaction.atomic():
        yield business


def many_of(buyer, product, invoice):
    """Statements that copy one row of each 5,000 times, with other keys, names and dates."""
    name = "'{} ' || lpad({}::text, 5, '0')"
    key = "md5(id::text || {})::uuid"
    return [
        f"INSERT INTO {table} {columns_of(table, **instead)}, {MANY} WHERE id = '{row.pk}'"
        for row, table, instead in (
            (
                buyer,
                "invoices_buyer",
                {
                    "id": key.format("n"),
                    "name": name.format("Buyer", "n"),
                    "ntn_cnic": "lpad(n::text, 7, '1')",
                },
            ),
            (
                product,
                "invoices_product",
                {"id": key.format("n"), "name": name.format("Product", "n")},
            ),
            (
                invoice,
                "invoices_invoice",
                {
                    "id": key.format("n"),
                    "state": "(ARRAY['queued', 'void', 'rejected', 'uncertain'])[1 + n % 4]",
                    "serial": "n",
                    "number": "'INV-2026-' || lpad(n::text, 6, '0')",
                    "client_reference": "'SO-' || n",
                    "invoice_date": "date '2020-01-01' + n % 2000",
                    "buyer_id": f"md5('{buyer.pk}' || (1 + n % 500))::uuid",
                    "buyer_name": name.format("Buyer", "(1 + n % 500)"),
                },
            ),
        )
    ]


def nodes_of(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


def plan_of(read):
    """The nodes of the plan of the one statement that `read` runs."""
    with CaptureQueriesContext(connection) as ran:
        page = read()
    assert len(ran) == 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + ran[0]["sql"])
        ((plan,),) = cursor.fetchall()
    return page, list(nodes_of((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def first_columns(names):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE c.relname = ANY(%s)",
            [list(names)],
        )
        return {name for (name,) in cursor.fetchall()}


def test_every_list_is_answered_by_an_index_that_begins_with_the_tenant(thousands):
    buyer_id = Buyer.objects.get(name="Buyer 00007").pk
    deep = selectors.invoice_page(InvoiceFilter(), size=50).next
    reads = {
        "list": lambda: selectors.invoice_page(InvoiceFilter()),
        "deep": lambda: selectors.invoice_page(InvoiceFilter(), cursor=deep),
        "state": lambda: selectors.invoice_page(InvoiceFilter(state="uncertain")),
        "dates": lambda: selectors.invoice_page(
            InvoiceFilter(since=date(2021, 1, 1), until=date(2021, 1, 31))
        ),
        "buyer": lambda: selectors.invoice_page(InvoiceFilter(buyer_id=buyer_id)),
        "name": lambda: selectors.invoice_page(InvoiceFilter(text="buyer 0001")),
        "number": lambda: selectors.invoice_page(InvoiceFilter(text="inv-2026-00123")),
        "reference": lambda: selectors.invoice_page(InvoiceFilter(text="SO-1234")),
        "buyers": selectors.buyers,
        "buyers by name": lambda: selectors.buyers(text="buyer 0012"),
        "buyers by number": lambda: selectors.buyers(text="1111123"),
        "products": lambda: selectors.products(text="product 00"),
    }

    for name, read in reads.items():
        page, nodes = plan_of(read)
        kinds = {node["Node Type"] for node in nodes}
        used = {node["Index Name"] for node in nodes if "Index Name" in node} - {OVER_ALL}
        assert page.rows, name
        assert "Seq Scan" not in kinds, name
        assert first_columns(used) == {"tenant_id"}, (name, used)


def test_thousands_of_rows_page_without_a_gap(thousands):
    def read(cursor, size):
        return selectors.invoice_page(InvoiceFilter(state="queued"), cursor=cursor, size=size)

    rows = [row for page in pages_of(read, size=200) for row in page]

    assert len({row.pk for row in rows}) == len(rows) == ROWS // 4
    keys = [(row.invoice_date, row.pk) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert Product.objects.count() == ROWS + 1
