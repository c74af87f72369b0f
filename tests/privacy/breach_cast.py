"""A breach for tests: who works on it, what is known, and all that it takes to close it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from accounts.enums import StaffRole
from accounts.models import Tenant, User
from privacy.models import (
    Audience,
    BreachCase,
    BreachLetter,
    BreachNotice,
    OurHat,
    Severity,
)
from privacy.services import breach_ends, breach_notices, breaches
from privacy.services.breach_notices import Words
from privacy.services.breaches import Facts
from tests import factories

HOUR: Final = timedelta(hours=1)
# A Friday evening in Karachi, so that the 72 hours run over a week-end.
AWARE: Final = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def make_case(by: User, *, at: datetime = AWARE, tenant_ids: Any = (), **fields: Any) -> BreachCase:
    """Somebody read customers' addresses who may not; known at `AWARE`."""
    known: dict[str, Any] = {
        "title": "Export left on an open share",
        "detected_at": AWARE,
        "aware_at": AWARE,
        "hat": OurHat.CONTROLLER,
        "is_confidentiality": True,
        "data_classes": ("contact",),
        "what": "A file was open to everybody for an hour.",
    }
    given = Facts(**{**known, **fields})
    return breaches.open_case(given=given, by=by, at=at, tenant_ids=tenant_ids)


def decide_all(case: BreachCase, by: User, *, at: datetime, tells: Any = ()) -> None:
    """A severity, and a word about each audience."""
    breaches.grade(case=case, severity=Severity.MEDIUM, why="few people", by=by, at=at)
    for audience in Audience:
        breaches.decide(
            case=case, audience=audience, tells=audience in tells, why="judged", by=by, at=at
        )


def send_to(
    case: BreachCase,
    audience: Audience,
    by: User,
    *,
    at: datetime,
    body: str = "Words",
    **sent: Any,
) -> BreachLetter:
    letter = breach_notices.write(
        case=case, audience=audience, words=Words(subject="A letter", body=body), by=by, at=at
    )
    known = {} if audience in {Audience.TENANTS, Audience.SUBJECTS} else {"proof": "receipt 1"}
    return breach_notices.send(letter=letter, by=by, at=at, **{**known, **sent})


def finish(case: BreachCase, by: User, *, at: datetime) -> BreachCase:
    """Everything that closing asks for."""
    decide_all(case, by, at=at, tells={Audience.AUTHORITY})
    send_to(case, Audience.AUTHORITY, by, at=at)
    breaches.revise(case=case, to={"root_cause": "a wrong setting"}, why="found", by=by, at=at)
    breach_ends.sign(case=case, by=by, at=at)
    return breach_ends.close(case=case, by=by, at=at)


def make_notice(tenant: Tenant) -> BreachNotice:
    """A letter about a breach that was sent to one business."""
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    case = make_case(officer, tenant_ids=[tenant.pk], what=f"Something of {tenant.name}")
    decide_all(case, officer, at=AWARE, tells={Audience.TENANTS})
    letter = send_to(case, Audience.TENANTS, officer, at=AWARE, body=f"Dear {tenant.name}")
    return BreachNotice.objects.get(letter=letter, mail_key=None)
