"""Work for FBR, its attempts, the tokens that open the line, the way to production, new codes."""

from fbr.models.cancelling import CancelApplication, Cancellation
from fbr.models.checks import BuyerCheckRun
from fbr.models.evidence import Claim, Evidence, Statement, StatementRow, WitnessRequest
from fbr.models.golive import GoLive, ScenarioRun
from fbr.models.incidents import (
    Cause,
    Incident,
    IncidentDocument,
    IncidentKind,
    OfflineSpell,
    Outage,
    Reach,
    Told,
)
from fbr.models.line import Breaker, Credential
from fbr.models.quarantine import LostReport, NumberGap, Quarantine
from fbr.models.review import UnknownCode
from fbr.models.watch import Alert, AlertKind, LineCheck, Tally
from fbr.models.work import Attempt, Outbox

__all__ = [
    "Alert",
    "AlertKind",
    "Attempt",
    "Breaker",
    "BuyerCheckRun",
    "CancelApplication",
    "Cancellation",
    "Cause",
    "Claim",
    "Credential",
    "Evidence",
    "GoLive",
    "Incident",
    "IncidentDocument",
    "IncidentKind",
    "LineCheck",
    "LostReport",
    "NumberGap",
    "OfflineSpell",
    "Outage",
    "Outbox",
    "Quarantine",
    "Reach",
    "ScenarioRun",
    "Statement",
    "StatementRow",
    "Tally",
    "Told",
    "UnknownCode",
    "WitnessRequest",
]
