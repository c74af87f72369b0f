"""Work for FBR, its attempts, and the tokens that open the line."""

from fbr.models.line import Credential
from fbr.models.work import Attempt, Outbox

__all__ = ["Attempt", "Credential", "Outbox"]
