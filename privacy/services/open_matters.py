"""Documents of a business whose matter with FBR is open: to be settled before it goes, or handed
over in writing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from fbr.models import Outbox
from fbr.models.work import WorkState
from invoices.enums import State
from invoices.models import Invoice

OPEN: Final = (State.QUEUED, State.SUBMITTING, State.UNCERTAIN, State.CANCEL_REQUESTED)


@dataclass(frozen=True, kw_only=True)
class OpenMatter:
    """One document: our number of it, and where it stands."""

    id: str
    number: str
    state: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def of_business() -> list[OpenMatter]:
    """In the scope of the business, the oldest first."""
    rows = Invoice.objects.filter(state__in=OPEN).order_by("state_at", "id")
    return [
        OpenMatter(id=str(pk), number=number, state=state)
        for pk, number, state in rows.values_list("pk", "number", "state")
    ]


def is_draining() -> bool:
    """Whether something that may still go by itself is on its way."""
    going = Outbox.objects.filter(state__in=[WorkState.WAITING, WorkState.SENDING], hold_reason="")
    return going.exists()
