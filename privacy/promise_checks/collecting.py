"""What we collect, and that people know of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from django.utils.translation import gettext_noop as _

from accounts import policies
from accounts.models import LegalEntity, PolicyAcceptance, PolicyKind, User
from accounts.models.policies import Language
from privacy import cookies, deadlines, inventory, masking
from privacy.promise_checks import catalogue
from privacy.services import datamap, field_use, tickets
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing import clock
from smartinvoicing.classified import Retention

CUT_DAYS: Final = 30
LOG_DAYS: Final = 90
GRACE: Final = timedelta(days=1)  # the job runs each hour
LATELY: Final = timedelta(days=2)
ASKED: Final = timedelta(days=30)  # for the officer's answer about a field
BCRYPT: Final = "bcrypt_sha256$"
UNUSABLE: Final = "!"
A_CNIC: Final = "3520112345671"
LIST: Final = "invoices/_buyer_rows.html"
SHOWN: Final = 4  # digits of thirteen
# All that we may hold about a person as the face of a business.
OF_A_BUSINESS: Final = frozenset(
    {"name", "ntn_cnic", "strn", "province", "address", "phone", "activity", "sector"}
)


def map_is_approved(at: datetime) -> Verdict:
    if policies.current(PolicyKind.PRIVACY, Language.ENGLISH, at) is None:
        return Broken(_("No privacy policy is in force."))
    approved = datamap.approved()
    if approved is None:
        return Broken(_("Nobody has approved the map of data yet."))
    if approved.digest != inventory.digest_of(inventory.rows()):
        return Broken(_("The map of data has changed since it was approved."))
    facts: dict[str, str | int] = {
        "fields": len(inventory.personal_fields()),
        "day": clock.karachi_date(approved.approved_at).isoformat(),
    }
    return Kept(_("%(fields)s kinds of personal detail are described; approved on %(day)s."), facts)


def accounts_accepted(at: datetime) -> Verdict:
    """Whoever has an account answered to a version; the database ties the answer to its hash."""
    asleep = catalogue.silent_triggers([("accounts_policyacceptance", "policy_acceptance_fits")])
    if asleep:
        return Broken(_("Answers are not tied to a version: %(what)s."), {"what": asleep[0]})
    answers = PolicyAcceptance.objects.filter(
        user_id=OuterRef("pk"), version__kind=PolicyKind.PRIVACY
    )
    people = User.objects.filter(is_active=True, is_staff=False)
    without = people.filter(~Exists(answers)).count()
    if without:
        return Broken(_("%(n)s accounts never answered to a policy."), {"n": without})
    return Kept(_("Every account answered to an exact version."))


def refusal_is_heard(at: datetime) -> Verdict:
    gate = "accounts.policy_gate.PolicyGate"
    places = [*settings.MIDDLEWARE]
    if gate not in places:
        return Broken(_("Nobody is asked about a change before work goes on."))
    if places.index(gate) < places.index("accounts.middleware.TenantMiddleware"):
        return Broken(_("The question about a change comes before it is known who asks."))
    return Kept(_("Whoever has to answer gets no further, and finds the way out."))


def business_form(at: datetime) -> Verdict:
    entries = {each.field: each for each in inventory.entries_of(LegalEntity) if each.is_personal}
    extra = sorted(set(entries) - OF_A_BUSINESS)
    if extra:
        return Broken(_("More is asked of a business than agreed: %(what)s."), {"what": extra[0]})
    mapped = {each.column for each in inventory.entries_of(LegalEntity)}
    stray = sorted(set(catalogue.columns_of(LegalEntity._meta.db_table)) - mapped)
    if stray:
        return Broken(_("A detail is held that nothing describes: %(what)s."), {"what": stray[0]})
    return Kept(_("%(n)s details of a business, each described."), {"n": len(entries)})


def sign_up_form(at: datetime) -> Verdict:
    if settings.ACCOUNT_EMAIL_VERIFICATION != "mandatory":
        return Broken(_("An account opens without a confirmed address."))
    mapped = {each.column for each in inventory.entries_of(User)}
    stray = sorted(set(catalogue.columns_of(User._meta.db_table)) - mapped)
    if stray:
        return Broken(_("A detail is held that nothing describes: %(what)s."), {"what": stray[0]})
    return Kept(_("An account opens with a confirmed address, and holds no phone number."))


def numbers_are_masked(at: datetime) -> Verdict:
    """At our desk, and in a business's own list of customers."""
    shown = sum(each.isdigit() for each in masking.ntn_cnic(A_CNIC))
    if shown > SHOWN:
        return Broken(_("%(n)s digits of a CNIC are shown."), {"n": shown})
    listed = render_to_string(LIST, {"rows": [{"number": A_CNIC}]})
    if A_CNIC in "".join(filter(str.isdigit, listed)):
        return Broken(_("A list of customers shows whole CNICs."))
    return Kept(_("%(n)s of the thirteen digits are shown."), {"n": shown})


def stored_passwords(at: datetime) -> Verdict:
    people = User.objects.exclude(password="").exclude(password__startswith=UNUSABLE)
    other = people.exclude(password__startswith=BCRYPT).count()
    if other:
        return Broken(_("%(n)s passwords are stored in another way."), {"n": other})
    return Kept(_("Every stored password is a bcrypt hash."))


def support_has_a_clock(at: datetime) -> Verdict:
    if Retention.SUP not in deadlines.TERMS:
        return Broken(_("Messages to support have no time after which they go."))
    if not settings.SUPPORT_EMAIL:
        return Broken(_("No address of support is set."))
    if n := tickets.late(at=at).count():
        return Broken(_("%(n)s messages to support have waited too long."), {"n": n})
    return Kept(_("Messages have an address, and a time after which they go."))


def access_log_is_cut(at: datetime) -> Verdict:
    if "accounts.access_log.AccessLogMiddleware" not in settings.MIDDLEWARE:
        return Broken(_("Requests are not logged."))
    late = catalogue.number(
        "SELECT count(*) FROM accounts_accesslog WHERE at < %s",
        at - timedelta(days=LOG_DAYS) - GRACE,
    )
    whole = catalogue.number(
        "SELECT count(*) FROM accounts_accesslog WHERE at < %s AND address <>"
        " host(network(set_masklen(address, CASE family(address) WHEN 4 THEN 24 ELSE 48 END)))"
        "::inet",
        at - timedelta(days=CUT_DAYS) - GRACE,
    )
    if late or whole:
        return Broken(
            _("%(late)s lines are too old, %(whole)s old ones hold a whole address."),
            {"late": late, "whole": whole},
        )
    return Kept(
        _("No line is older than %(days)s days; after %(cut)s no address is whole."),
        {"days": LOG_DAYS, "cut": CUT_DAYS},
    )


def devices_agreed(at: datetime) -> Verdict:
    strangers = catalogue.number(
        "SELECT count(*) FROM privacy_usageevent u WHERE NOT EXISTS ("
        " SELECT 1 FROM accounts_consentevent c WHERE c.visitor = u.visitor"
        " AND c.purpose = 'analytics' AND c.state = 'given'"
        " AND c.at <= u.at + interval '1 minute')"
    )
    if strangers:
        return Broken(_("%(n)s counts are of browsers that did not agree."), {"n": strangers})
    return Kept(_("Behind each count stands a browser that agreed."))


def trail_apart_from_usage(at: datetime) -> Verdict:
    names = {"user_id", "tenant_id", "actor", "object_id"}
    joined = sorted(names & set(catalogue.columns_of("privacy_usageevent")))
    if joined:
        return Broken(_("Statistics could be joined to people by %(what)s."), {"what": joined[0]})
    bases = {
        inventory.entry("privacy.UsageEvent", "visitor").basis,
        inventory.entry("accounts.AuditEvent", "actor").basis,
    }
    if bases == {"consent"} or "consent" not in bases:
        return Broken(_("Trail and statistics rest on the same ground."))
    return Kept(_("Two tables, two grounds, and no column that joins them."))


def cookies_are_listed(at: datetime) -> Verdict:
    guard = "privacy.middleware.Consents"
    if guard not in settings.MIDDLEWARE:
        return Broken(_("Nothing looks at the cookies that leave."))
    if settings.MIDDLEWARE.index(guard) > settings.MIDDLEWARE.index(
        "django.contrib.sessions.middleware.SessionMiddleware"
    ):
        return Broken(_("Cookies of the session leave unseen."))
    listed = {each.name for each in cookies.inventory()}
    return Kept(_("%(n)s cookies stand on the list; no other leaves."), {"n": len(listed)})


def every_field_has_a_use(at: datetime) -> Verdict:
    without = [f"{e.model}.{e.field}" for e in inventory.personal_fields() if not e.purposes]
    if without:
        return Broken(_("Nothing says what %(what)s is for."), {"what": without[0]})
    looked = field_use.last_look()
    if looked is None or looked < at - LATELY:
        return Broken(_("Nobody has looked for two days which details are needed."))
    if n := field_use.due(at=at - ASKED).count():
        return Broken(
            _("%(n)s details were not needed for a quarter, and nobody decided."), {"n": n}
        )
    return Kept(
        _("%(n)s personal details, each with its purpose; %(idle)s stand idle at present."),
        {"n": len(inventory.personal_fields()), "idle": field_use.idle().count()},
    )
