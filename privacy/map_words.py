"""The words of the data map for people: an officer reads them, and so does the public."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Hat, Mask, OnErase, Recipient, Retention, Use

CATEGORIES: Final[Mapping[str, Any]] = {
    Category.IDENTITY: _("Names and who did what"),
    Category.CONTACT: _("Addresses, phone numbers, e-mail"),
    Category.GOVERNMENT_ID: _("NTN, STRN, CNIC"),
    Category.FINANCIAL: _("Amounts"),
    Category.CREDENTIAL: _("Passwords, tokens, keys"),
    Category.TECHNICAL: _("Technical traces"),
    Category.CONTENT: _("What documents and messages say"),
    "none": _("Nothing about a person"),
}
SUBJECTS: Final[Mapping[str, Any]] = {
    "user": _("People who sign in"),
    "owner": _("Businesses and their owners"),
    "buyer": _("Customers of businesses"),
    "invitee": _("People who were invited"),
    "staff": _("Our own people"),
    "recipient": _("People whom we write to"),
    "visitor": _("Visitors"),
    "requester": _("People who ask us something"),
    "none": _("Nobody"),
}
BASES: Final[Mapping[str, Any]] = {
    "contract": _("Contract"),
    "law": _("Legal duty"),
    "consent": _("Consent"),
    "legitimate interest": _("Legitimate interest"),
    "tenant's instruction": _("Instruction of the business"),
    "none": _("None needed"),
}
USES: Final[Mapping[str, Any]] = {
    Use.ACCOUNT: _("Running the account"),
    Use.INVOICING: _("Writing invoices"),
    Use.REPORTING: _("Reporting invoices to FBR"),
    Use.TAX_RECORD: _("Keeping tax records"),
    Use.SECURITY: _("Keeping accounts and data safe"),
    Use.OPERATION: _("Keeping the service running"),
    Use.MESSAGES: _("Sending messages"),
    Use.SUPPORT: _("Answering questions"),
    Use.PROOF: _("Proving what was agreed and done"),
    Use.ACCOUNTABILITY: _("Answering for what we do"),
    Use.IMPROVEMENT: _("Making the service better"),
    Use.REFERENCE: _("Looking up FBR's lists"),
}
KEPT: Final[Mapping[str, Any]] = {
    Retention.TAX: _("Seven years after the end of the tax period"),
    Retention.ACC: _("While the account lives, and at most 45 days longer"),
    Retention.CRED: _("Until the account is closed"),
    Retention.SEC: _("Thirteen months"),
    Retention.LOG: _("Up to 180 days"),
    Retention.TMP: _("Up to 30 days"),
    Retention.SUP: _("Two years after the matter was closed"),
    Retention.PRF: _("As long as it has to be proved, under a number in place of a name"),
    Retention.REG: _("Up to seven years"),
    Retention.STAFF: _("Three years"),
    Retention.ANALYTICS: _("Fourteen months, or until consent is withdrawn"),
    Retention.REFERENCE: _("As long as it is in force"),
}
ENDS: Final[Mapping[str, Any]] = {
    OnErase.DELETE: _("Deleted"),
    OnErase.TOMBSTONE: _("Written over"),
    OnErase.HOLD: _("Kept for the law, then deleted"),
    OnErase.PSEUDONYMISE: _("Kept without the name"),
    OnErase.KEEP: _("Kept"),
}
RECIPIENTS: Final[Mapping[str, Any]] = {
    Recipient.HOSTING: _("Hosting"),
    Recipient.MAIL: _("Mail provider"),
    Recipient.FBR: _("FBR"),
    Recipient.BUSINESS: _("The business"),
}
HATS: Final[Mapping[str, Any]] = {
    Hat.CONTROLLER: _("We decide (controller)"),
    Hat.PROCESSOR: _("On behalf of a business (processor)"),
}
MASKS: Final[Mapping[str, Any]] = {
    Mask.SHOWN: _("Shown"),
    Mask.PART: _("Shown in part"),
    Mask.HIDDEN: _("Hidden"),
    Mask.NEVER: _("Never shown"),
}


def listed(words: Mapping[str, Any], keys: Any) -> str:
    """Several of them in one cell."""
    return "; ".join(str(words[key]) for key in keys)
