"""How long law wants things kept, what keeps them longer, and what the desk has to do."""

from privacy.models.desk import Alarm, DeskTask
from privacy.models.holds import HoldScope, LegalHold, TaxRetention

__all__ = ["Alarm", "DeskTask", "HoldScope", "LegalHold", "TaxRetention"]
