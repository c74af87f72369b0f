"""A document's channel and environment to its mapping, its address and its reading of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from django.conf import settings

from accounts.enums import Environment
from fbr.di import answers, codes, document, mapping
from fbr.models.work import Call
from fbr.outcomes import CodeOnLine, Evidence, Reading
from fbr.pos import answers as pos_answers
from fbr.pos import codes as pos_codes
from fbr.pos import document as pos_document
from fbr.pos import mapping as pos_mapping
from invoices.enums import Channel, DocumentType
from invoices.models import Invoice, InvoiceLine, PosTerms, Product
from smartinvoicing.errors import Problem


class Reader(Protocol):
    """What an answer means.

    lines: how many the document has. usin: our own number, which FBR may say back to us.
    """

    def __call__(
        self,
        evidence: Evidence,
        *,
        call: str,
        lines: int,
        usin: str,
        environment: str,
        at: datetime,
    ) -> Reading: ...


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one of FBR's systems is spoken to.

    body_of:  the exact bytes of a document that is being issued.
    base_url: where the system of an environment stands; `paths` are appended to it.
    """

    body_of: Callable[[Invoice, Sequence[InvoiceLine]], bytes]
    base_url: Callable[[str], str]
    paths: Mapping[tuple[str, str], str]
    read: Reader
    problem_of: Callable[[CodeOnLine], Problem]

    def path(self, environment: str, call: str) -> str:
        return self.paths[environment, call]

    def knows(self, environment: str, call: str) -> bool:
        """Whether the system has such a call at all: POS has no dry run."""
        return (environment, call) in self.paths


# --- Digital Invoicing ------------------------------------------------------------------------


def _di_body(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    return document.to_bytes(mapping.document_of(invoice, lines))


def _di_read(
    evidence: Evidence, *, call: str, lines: int, usin: str, environment: str, at: datetime
) -> Reading:
    if call == Call.VALIDATE:
        return answers.read_dry_run(evidence, lines=lines, at=at)
    return answers.read(evidence, lines=lines, at=at)


# --- Point of sale ----------------------------------------------------------------------------


def _pos_body(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    """The till's registration and the terms of today go into the bytes, which change no more."""
    counter = _counter(invoice, lines)
    return pos_document.to_bytes(
        pos_mapping.document_of(invoice, lines, counter, at=invoice.state_at)
    )


def _counter(invoice: Invoice, lines: Sequence[InvoiceLine]) -> pos_mapping.Counter:
    """Raises: ValueError for a document without a till."""
    if invoice.till is None:
        raise ValueError(f"bill {invoice.pk} has no till")
    terms = PosTerms.objects.filter(legal_entity_id=invoice.legal_entity_id).first()
    wanted = {line.product_id for line in lines if line.product_id}
    coded = Product.objects.filter(pk__in=wanted).exclude(item_code="")
    is_credit = invoice.document_type == DocumentType.CREDIT_NOTE
    return pos_mapping.Counter(
        pos_id=invoice.till.pos_id,
        terms=terms or PosTerms(),
        item_codes=dict(coded.values_list("pk", "item_code")) if wanted else {},
        original_number=invoice.original.number if is_credit and invoice.original else "",
    )


def _pos_read(
    evidence: Evidence, *, call: str, lines: int, usin: str, environment: str, at: datetime
) -> Reading:
    test = environment == Environment.SANDBOX
    return pos_answers.read(evidence, usin=usin, test=test, at=at)


def _pos_url(environment: str) -> str:
    if environment == Environment.PRODUCTION:
        return str(settings.FBR_POS_PRODUCTION_URL)
    return str(settings.FBR_POS_SANDBOX_URL)


_ROOT: Final = "/di_data/v1/di/"
_DIALECTS: Final[Mapping[str, Dialect]] = {
    Channel.DI: Dialect(
        body_of=_di_body,
        base_url=lambda environment: str(settings.FBR_DI_URL),
        paths={
            (Environment.SANDBOX, Call.RECORD): _ROOT + "postinvoicedata_sb",
            (Environment.PRODUCTION, Call.RECORD): _ROOT + "postinvoicedata",
            (Environment.SANDBOX, Call.VALIDATE): _ROOT + "validateinvoicedata_sb",
            (Environment.PRODUCTION, Call.VALIDATE): _ROOT + "validateinvoicedata",
        },
        read=_di_read,
        problem_of=codes.problem_of,
    ),
    Channel.POS: Dialect(
        body_of=_pos_body,
        base_url=_pos_url,
        paths={
            (Environment.SANDBOX, Call.RECORD): "/FBR/v1/api/Live/PostData",
            (Environment.PRODUCTION, Call.RECORD): "/imsp/v1/api/Live/PostData",
        },
        read=_pos_read,
        problem_of=pos_codes.problem_of,
    ),
}


def dialect_of(channel: str) -> Dialect:
    return _DIALECTS[channel]
