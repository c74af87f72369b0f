"""How long law wants things kept, and what keeps them longer."""

from privacy.models.holds import HoldScope, LegalHold, TaxRetention

__all__ = ["HoldScope", "LegalHold", "TaxRetention"]
