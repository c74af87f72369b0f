"""A document's channel and environment to its mapping, its address and its reading of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from accounts.enums import Environment
from fbr.di import answers, document, mapping
from fbr.models.work import Call
from fbr.outcomes import Evidence, Reading
from invoices.enums import Channel
from invoices.models import Invoice, InvoiceLine


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one of FBR's systems is spoken to."""

    body_of: Callable[[Invoice, Sequence[InvoiceLine]], bytes]
    base_url: Callable[[], str]
    paths: Mapping[tuple[str, str], str]
    read: Callable[..., Reading]

    def path(self, environment: str, call: str) -> str:
        return self.paths[environment, call]


def _di_body(invoice: Invoice, lines: Sequence[InvoiceLine]) -> bytes:
    return document.to_bytes(mapping.document_of(invoice, lines))


def _di_read(evidence: Evidence, *, call: str, lines: int, at: datetime) -> Reading:
    if call == Call.VALIDATE:
        return answers.read_dry_run(evidence, lines=lines, at=at)
    return answers.read(evidence, lines=lines, at=at)


_ROOT: Final = "/di_data/v1/di/"
_DIALECTS: Final[Mapping[str, Dialect]] = {
    Channel.DI: Dialect(
        body_of=_di_body,
        base_url=lambda: str(settings.FBR_DI_URL),
        paths={
            (Environment.SANDBOX, Call.RECORD): _ROOT + "postinvoicedata_sb",
            (Environment.PRODUCTION, Call.RECORD): _ROOT + "postinvoicedata",
            (Environment.SANDBOX, Call.VALIDATE): _ROOT + "validateinvoicedata_sb",
            (Environment.PRODUCTION, Call.VALIDATE): _ROOT + "validateinvoicedata",
        },
        read=_di_read,
    )
}


def dialect_of(channel: str) -> Dialect:
    return _DIALECTS[channel]
