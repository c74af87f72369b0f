"""The privacy desk in the Django admin: each register in a module of its own."""

from privacy.admin import (
    analytics,
    assurance,
    breaches,
    closure,
    consents,
    datamap,
    holds,
    policies,
    promises,
    registers,
    retention,
    rights,
    site,
    staff,
    tickets,
)

__all__ = [
    "analytics",
    "assurance",
    "breaches",
    "closure",
    "consents",
    "datamap",
    "holds",
    "policies",
    "promises",
    "registers",
    "retention",
    "rights",
    "site",
    "staff",
    "tickets",
]
