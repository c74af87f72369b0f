"""How a model says what is personal in it: `class Privacy` on every model, read by `privacy`.

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        personal = {"email": Category.CONTACT}
        plain = ("id", "date_joined")

Every concrete field stands in `personal` or in `plain`; a test compares the two with the model.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    IDENTITY = "identity"
    CONTACT = "contact"
    GOVERNMENT_ID = "government id"
    FINANCIAL = "financial"
    CREDENTIAL = "credential"
    TECHNICAL = "technical"
    CONTENT = "content"


class Retention(StrEnum):
    """Classes of the retention engine; clocks and lengths are its business."""

    TAX = "TAX"  # seven years after the tax period
    ACC = "ACC"  # while the account lives
    CRED = "CRED"  # destroyed at closure
    SEC = "SEC"  # thirteen months
    LOG = "LOG"
    TMP = "TMP"
    SUP = "SUP"  # two years after the matter was closed
    PRF = "PRF"  # proofs of consent and acceptance: kept, pseudonymised
    REG = "REG"  # registers of accountability: seven years
    STAFF = "STAFF"  # what our staff looked at: three years
    ANALYTICS = "ANALYTICS"  # fourteen months, or until consent is withdrawn
    REFERENCE = "REFERENCE"  # FBR's lists: nobody's data
