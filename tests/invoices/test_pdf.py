"""The printed invoice: all particulars of rule 150R(13), its true standing, and no network."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import Any

import pypdf
import pypdfium2
import pytest
import zxingcpp

from accounts.models import LegalEntity
from invoices import pdf
from invoices.enums import REPORTED, SaleType, State
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from invoices.print_words import Words
from invoices.printed import Others, Party, Printed, Settled, printed_of
from smartinvoicing.money import ZERO

NUMBER = "7000007DI1747119701593"
DPI = 300
AMOUNTS = ("value", "sales_tax", "further_tax", "extra_tax", "fed", "withheld", "discount", "total")
STANDARD = "Goods at standard rate (default)"
DAY = date(2026, 10, 2)


def make_line(position: int = 1, **fields: Any) -> InvoiceLine:
    known: dict[str, Any] = {
        **dict.fromkeys((*AMOUNTS, "advance", "residue", "retail_value"), ZERO),
        "position": position,
        "hs_code": "7214.2010",
        "description": "Deformed steel bars",
        "sale_type": STANDARD,
        "rate": "18%",
        "unit": "KG",
        "quantity": Decimal("400.5000"),
        "unit_price": Decimal("281.5000"),
        "value": Decimal("112740.75"),
        "sales_tax": Decimal("20293.34"),
        "total": Decimal("133034.09"),
    }
    return InvoiceLine(**{**known, **fields})


def make_invoice(*lines: InvoiceLine, **fields: Any) -> Invoice:
    known: dict[str, Any] = {
        "environment": "production",
        "state": State.ACCEPTED,
        "number": "INV-2026-00123",
        "client_reference": "PO-88112",
        "invoice_date": date(2026, 11, 21),
        "seller_name": "Indus Steel Traders",
        "seller_ntn_cnic": "7000007",
        "seller_strn": "3277876123452",
        "seller_software_no": "SW-417",
        "seller_province": "SINDH",
        "seller_address": "Korangi, Karachi",
        "buyer_name": "Ravi Construction Company",
        "buyer_registration_type": "registered",
        "buyer_ntn_cnic": "3520212345671",
        "buyer_province": "PUNJAB",
        "buyer_address": "Gulberg, Lahore",
        "fbr_number": NUMBER,
        "fbr_dated": "2026-11-21 12:01:41",
        **{name: sum((getattr(line, name) for line in lines), ZERO) for name in AMOUNTS},
    }
    return Invoice(**{**known, **fields})


def unreported(state: State, *lines: InvoiceLine, **fields: Any) -> Invoice:
    return make_invoice(*lines, state=state, fbr_number="", fbr_dated="", **fields)


def make_entity(**fields: Any) -> LegalEntity:
    known = {
        "name": "Tomorrow's Name",
        "ntn_cnic": "7000009",
        "strn": "1100000000000",
        "province": "PUNJAB",
        "address": "Tomorrow's Address",
        "software_no": "SW-417",
    }
    return LegalEntity(**{**known, **fields})


def in_state(state: State, **fields: Any) -> Invoice:
    """As that state has it: with FBR's number, or without."""
    return (make_invoice if state in REPORTED else unreported)(state=state, **fields)


def printed(
    *lines: InvoiceLine, invoice: Invoice | None = None, others: Others | None = None, **fields: Any
) -> Printed:
    lines = lines or (make_line(),)
    invoice = invoice or make_invoice(*lines, **fields)
    return printed_of(invoice, lines, make_entity(), others or Others())


def columns_in(document: Printed) -> set[str]:
    return {column.name for column in document.columns}


def text_in(cell_of: Printed, column: str) -> str:
    """What the first line says in a column."""
    names = [each.name for each in cell_of.columns]
    return cell_of.lines[0].cells[names.index(column)].text


def pages_of(content: bytes) -> list[str]:
    """The text of each page, every white space one blank."""
    reader = pypdf.PdfReader(BytesIO(content))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def text_of(content: bytes) -> str:
    return " ".join(pages_of(content))


def marks_in(content: bytes) -> list[Any]:
    picture = pypdfium2.PdfDocument(content)[0].render(scale=DPI / 72).to_pil()
    return zxingcpp.read_barcodes(picture)


# --- what the page shows ----------------------------------------------------------------------


def test_render_shows_every_particular_of_rule_150r_13():
    line = make_line(
        sale_type="Goods at Reduced Rate",
        rate="16%",
        sro_schedule="EIGHTH SCHEDULE Table 1",
        sro_item="82",
        further_tax=Decimal("4509.63"),
        extra_tax=Decimal("121.10"),
        further_tax_why="charged",
        withheld=Decimal("4058.67"),
        discount=Decimal("501.30"),
    )

    text = text_of(pdf.render(printed(line, withholding="one_fifth")))

    for particular in (
        *("Sales Tax Invoice", "INV-2026-00123", NUMBER, "2026-11-21 12:01:41"),
        *("FBR Digital Invoicing System", "SW-417"),
        *("Indus Steel Traders", "Korangi, Karachi", "Sindh", "NTN 7000007"),
        *("STRN 3277876123452", "Ravi Construction Company", "Gulberg, Lahore", "Punjab"),
        *("CNIC 35202-1234567-1", "Registered", "21 Nov 2026", "November 2026", "PO-88112"),
        *("7214.2010", "Deformed steel bars", "400.5", "KG", "281.50", "112,740.75", "16%"),
        *("20,293.34", "4,509.63", "121.10", "4,058.67", "501.30", "133,034.09"),
        *("Goods at reduced rate", "EIGHTH SCHEDULE Table 1", "serial no. 82", "Page 1 of 1"),
        *("Further tax: Customer is not registered", "withheld at source (one fifth) 4,058.67"),
        "Rupees One Lakh Thirty-Three Thousand Thirty-Four and Paisa Nine Only",
    ):
        assert particular in text


def test_printed_of_leaves_out_columns_of_zeros_and_keeps_their_totals():
    plain = printed()

    text = text_of(pdf.render(plain))

    assert columns_in(plain) == {
        *("quantity", "price", "value", "rate", "sales_tax", "further_tax", "total")
    }
    for name in ("Further tax", "Extra tax", "federal excise duty (FED)", "withheld at source"):
        assert re.search(rf"{re.escape(name)} 0\.00", text)
    assert "Discount, already taken off 0.00" in text
    for absent in ("Tax withheld", "Retail value", "FED type", "Advances adjusted", "Rounding"):
        assert absent not in text


def test_printed_of_shows_a_rare_column_when_one_line_needs_it():
    document = printed(make_line(), make_line(2, withheld=Decimal("1.00")))

    assert "withheld" in columns_in(document)
    assert "Tax withheld" in text_of(pdf.render(document))


def test_printed_of_names_the_excise_in_sales_tax_mode():
    excise = make_line(2, sale_type="Services (FED in ST Mode)", sales_tax=Decimal("77.70"))

    document = printed(make_line(), excise)

    assert "of which FED in sales tax mode 77.70" in text_of(pdf.render(document))


def test_printed_of_takes_the_seller_that_was_frozen():
    assert printed().seller.name == "Indus Steel Traders"


def test_printed_of_a_draft_takes_the_seller_as_he_is():
    nobody = dict.fromkeys((f"seller_{name}" for name in ("name", "ntn_cnic", "strn")), "")

    document = printed(invoice=unreported(State.DRAFT, number="", **nobody))

    assert document.seller == Party(
        name=Words("Tomorrow's Name"),
        address=Words("Tomorrow's Address"),
        province="Punjab",
        number_kind="NTN",
        number="7000009",
        strn="1100000000000",
    )


def test_printed_of_a_debit_note_names_the_document_it_corrects():
    note = make_invoice(
        document_type="debit_note",
        original_fbr_number="7000007DI42",
        reason="Return of goods",
        direction="decrease",
    )
    original = Invoice(number="INV-2026-00007", invoice_date=date(2026, 10, 2))

    document = printed(invoice=note, others=Others(original=original))

    text = text_of(pdf.render(document))
    assert document.title == "Debit Note"
    for words in (
        *("Invoice reference no. 7000007DI42", "Corrects INV-2026-00007, 2 Oct 2026"),
        *("Reason Return of goods", "Effect Reduces the supply"),
    ):
        assert words in text


def test_printed_of_a_draft_note_takes_the_number_from_its_invoice():
    note = unreported(State.DRAFT, document_type="debit_note", number="")
    original = make_invoice(fbr_number="7000007DI42")

    document = printed(invoice=note, others=Others(original=original))

    assert "Invoice reference no. 7000007DI42" in text_of(pdf.render(document))


def test_printed_of_an_advance_receipt_says_so():
    document = printed(is_advance=True)

    assert document.title == "Advance Receipt Invoice"
    assert "Advance Receipt Invoice" in text_of(pdf.render(document))


def test_printed_of_names_the_advance_receipts_that_come_off():
    receipt = Invoice(number="INV-2026-00007", fbr_number="7000007DI42", invoice_date=DAY)
    use = AdvanceUse(value=Decimal("600.00"), receipt=receipt)
    line = make_line(advance=Decimal("600.00"))

    document = printed(line, others=Others(advances=[use]))

    assert document.settled == (
        Settled(number="INV-2026-00007", fbr_number="7000007DI42", on=DAY, value=Decimal("600.00")),
    )
    text = text_of(pdf.render(document))
    assert "INV-2026-00007 7000007DI42 2 Oct 2026 600.00" in text
    assert "Value before the advance 113,340.75" in text
    assert "Charged in advance \N{MINUS SIGN}600.00" in text


def test_printed_of_third_schedule_goods_shows_retail_price_and_retail_value():
    line = make_line(
        sale_type="3rd Schedule Goods",
        retail_price=Decimal("50.00"),
        retail_value=Decimal("16970.34"),
        further_tax_why="third_schedule",
    )

    document = printed(line)

    text = text_of(pdf.render(document))
    assert text_in(document, "retail_value") == "16,970.34"
    for words in ("Third Schedule goods", "Retail price 50.00 a unit", "Retail value"):
        assert words in text
    assert "Further tax:" not in text


def test_printed_of_shows_the_six_particulars_of_excise_for_its_lines_only():
    excise = make_line(
        2,
        description="Mineral water",
        fed=Decimal("9001.20"),
        fed_type="First Schedule Table I",
        fed_rate="8%",
        fed_unit_price=Decimal("281.5000"),
        fed_schedule="Federal Excise Act",
        fed_item="4(a)",
    )

    document = printed(make_line(), excise)

    text = text_of(pdf.render(document))
    assert [row.position for row in document.excise] == [2]
    assert (
        "2 Mineral water First Schedule Table I 8% 281.50 9,001.20 Federal Excise Act 4(a)" in text
    )
    assert "of which federal excise duty (FED) 9,001.20" in text


def test_the_sums_add_up_to_the_total():
    line = make_line(
        residue=Decimal("-0.01"),
        further_tax=Decimal("4509.63"),
        extra_tax=Decimal("10.00"),
        total=Decimal("137553.71"),
    )

    text = text_of(pdf.render(printed(line)))

    assert "Rounding -0.01" in text
    assert "Total Rs 137,553.71" in text


@pytest.mark.parametrize(
    ("why", "buyer", "further", "says"),
    [
        ("charged", "unregistered", "40.00", "Further tax: Customer is not registered"),
        ("third_schedule", "unregistered", "0.00", "Further tax: Third Schedule goods"),
        ("typed", "unregistered", "0.00", "Further tax: Typed by hand"),
        ("registered", "registered", "0.00", ""),
        ("exempt", "registered", "0.00", ""),
        ("", "unregistered", "0.00", ""),
    ],
)
def test_printed_of_says_why_further_tax_was_charged_or_not(why, buyer, further, says):
    line = make_line(further_tax_why=why, further_tax=Decimal(further))

    document = printed(line, buyer_registration_type=buyer)

    assert document.lines[0].more == ((says,) if says else ())


def test_printed_of_names_what_the_petroleum_levy_is_charged_on():
    document = printed(make_line(sale_type="Petroleum Products", petroleum_levy_on="Retail Sale"))

    assert document.lines[0].more == ("Petroleum products", "Petroleum levy on: Retail Sale")


@pytest.mark.parametrize(
    ("withholding", "withheld", "says"),
    [
        ("full", "20293.34", "withheld at source (the whole) 20,293.34"),
        ("one_fifth", "4058.67", "withheld at source (one fifth) 4,058.67"),
        ("none", "20293.34", "withheld at source 20,293.34"),
        ("one_fifth", "0.00", "withheld at source 0.00"),
    ],
)
def test_printed_of_names_the_share_that_is_withheld(withholding, withheld, says):
    line = make_line(withheld=Decimal(withheld))

    assert says in text_of(pdf.render(printed(line, withholding=withholding)))


@pytest.mark.parametrize("sale_type", [each.value for each in SaleType])
def test_render_shows_each_kind_of_supply_by_its_name(sale_type):
    line = make_line(sale_type=sale_type)

    text = text_of(pdf.render(printed(line)))

    name = str(SaleType(sale_type).label)
    assert (name in text) == (sale_type != STANDARD)


def test_printed_of_an_anonymous_buyer_says_so():
    document = printed(buyer_ntn_cnic="", buyer_registration_type="unregistered")

    text = text_of(pdf.render(document))

    assert "NTN or CNIC \N{EN DASH} Unregistered" in text


@pytest.mark.parametrize(
    ("price", "shown"),
    [("281.5000", "281.50"), ("1250.0000", "1,250.00"), ("0.1234", "0.1234"), ("2.505", "2.505")],
)
def test_printed_of_writes_a_price_with_two_to_four_places(price, shown):
    assert text_in(printed(make_line(unit_price=Decimal(price))), "price") == shown


def test_render_says_when_prices_include_tax():
    assert "Price incl. tax" in text_of(pdf.render(printed(prices_include_tax=True)))
    assert "Price incl. tax" not in text_of(pdf.render(printed()))


# --- what it says of its standing -------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "watermark", "says"),
    [
        (State.DRAFT, "DRAFT", "is no tax invoice"),
        (State.QUEUED, "PENDING", "Provisional copy"),
        (State.SUBMITTING, "PENDING", "Provisional copy"),
        (State.UNCERTAIN, "PENDING", "Provisional copy"),
        (State.REJECTED, "NOT REPORTED", "FBR did not accept"),
        (State.VOID, "VOID", "given up"),
    ],
)
def test_render_of_an_unreported_document_says_so_and_bears_no_mark_of_fbr(state, watermark, says):
    content = pdf.render(printed(invoice=unreported(state)))

    text = text_of(content)

    assert watermark in text
    assert says in text
    assert "FBR Digital Invoicing System" not in text
    assert marks_in(content) == []


@pytest.mark.parametrize(
    ("state", "watermark"),
    [
        (State.ACCEPTED, ""),
        (State.CANCEL_REQUESTED, "CANCELLATION REQUESTED"),
        (State.CANCELLED, "CANCELLED"),
    ],
)
def test_render_of_a_reported_document_bears_its_number_and_mark(state, watermark):
    document = printed(state=state)

    content = pdf.render(document)

    assert document.watermark == watermark
    assert watermark.replace(" ", "") in text_of(content)  # its words stand in two lines
    assert [mark.text for mark in marks_in(content)] == [NUMBER]


@pytest.mark.parametrize("state", list(State))
def test_render_of_a_sandbox_copy_says_sandbox(state):
    text = text_of(pdf.render(printed(invoice=in_state(state, environment="sandbox"))))

    assert "SANDBOX" in text
    assert "It has no legal effect." in text
    assert "genuine" not in text


def test_render_prints_a_qr_mark_of_one_inch():
    (mark,) = marks_in(pdf.render(printed()))

    corner = mark.position
    across = corner.top_right.x - corner.top_left.x
    down = corner.bottom_left.y - corner.top_left.y
    modules_an_inch = 33
    assert mark.text == NUMBER
    assert across / DPI * modules_an_inch == pytest.approx(25, abs=0.3)
    assert down / DPI * modules_an_inch == pytest.approx(25, abs=0.3)


@pytest.mark.parametrize("number", ["x" * 33, "X" * 48, "x" * 64, "7000007DIé"])
def test_render_prints_a_mark_of_any_number(number):
    (mark,) = marks_in(pdf.render(printed(fbr_number=number)))

    assert mark.text == number


# --- paper ------------------------------------------------------------------------------------


def test_render_repeats_head_and_number_on_every_page():
    lines = [make_line(position) for position in range(1, 61)]

    pages = pages_of(pdf.render(printed(*lines, environment="sandbox")))

    assert len(pages) == 3
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} of 3" in text
        assert "INV-2026-00123" in text
        assert NUMBER in text
        assert "HS code" in text
        assert "SANDBOX" in text
    assert "Indus Steel Traders" in pages[2]
    assert sum(text.count("7214.2010") for text in pages) == 60


def test_render_writes_urdu_in_nastaliq():
    line = make_line(description="سریا گریڈ ساٹھ")

    content = pdf.render(printed(line))

    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pypdf.PdfReader(BytesIO(content)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert any("Nastaliq" in font for font in fonts)


@pytest.mark.parametrize(
    ("text", "runs"),
    [("سریا 12 mm", "rtl"), ("12 سریا", "rtl"), ("Steel سریا", "ltr"), ("12", "ltr"), ("", "ltr")],
)
def test_words_run_the_way_of_their_first_letter(text, runs):
    assert Words(text).runs == runs


def test_render_takes_a_wide_sheet_when_the_amounts_need_it():
    rare = dict.fromkeys(("extra_tax", "advance", "withheld", "discount"), Decimal("1.00"))
    box = pypdf.PdfReader(BytesIO(pdf.render(printed(make_line(**rare))))).pages[0].mediabox

    assert (round(box.width), round(box.height)) == (842, 595)


def test_render_cuts_no_amount_however_large():
    largest = Decimal("9999999999999.99")
    line = make_line(
        **dict.fromkeys(AMOUNTS, largest),
        unit_price=Decimal("99999999999999.1234"),
        quantity=Decimal("99999999999999.1234"),
    )

    text = text_of(pdf.render(printed(line)))

    assert text.count("9,999,999,999,999.99") == 16
    assert text.count("99,999,999,999,999.1234") == 2


def test_render_survives_a_document_with_nothing_on_it():
    empty = Invoice(environment="sandbox", state=State.DRAFT, invoice_date=date(2026, 11, 21))
    empty.total = ZERO

    document = printed_of(empty, [], make_entity(software_no=""))

    assert "No number yet" in text_of(pdf.render(document))


def test_render_gives_the_same_bytes_for_the_same_content():
    assert pdf.render(printed()) == pdf.render(printed())


def test_render_may_be_called_by_many_threads_at_once():
    documents = [printed(number=f"INV-{number}") for number in range(8)]

    with ThreadPoolExecutor(4) as threads:
        contents = list(threads.map(pdf.render, documents))

    assert contents == [pdf.render(document) for document in documents]


# --- what it must not do ----------------------------------------------------------------------


class Trap(BaseHTTPRequestHandler):
    """Counts who comes by."""

    def do_GET(self) -> None:
        self.server.hits.append(self.path)  # type: ignore[attr-defined]
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def trap() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Trap) as server:
        server.hits = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def lures(trap: HTTPServer) -> list[str]:
    url = f"http://127.0.0.1:{trap.server_port}/"
    return [
        f'<img src="{url}">',
        f"<style>@import url({url}); td {{ background: url('{url}') }}</style>",
        f'<link rel="stylesheet" href="{url}">',
        f'<link rel="attachment" href="{url}">',
        f'<svg><image href="{url}"/><use href="{url}#x"/></svg>',
        f'<object data="{url}"></object><embed src="{url}">',
        '<link rel="attachment" href="file:///etc/hostname">',
        '<img src="file:///etc/hostname"><a rel="attachment" href="file:///etc/hostname">x</a>',
        "</td></tr></table><h1>Paid</h1>",
        "{{ settings.SECRET_KEY }}{% include 'base.html' %}",
    ]


def attached(content: bytes) -> dict[str, Any]:
    return dict(pypdf.PdfReader(BytesIO(content)).attachments)


def test_render_prints_markup_in_any_field_literally_and_fetches_nothing(trap):
    for lure in lures(trap):
        line = make_line(description=lure, unit=lure, rate=lure, sro_schedule=lure, sro_item=lure)
        fields = ("client_reference", "fbr_dated", "number", "seller_name", "seller_address")
        invoice = make_invoice(
            line, **dict.fromkeys((*fields, "buyer_name", "buyer_address"), lure)
        )

        content = pdf.render(printed_of(invoice, [line], make_entity(software_no=lure)))

        squeezed = text_of(content).replace(" ", "")
        assert squeezed.count(lure.replace(" ", "")) >= 12
        assert attached(content) == {}
    assert trap.hits == []


def test_press_fetches_nothing_even_when_markup_gets_through(trap):
    content = pdf._press().laid_out("".join(lures(trap))).write_pdf()

    assert trap.hits == []
    assert attached(content) == {}


def test_press_would_fetch_and_attach_with_the_fetcher_of_weasyprint(trap):
    import weasyprint

    content = weasyprint.HTML(string="".join(lures(trap))).write_pdf()

    assert trap.hits != []
    assert attached(content) != {}


def test_render_without_pango_names_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load libpango-1.0-0')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    pdf._press.cache_clear()

    with pytest.raises(pdf.PdfUnavailable, match=r"Install libpango-1\.0-0,") as missing:
        pdf.render(printed())

    assert missing.value.http_status == 503


def test_render_says_in_the_log_when_the_fonts_are_missing(settings, tmp_path, caplog):
    folder = tmp_path / "templates" / "invoices"
    folder.mkdir(parents=True)
    (folder / "print.css").write_text("* { font-family: 'DejaVu Sans' }")
    settings.BASE_DIR = tmp_path
    pdf._press.cache_clear()

    pdf.render(printed())

    assert "pdf.fonts_missing" in caplog.messages


@pytest.fixture(autouse=True, scope="module")
def press_of_this_module() -> Iterator[None]:
    yield
    pdf._press.cache_clear()
