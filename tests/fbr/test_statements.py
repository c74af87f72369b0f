"""Lists from FBR's portal: read whatever their columns are called, laid beside our doubts."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.enums import AuditAction, Role
from accounts.models import AuditEvent
from fbr import doubts, statement_reader, workbook
from fbr.models import Evidence, Statement, StatementRow
from fbr.services import claiming, resolving, statements
from fbr.statement_reader import ListRow, Unreadable
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests.factories import make_content, make_line
from tests.fbr.doubts_cast import make_uncertain, person

DAY = date(2026, 11, 20)
FBRS = "7000007DI1795136541792"
HEAD = "FBR Invoice No.,Buyer NTN/CNIC,Invoice Date,Value of Sales,Sales Tax"
ROW = f"{FBRS},2046004-7,20-Nov-2026,1000.00,180.00"


def read(*lines):
    return statement_reader.read("\r\n".join(lines).encode())


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        (HEAD, ROW),
        ("Annex-C,,,,", "Tax period,November 2026,,,", "", HEAD, ROW, "Total,,,1000.00,180.00"),
        (HEAD.replace(",", ";"), ROW.replace(",", ";")),
        (HEAD.replace(",", "\t"), ROW.replace(",", "\t")),
        (HEAD.upper(), ROW.replace("20-Nov-2026", "2026-11-20 14:05:09")),
        (HEAD, f'{FBRS},20460047,20/11/2026,"Rs 1,000.00","180"'),
        (
            "Sr,Invoice Number,NTN,Date,Taxable value,GST",
            f"1,{FBRS},2046004,20.11.2026,1000,180.00",
        ),
    ],
)
def test_lists_are_read_whatever_their_columns_are_called(lines):
    sheet = read(*lines)

    assert sheet.problems == ()
    (row,) = sheet.rows
    assert row.fbr_number == FBRS
    assert (row.dated_on, row.value, row.tax) == (DAY, Decimal("1000.00"), Decimal("180.00"))
    assert row.buyer.startswith("2046004")


def test_encodings_of_excel_are_read():
    text = f"{HEAD}\r\n{ROW}\r\n"

    for raw in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("cp1252")):
        assert len(statement_reader.read(raw).rows) == 1


def test_bad_rows_are_told_one_by_one_and_the_rest_counts():
    sheet = read(
        HEAD,
        ROW,
        ",2046004,20-Nov-2026,1,1",
        "A1,2046004,the 20th,1,1",
        "A2,2046004,2026-11-20,one,1",
        "A3,2046004,2026-11-20,10.00,1.80",
        ROW.replace("2046004-7", "3046004"),
    )

    assert [row.fbr_number for row in sheet.rows] == ["A3"]
    told = {problem.row: problem.message for problem in sheet.problems}
    assert list(told) == [3, 4, 5, 7]
    assert "no FBR number" in told[3]
    assert "the 20th" in told[4]
    assert "one" in told[5]
    assert "another customer" in told[7]


def test_rows_of_one_number_are_one_document():
    (row,) = read(HEAD, ROW, f"{FBRS},2046004-7,20-Nov-2026,500.00,90.00").rows

    assert (row.value, row.tax, row.lines) == (Decimal("1500.00"), Decimal("270.00"), 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"just words",
        b"a,b\n1,2",
        b"FBR Invoice No.\nX",
        HEAD.encode(),
        b"\x00\x01\x02",
        b"PK\x03\x04 no workbook",
        b'"' + b"x" * 200_000,
    ],
)
def test_what_is_no_list_is_refused_in_words(raw):
    with pytest.raises(Unreadable):
        statement_reader.read(raw)


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(statement_reader, "MOST_ROWS", 3)

    with pytest.raises(Unreadable, match="more than 3 rows"):
        read(HEAD, *[ROW] * 30)


# --- workbooks ----------------------------------------------------------------------------------


def sheet_xml(rows):
    cells = "".join(
        f'<row r="{at}">'
        + "".join(rows_cell(at, place, cell) for place, cell in enumerate(row))
        + "</row>"
        for at, row in enumerate(rows, start=1)
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{cells}</sheetData></worksheet>'


def rows_cell(at, place, cell):
    name = f"{chr(ord('A') + place)}{at}"
    if isinstance(cell, int):
        return f'<c r="{name}" t="s"><v>{cell}</v></c>'
    if isinstance(cell, date):
        days = (cell - date(1899, 12, 30)).days
        return f'<c r="{name}" s="1"><v>{days}</v></c>'
    if isinstance(cell, Decimal):
        return f'<c r="{name}"><v>{cell}</v></c>'
    return f'<c r="{name}" t="inlineStr"><is><t>{cell}</t></is></c>' if cell else ""


def book(rows, shared=(), **parts):
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    words = "".join(f"<si><t>{word}</t></si>" for word in shared)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", parts.get("sheet") or sheet_xml(rows))
        package.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{words}</sst>')
        package.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{space}"><numFmts><numFmt numFmtId="170"'
            ' formatCode="dd\\-mmm\\-yyyy"/></numFmts><cellXfs><xf numFmtId="0"/>'
            '<xf numFmtId="170"/></cellXfs></styleSheet>',
        )
    return made.getvalue()


def test_a_workbook_is_read_like_a_csv():
    raw = book(
        [
            [0, "Buyer NTN", "Invoice Date", "Value of Sales", "Sales Tax"],
            [FBRS, "2046004", DAY, Decimal("1000.10000000000002"), Decimal(180)],
        ],
        shared=["FBR Invoice No"],
    )

    (row,) = statement_reader.read(raw).rows

    assert row == ListRow(
        row=2,
        fbr_number=FBRS,
        buyer="2046004",
        dated_on=DAY,
        value=Decimal("1000.10"),
        tax=Decimal("180.00"),
    )


@pytest.mark.parametrize(
    "sheet",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet>&a;</worksheet>',
        "<worksheet",
        "x" * 5_000_000,  # grows a thousandfold
    ],
)
def test_a_workbook_that_would_do_harm_is_refused(sheet):
    with pytest.raises(workbook.NoWorkbook):
        workbook.rows(book([], sheet=sheet), most=100)


# --- uploading ------------------------------------------------------------------------------------


@pytest.fixture
def actor(inside):
    return person(inside)[1]


def upload(entity, actor, *lines, raw=None, covers=(None, None), name="iris.csv"):
    content = raw if raw is not None else "\r\n".join(lines).encode()
    return statements.upload(
        file=SimpleUploadedFile(name, content),
        entity=entity,
        covers_from=covers[0],
        covers_until=covers[1],
        actor=actor,
        at=clock.now(),
    )


def test_a_list_is_kept_with_what_could_not_be_read(entity, actor):
    statement = upload(entity, actor, HEAD, ROW, ",,,1,1", name="../../etc/<b>iris</b>.csv")

    assert (statement.read, [each["row"] for each in statement.problems]) == (1, [3])
    assert statement.path.startswith(f"lists/{statement.tenant_id}/")
    assert (
        default_storage.open(statement.path).read() == "\r\n".join([HEAD, ROW, ",,,1,1"]).encode()
    )
    assert "/" not in statement.name
    assert StatementRow.objects.get().fbr_number == FBRS
    (deed,) = AuditEvent.objects.filter(action=AuditAction.LIST_UPLOADED)
    assert (deed.details["read"], deed.details["bad"]) == (1, 1)


def test_an_operator_uploads_nothing(entity, clerk):
    with pytest.raises(NotAllowed):
        upload(entity, clerk, HEAD, ROW)

    assert Statement.objects.count() == 0


@pytest.mark.parametrize(
    ("covers", "field"), [((DAY, None), "covers_from"), ((DAY, date(2026, 11, 1)), "covers_until")]
)
def test_a_period_has_two_ends_in_order(entity, actor, covers, field):
    with pytest.raises(RuleViolation) as refused:
        upload(entity, actor, HEAD, ROW, covers=covers)

    assert refused.value.details["problems"][0]["field"] == field


def test_a_list_finds_the_uncertain_document(entity, actor):
    other = make_uncertain(make_content(make_line(unit_price=Decimal(9))))
    doubted = make_uncertain()

    statement = upload(entity, actor, HEAD, ROW)

    found = {each.invoice.pk: each.candidates for each in statements.beside(statement, most=10)}
    assert found[other.pk] == []
    (candidate,) = found[doubted.pk]
    assert (candidate.row.fbr_number, candidate.match.points) == (FBRS, 100)
    assert [each.row.fbr_number for each in statements.candidates_of(doubted)] == [FBRS]


def test_one_press_settles_by_the_row(entity, actor):
    doubted = make_uncertain()
    upload(entity, actor, HEAD, ROW)

    resolving.settle_by_row(
        invoice=doubted, row=StatementRow.objects.get(), actor=actor, at=clock.now()
    )

    settled = Invoice.objects.get()
    assert (settled.state, settled.fbr_number) == (State.ACCEPTED, FBRS)
    assert Evidence.objects.get().row_id == StatementRow.objects.get().pk


def test_a_row_of_a_document_that_is_settled_is_offered_no_more(entity, actor):
    first = make_uncertain()
    second = make_uncertain()
    statement = upload(entity, actor, HEAD, ROW)
    row = StatementRow.objects.get()
    resolving.settle_by_row(invoice=first, row=row, actor=actor, at=clock.now())

    (left,) = statements.beside(statement, most=10)

    assert (left.invoice.pk, left.candidates) == (second.pk, [])
    with pytest.raises(RuleViolation, match=first.number):
        resolving.settle_by_row(invoice=second, row=row, actor=actor, at=clock.now())


def test_a_list_of_the_other_environment_settles_nothing(entity, actor):
    doubted = make_uncertain()
    entity.environment = "production"
    upload(entity, actor, HEAD, ROW)

    with pytest.raises(RuleViolation, match="other environment"):
        resolving.settle_by_row(
            invoice=doubted, row=StatementRow.objects.get(), actor=actor, at=clock.now()
        )


# --- what is missing in it --------------------------------------------------------------------

OTHER = "7000007DI9,3046004,20-Nov-2026,5.00,0.90"
MONTH = (date(2026, 11, 1), date(2026, 11, 30))


def test_a_list_without_it_is_evidence_for_two_people(entity, actor, inside):
    second = person(inside, Role.OWNER)[1]
    doubted = make_uncertain()
    statement = upload(entity, actor, HEAD, OTHER, covers=MONTH)

    assert [each.pk for each in statements.lists_without(doubted)] == [statement.pk]
    claim = claiming.claim_missing(
        invoice=doubted, why="not in it", statement=statement, actor=actor, at=clock.now()
    )

    assert Invoice.objects.get().state == State.UNCERTAIN
    assert (claim.evidence.kind, claim.evidence.statement_id) == ("absent", statement.pk)
    claiming.confirm(claim=claim, actor=second, at=clock.now())
    assert Invoice.objects.get().state == State.QUEUED


@pytest.mark.parametrize(
    ("rows", "covers", "ended"),
    [
        ((ROW,), MONTH, timedelta(hours=3)),  # it is in it
        ((OTHER,), (None, None), timedelta(hours=3)),  # of no known period
        ((OTHER,), (date(2026, 10, 1), date(2026, 10, 31)), timedelta(hours=3)),  # of another one
        ((OTHER,), MONTH, timedelta(minutes=5)),  # too fresh to show it
    ],
)
def test_a_list_that_proves_nothing_is_not_offered(entity, actor, inside, rows, covers, ended):
    person(inside, Role.OWNER)
    doubted = make_uncertain(ended=ended)

    upload(entity, actor, HEAD, *rows, covers=covers)

    assert statements.lists_without(doubted) == []


def test_a_list_that_does_not_cover_the_day_supports_no_claim(entity, actor, inside):
    person(inside, Role.OWNER)
    doubted = make_uncertain()
    statement = upload(entity, actor, HEAD, OTHER)

    with pytest.raises(RuleViolation, match="does not cover"):
        claiming.claim_missing(
            invoice=doubted, why="no", statement=statement, actor=actor, at=clock.now()
        )

    assert doubts.open_claim(doubted) is None
