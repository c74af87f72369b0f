"""The list of documents as CSV, streamed: as many rows as there are, in little memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import tenancy
from invoices import selectors, tax
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import money
from smartinvoicing.templatetags import formats

_COLUMNS: Final = (
    ("number", _("Number")),
    ("state", _("State")),
    ("invoice_date", _("Date")),
    ("client_reference", _("Reference")),
    ("buyer_name", _("Customer")),
    ("buyer_ntn_cnic", _("NTN or CNIC")),
    ("buyer_registration_type", _("Registration")),
    ("buyer_province", _("Province")),
    ("value", _("Value without tax")),
    ("sales_tax", _("Sales tax")),
    ("further_tax", _("Further tax")),
    ("extra_tax", _("Extra tax")),
    ("fed", _("FED")),
    ("discount", _("Discount")),
    ("withheld", _("Sales tax withheld")),
    ("total", _("Total")),
    ("fbr_number", _("FBR number")),
    ("fbr_dated", _("Dated by FBR")),
)
# What a spreadsheet may take for a formula. Source: OWASP, CSV injection; full-width forms count.
_FORMULA: Final = re.compile(r"^[\s\ufeff]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|[;,\"'|][=+\-@]")


class _Echo:
    """The writer's file: what is written comes straight back."""

    def write(self, text: str) -> str:
        return text


def stream(
    wanted: selectors.InvoiceFilter, *, tenant_id: UUID, with_numbers: bool
) -> Iterator[bytes]:
    """The CSV in pieces. A page of rows a transaction, none while a slow line takes them.

    with_numbers: each CNIC whole; else its ends only.
    """
    writer = csv.writer(_Echo())
    yield b"\xef\xbb\xbf"  # so that Excel reads it as UTF-8
    yield _bytes(writer.writerow([str(title) for _name, title in _COLUMNS]))
    cursor = ""
    while True:
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            page = selectors.invoice_page(wanted, cursor=cursor, size=selectors.LARGEST_PAGE)
        if not with_numbers:
            for row in page.rows:
                row.buyer_ntn_cnic = _in_part(row.buyer_ntn_cnic)
        yield b"".join(_bytes(writer.writerow(_cells(row))) for row in page.rows)
        cursor = page.next
        if not cursor:
            return


def _in_part(number: str) -> str:
    return formats.ntn_in_part(number) if len(number) == formats.CNIC_DIGITS else number


def _bytes(line: Any) -> bytes:
    return str(line).encode()


def _cells(row: Invoice) -> list[str]:
    return [_cell(name, getattr(row, name)) for name, _title in _COLUMNS]


def _cell(name: str, value: Any) -> str:
    if name in tax.AMOUNTS:
        return money.write(value)
    if name == "state":
        return str(State(value).label)
    return guarded(str(value))


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.search(text) else text
