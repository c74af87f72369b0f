"""The call that is said to cancel a document at FBR. Off unless somebody who knows it says so.

Reported paths, published nowhere: `cancelinvoicedata(_sb)`. What they take and what they answer
is unknown, so the body is the operator's (settings.FBR_CANCEL_BODY) and no answer is read: it is
kept as evidence, and a person confirms from IRIS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from django.conf import settings

from accounts.enums import Environment
from fbr import gateway
from fbr.outcomes import Evidence
from invoices.enums import Channel
from invoices.models import Invoice

_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Environment.SANDBOX: "/di_data/v1/di/cancelinvoicedata_sb",
        Environment.PRODUCTION: "/di_data/v1/di/cancelinvoicedata",
    }
)

_MARK: Final = re.compile(r"\{[a-z_]+\}")


class CancelLine(Protocol):
    """Asks FBR once to cancel one document."""

    def ask(self, invoice: Invoice, *, reason: str, token: str) -> Evidence: ...


@dataclass(frozen=True)
class ReportedCall:
    """The path that integrators speak of, with the operator's body."""

    body: Mapping[str, Any]

    def ask(self, invoice: Invoice, *, reason: str, token: str) -> Evidence:
        marks = {
            "{fbr_number}": invoice.fbr_number,
            "{reason}": reason,
            "{seller_ntn_cnic}": invoice.seller_ntn_cnic,
        }
        return gateway.post(
            str(settings.FBR_DI_URL),
            _PATHS[invoice.environment],
            json.dumps(_filled(self.body, marks)).encode(),
            token=token,
            within_s=float(settings.FBR_TOTAL_TIMEOUT_S),
        )


def line_for(channel: str) -> CancelLine | None:
    """The line for documents of a channel; None where there is none, which is the usual case."""
    if not settings.FBR_CANCEL_API or channel != Channel.DI:
        return None
    return ReportedCall(body=json.loads(settings.FBR_CANCEL_BODY))


def _filled(value: Any, marks: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, marks) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, marks) for each in value]
    if isinstance(value, str):
        return _MARK.sub(lambda found: marks.get(found[0], found[0]), value)
    return value
