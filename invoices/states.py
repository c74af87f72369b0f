"""How each state is shown: a word, a tone, a drawing, and one sentence on what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from invoices.enums import State


@dataclass(frozen=True, kw_only=True)
class Look:
    """A badge and its sentence. tone: ok, wait, attention, danger, or neutral for no demand."""

    tone: str
    icon: str
    label: Any
    sentence: Any
    turning: bool = False


LOOKS: Final[Mapping[str, Look]] = MappingProxyType(
    {
        State.DRAFT: Look(
            tone="neutral",
            icon="pencil",
            label=State.DRAFT.label,
            sentence=_(
                "FBR has not heard of it and it has no number yet. Issue it when it is complete."
            ),
        ),
        State.QUEUED: Look(
            tone="wait",
            icon="clock",
            label=State.QUEUED.label,
            sentence=_(
                "It has its number and waits for its turn at FBR. It goes by itself;"
                " you may close this page."
            ),
        ),
        State.SUBMITTING: Look(
            tone="wait",
            icon="turning",
            label=State.SUBMITTING.label,
            sentence=_("It is on its way to FBR. The answer mostly takes a few seconds."),
            turning=True,
        ),
        State.ACCEPTED: Look(
            tone="ok",
            icon="check-circle",
            label=State.ACCEPTED.label,
            sentence=_(
                "FBR has recorded it and given it a number. It changes no more;"
                " send the PDF to the customer."
            ),
        ),
        State.REJECTED: Look(
            tone="danger",
            icon="x-circle",
            label=State.REJECTED.label,
            sentence=_(
                "FBR refused it and recorded nothing. Correct what is listed and issue it again;"
                " it keeps its number."
            ),
        ),
        State.UNCERTAIN: Look(
            tone="danger",
            icon="question",
            label=State.UNCERTAIN.label,
            sentence=_(
                "It was sent, but FBR's answer did not arrive: it may stand at FBR already."
                " It is never sent again by machine. Look in IRIS for it, and do not write it a"
                " second time before you know."
            ),
        ),
        State.CANCEL_REQUESTED: Look(
            tone="wait",
            icon="clock",
            label=State.CANCEL_REQUESTED.label,
            sentence=_(
                "It is to be cancelled at FBR. Until IRIS says that it is, it counts in full."
            ),
        ),
        State.CANCELLED: Look(
            tone="neutral",
            icon="ban",
            label=State.CANCELLED.label,
            sentence=_("FBR has cancelled it. Its number is not used again."),
        ),
        State.VOID: Look(
            tone="neutral",
            icon="ban",
            label=State.VOID.label,
            sentence=_(
                "The number was given up and nothing was reported under it."
                " It stays in the register with its reason."
            ),
        ),
    }
)


def look_of(state: str) -> Look:
    """How a document in `state` is shown."""
    return LOOKS[state]
