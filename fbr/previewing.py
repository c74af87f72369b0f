"""A document as FBR reads it: the bytes that were sent, or those that would be sent now."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from fbr import channels, selectors
from fbr.field_labels import label_of
from invoices.enums import EDITABLE
from invoices.models import Invoice, InvoiceLine
from invoices.services import freezing
from smartinvoicing.templatetags.formats import with_ends_only


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field: FBR's name, the value as it stands in the bytes, our words for it."""

    name: str
    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The whole document.

    is_stored: these very bytes were, or will be, sent; otherwise they are made for the look only.
    """

    body: bytes
    sha256: str
    is_stored: bool
    header: tuple[Field, ...]
    items: tuple[tuple[Field, ...], ...]


def preview_of(invoice: Invoice, lines: Sequence[InvoiceLine], *, at: datetime) -> Preview | None:
    """What FBR sees of `invoice`; None while something is missing without which there is nothing.

    A draft is frozen in memory only: nothing is stored, and it takes no number.
    """
    if invoice.state in EDITABLE:
        body = _would_be(invoice, lines, at=at)
        return None if body is None else _read(body, invoice.channel, is_stored=False)
    last = selectors.works_of(invoice).last()
    return None if last is None else _read(bytes(last.body), last.channel, is_stored=True)


def in_part(preview: Preview, number: str) -> Preview:
    """The same for whoever sees of a customer's CNIC the ends only."""
    return replace(
        preview,
        body=with_ends_only(preview.body.decode(), number).encode(),
        header=tuple(
            replace(each, value=with_ends_only(each.value, number)) for each in preview.header
        ),
    )


def _would_be(invoice: Invoice, lines: Sequence[InvoiceLine], *, at: datetime) -> bytes | None:
    frozen = copy.copy(invoice)
    for name, value in freezing.seller_of(invoice.legal_entity).items():
        setattr(frozen, name, value)
    if invoice.original is not None:
        frozen.original_fbr_number = invoice.original.fbr_number
    frozen.state_at = at
    try:
        return channels.dialect_of(frozen.channel).body_of(frozen, lines)
    except (KeyError, ObjectDoesNotExist):
        # A draft that does not say yet who buys, or which bill comes back, has no such document.
        return None


def _read(body: bytes, channel: str, *, is_stored: bool) -> Preview:
    """The fields in their order, numbers character by character as they are written."""
    document: dict[str, Any] = json.loads(body, parse_int=str, parse_float=str)
    items = next(each for each in document.values() if isinstance(each, list))
    header = {name: value for name, value in document.items() if value is not items}
    return Preview(
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        is_stored=is_stored,
        header=_fields(header, channel),
        items=tuple(_fields(item, channel) for item in items),
    )


def _fields(given: Mapping[str, Any], channel: str) -> tuple[Field, ...]:
    return tuple(
        Field(
            name=name,
            value="null" if value is None else str(value),
            label=label_of(name, channel=channel),
        )
        for name, value in given.items()
    )
