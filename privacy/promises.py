"""What we promise, row by row: our own words, where they stand, what keeps them, what proves it.

The sentences are those of the page of promises; the whole wording stands in the policy, where each
paragraph carries the id of its promise. Each check is a function of `privacy.promise_checks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from privacy.promise_words import WORDS


class Owner(models.TextChoices):
    """Who answers for it."""

    OFFICER = "officer", _("Data protection officer")
    SECURITY = "security", _("Security")
    PRODUCT = "product", _("Product")
    REPORTING = "reporting", _("Reporting to FBR")
    SUPPORT = "support", _("Support")
    DIRECTOR = "director", _("Management")


class Kind(models.TextChoices):
    """TEST: the program proves it alone. DRILL: people of ours do it at a date."""

    TEST = "test", _("Checked by the program")
    DRILL = "drill", _("Done by our people at a date")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """section: the part of the policy; the paragraph there has `id` as its anchor.
    control: the module that keeps it. check: dotted name of `(at) -> Kept | Broken | Due`."""

    id: str
    section: str
    words: Any
    owner: Owner
    control: str
    check: str
    kind: Kind = Kind.TEST

    @property
    def anchor(self) -> str:
        return self.id


# The parts of the policy, in its order.
SECTIONS: Final[dict[str, Any]] = {
    "about": _("What this is"),
    "collected": _("What we collect"),
    "used": _("What we use it for"),
    "shared": _("Who gets it"),
    "security": _("How it is protected"),
    "kept": _("How long it stays"),
    "rights": _("What you can ask for"),
    "cookies": _("Cookies"),
    "others": _("Other sites and tools"),
    "fbr": _("FBR"),
    "incidents": _("When something goes wrong"),
    "care": _("Who watches over it"),
    "changes": _("Changes of this policy"),
    "contact": _("How to reach us"),
}


# What people do at a date; the program only sees whether they did.
DRILLS: Final = frozenset({"S30", "S31", "I1"})


def _of(section: str, id_: str, owner: Owner, control: str, check: str) -> Promise:
    return Promise(
        id=id_,
        section=section,
        words=WORDS[id_],
        owner=owner,
        control=control,
        check=f"privacy.promise_checks.{check}",
        kind=Kind.DRILL if id_ in DRILLS else Kind.TEST,
    )


PROMISES: Final[tuple[Promise, ...]] = (
    _of("about", "S1", Owner.OFFICER, "privacy.inventory", "collecting.map_is_approved"),
    _of("about", "S2", Owner.OFFICER, "accounts.policies", "collecting.accounts_accepted"),
    _of("about", "S3", Owner.OFFICER, "accounts.policy_gate", "collecting.refusal_is_heard"),
    _of("collected", "S4", Owner.PRODUCT, "accounts.forms", "collecting.business_form"),
    _of("collected", "S5", Owner.PRODUCT, "accounts.forms", "collecting.sign_up_form"),
    _of("collected", "S6", Owner.PRODUCT, "privacy.masking", "collecting.numbers_are_masked"),
    _of(
        "collected", "S7", Owner.SECURITY, "smartinvoicing.settings", "collecting.stored_passwords"
    ),
    _of("collected", "S8", Owner.SUPPORT, "privacy.deadlines", "collecting.support_has_a_clock"),
    _of(
        "collected",
        "S9",
        Owner.SECURITY,
        "accounts.services.access_logs",
        "collecting.access_log_is_cut",
    ),
    _of(
        "collected", "S10", Owner.OFFICER, "privacy.services.analytics", "collecting.devices_agreed"
    ),
    _of(
        "collected", "S11", Owner.OFFICER, "privacy.inventory", "collecting.trail_apart_from_usage"
    ),
    _of("collected", "S12", Owner.PRODUCT, "privacy.cookies", "collecting.cookies_are_listed"),
    _of(
        "collected",
        "I3",
        Owner.OFFICER,
        "privacy.services.field_use",
        "collecting.every_field_has_a_use",
    ),
    _of("used", "S13", Owner.OFFICER, "privacy.models.analytics", "using.usage_is_narrow"),
    _of("used", "S14", Owner.REPORTING, "fbr.models.work", "using.reports_are_guarded"),
    _of("used", "S15", Owner.PRODUCT, "accounts.services.sign_up", "using.accounts_are_guarded"),
    _of("used", "S16", Owner.PRODUCT, "accounts.services.mailing", "using.mail_leaves"),
    _of("used", "S17", Owner.SECURITY, "accounts.staff_access", "using.support_needs_a_window"),
    _of("used", "S18", Owner.REPORTING, "smartinvoicing.celery", "using.duties_run"),
    _of(
        "used", "S19", Owner.OFFICER, "privacy.services.analytics", "using.counted_pages_are_listed"
    ),
    _of("used", "S20", Owner.SECURITY, "accounts.lockout", "using.locks_and_no_automatic_end"),
    _of("used", "S21", Owner.OFFICER, "accounts.consents", "using.advertising_was_wanted"),
    _of("used", "I2", Owner.OFFICER, "privacy.models.assurance", "using.switches_have_a_ground"),
    _of(
        "used", "I7", Owner.OFFICER, "privacy.services.policies", "using.published_table_is_current"
    ),
    _of("used", "I10", Owner.OFFICER, "accounts.consents", "using.consent_is_asked_again"),
    _of("shared", "S22", Owner.SECURITY, "smartinvoicing.hosts", "sharing.machines_are_registered"),
    _of("shared", "I1", Owner.OFFICER, "privacy.services.promises", "sharing.statement_is_signed"),
    _of("shared", "S23", Owner.REPORTING, "fbr.di.document", "sharing.fbr_gets_its_fields"),
    _of(
        "shared",
        "S24",
        Owner.OFFICER,
        "privacy.services.disclosures",
        "sharing.disclosures_are_approved",
    ),
    _of(
        "shared",
        "S25",
        Owner.OFFICER,
        "privacy.services.registers",
        "sharing.helpers_have_agreements",
    ),
    _of(
        "shared",
        "I4",
        Owner.OFFICER,
        "privacy.services.registers",
        "sharing.helpers_can_be_refused",
    ),
    _of(
        "shared",
        "S26",
        Owner.OFFICER,
        "privacy.services.campaigns",
        "sharing.handover_is_announced",
    ),
    _of("shared", "I16", Owner.OFFICER, "privacy.selectors", "sharing.countries_are_registered"),
    _of(
        "security", "S27", Owner.SECURITY, "smartinvoicing.settings", "security.lines_are_encrypted"
    ),
    _of("security", "S28", Owner.SECURITY, "smartinvoicing.settings", "security.new_passwords"),
    _of("security", "S29", Owner.SECURITY, "accounts.access", "security.roles_are_narrow"),
    _of("security", "S30", Owner.SECURITY, "privacy.services.assurance", "security.reviews_happen"),
    _of(
        "security",
        "S31",
        Owner.SECURITY,
        "smartinvoicing.restoring",
        "security.restore_is_rehearsed",
    ),
    _of("security", "I11", Owner.OFFICER, "privacy.services.policy_texts", "security.no_big_words"),
    _of("security", "I5", Owner.SECURITY, "privacy.services.detecting", "security.no_cards"),
    _of(
        "security", "I6", Owner.SECURITY, "smartinvoicing.http", "security.certificates_are_checked"
    ),
    _of("security", "I14", Owner.PRODUCT, "privacy.inventory", "security.every_table_is_mapped"),
    _of("kept", "S32", Owner.OFFICER, "privacy.rules", "keeping.every_table_has_a_clock"),
    _of(
        "kept", "S33", Owner.REPORTING, "privacy.services.retention", "keeping.tax_records_are_held"
    ),
    _of(
        "kept",
        "S34",
        Owner.OFFICER,
        "privacy.services.closing_engine",
        "keeping.closings_are_in_time",
    ),
    _of("kept", "I8", Owner.OFFICER, "privacy.services.retention", "keeping.purges_run"),
    _of("rights", "S35", Owner.OFFICER, "privacy.services.exporting", "rights.exports_are_made"),
    _of("rights", "S36", Owner.REPORTING, "invoices.lifecycle", "rights.accepted_documents_stand"),
    _of("rights", "S37", Owner.OFFICER, "privacy.services.erasing", "rights.erasures_go_on"),
    _of("rights", "S38", Owner.OFFICER, "privacy.services.analytics", "rights.withdrawal_counts"),
    _of(
        "rights",
        "S39",
        Owner.OFFICER,
        "privacy.services.policies",
        "rights.complaints_have_an_address",
    ),
    _of("rights", "S40", Owner.OFFICER, "privacy.services.mailbox", "rights.mailbox_is_read"),
    _of("rights", "I9", Owner.OFFICER, "privacy.services.why", "rights.every_class_is_explained"),
    _of(
        "rights", "I20", Owner.PRODUCT, "privacy.services.exporting", "rights.businesses_can_leave"
    ),
    _of("cookies", "S41", Owner.PRODUCT, "privacy.middleware", "browsing.first_visit_is_quiet"),
    _of(
        "cookies",
        "S42",
        Owner.PRODUCT,
        "privacy.views.consents",
        "browsing.no_cookies_is_explained",
    ),
    _of("others", "S43", Owner.PRODUCT, "smartinvoicing.middleware", "browsing.pages_stay_here"),
    _of(
        "others", "S44", Owner.OFFICER, "privacy.models.analytics", "browsing.no_address_is_counted"
    ),
    _of("fbr", "S45", Owner.REPORTING, "accounts.services.audit_checks", "breaches.seals_hold"),
    _of("fbr", "S46", Owner.REPORTING, "fbr.services.onboarding", "breaches.sharing_is_confirmed"),
    _of(
        "incidents",
        "I12",
        Owner.OFFICER,
        "privacy.services.breaches",
        "breaches.register_is_guarded",
    ),
    _of(
        "incidents",
        "I13",
        Owner.OFFICER,
        "privacy.services.breach_alerts",
        "breaches.breaches_are_in_time",
    ),
    _of("care", "I17", Owner.DIRECTOR, "privacy.selectors", "care.officer_is_there"),
    _of("care", "I15", Owner.OFFICER, "privacy.services.assurance", "care.risks_are_assessed"),
    _of("care", "I18", Owner.OFFICER, "accounts.services.trainings", "care.people_are_trained"),
    _of(
        "changes", "S47", Owner.OFFICER, "privacy.services.campaigns", "care.changes_are_announced"
    ),
    _of("changes", "S48", Owner.OFFICER, "accounts.consents", "care.optional_is_off"),
    _of("changes", "I19", Owner.OFFICER, "accounts.models.policies", "care.versions_stay"),
    _of("contact", "S49", Owner.OFFICER, "privacy.services.clocks", "care.messages_are_answered"),
    _of("contact", "I21", Owner.SUPPORT, "privacy.services.policies", "care.terms_and_contact"),
)
BY_ID: Final = {promise.id: promise for promise in PROMISES}
