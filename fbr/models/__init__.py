"""Work for FBR, its attempts, the tokens that open the line, the way to production, new codes."""

from fbr.models.checks import BuyerCheckRun
from fbr.models.golive import GoLive, ScenarioRun
from fbr.models.line import Breaker, Credential
from fbr.models.review import UnknownCode
from fbr.models.work import Attempt, Outbox

__all__ = [
    "Attempt",
    "Breaker",
    "BuyerCheckRun",
    "Credential",
    "GoLive",
    "Outbox",
    "ScenarioRun",
    "UnknownCode",
]
