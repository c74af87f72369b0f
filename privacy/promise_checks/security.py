"""How data is protected."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.translation import gettext_noop as _

from accounts import policies
from accounts.access import MAY_AT_DESK
from accounts.enums import Desk
from accounts.models import StaffSeat
from privacy import policy_words
from privacy.models import Detection, DetectionRun, Finding, ReviewKind, SecurityReview
from privacy.promise_checks import catalogue
from privacy.promise_checks.drills import drilled
from privacy.services import policy_texts
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing import arming, clock, http

HERE: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]", ""})
BCRYPT: Final = "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"
YEAR: Final = timedelta(days=365)
REHEARSED: Final = timedelta(days=92)
LATELY: Final = timedelta(days=2)
HALF_A_YEAR_S: Final = 15_552_000


def lines_are_encrypted(at: datetime) -> Verdict:
    outside = {urlsplit(settings.PUBLIC_URL).hostname or "", *settings.ALLOWED_HOSTS} - HERE
    if not outside and not settings.PRODUCTION:
        return Kept(_("This installation is reached from its own machine alone."))
    wanted = {
        "https": settings.SECURE_SSL_REDIRECT and settings.PUBLIC_URL.startswith("https://"),
        "hsts": settings.SECURE_HSTS_SECONDS >= HALF_A_YEAR_S,
        "cookies": settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE,
        "database": settings.DATABASES["default"]["OPTIONS"].get("sslmode") == "verify-full",
        "broker": _proves_itself(settings.REDIS_URL),
        "mail": settings.EMAIL_USE_TLS or not settings.EMAIL_HOST,
        "fbr": settings.FBR_DI_URL.startswith("https://"),
    }
    open_ = sorted(name for name, is_shut in wanted.items() if not is_shut)
    if open_:
        return Broken(_("Not encrypted: %(what)s."), {"what": ", ".join(open_)})
    return Kept(
        _("%(n)s kinds of line are encrypted, and both ends prove who they are."),
        {"n": len(wanted)},
    )


def _proves_itself(url: str) -> bool:
    parts = urlsplit(url)
    asks = parse_qs(parts.query).get("ssl_cert_reqs") == ["required"]
    return parts.scheme == "rediss" and asks


def new_passwords(at: datetime) -> Verdict:
    if not settings.PASSWORD_HASHERS or settings.PASSWORD_HASHERS[0] != BCRYPT:
        return Broken(_("New passwords are hashed in another way."))
    return Kept(_("A new password is stored as a bcrypt hash."))


def roles_are_narrow(at: datetime) -> Verdict:
    if catalogue.missing_constraints(["approval_by_another", "approval_spent_agreed"]):
        return Broken(_("One person alone could agree to their own deed."))
    desks = {Desk.DECIDE_REQUESTS, Desk.APPROVE_PURGE, Desk.LOOK_AT_TENANTS, Desk.WRITE_POLICIES}
    wide = [role for role, may in MAY_AT_DESK.items() if desks <= may]
    if wide:
        return Broken(_("A role may do everything: %(what)s."), {"what": str(wide[0].value)})
    sitting = StaffSeat.objects.filter(until=None, user__is_active=True)
    proved = Authenticator.objects.filter(type=Authenticator.Type.TOTP).values("user_id")
    if n := sitting.exclude(user_id__in=proved).values("user_id").distinct().count():
        return Broken(_("%(n)s people of ours have no second factor."), {"n": n})
    return Kept(_("Each of our people has a second factor; no role opens a business."))


def reviews_happen(at: datetime) -> Verdict:
    today = clock.karachi_date(at)
    scan = SecurityReview.objects.exclude(kind=ReviewKind.EXTERNAL).order_by("-done_on").first()
    if scan is None or scan.next_on < today:
        return Broken(_("No check for weaknesses is on record that still counts."))
    if late := Finding.objects.filter(closed_at=None, due_on__lt=today).count():
        return Broken(_("%(n)s weaknesses are not closed in time."), {"n": late})
    outside = SecurityReview.objects.filter(kind=ReviewKind.EXTERNAL).order_by("-done_on").first()
    return drilled(
        _("Somebody from outside looks at our security once a year; our own check is in time."),
        clock.instant(f"{outside.done_on}T12:00:00+05:00") if outside else None,
        every=YEAR,
        at=at,
    )


def restore_is_rehearsed(at: datetime) -> Verdict:
    last = arming.rehearsed()
    return drilled(
        _("Coming back from a backup is rehearsed each quarter."),
        last.at if last else None,
        every=REHEARSED,
        at=at,
    )


def no_big_words(at: datetime) -> Verdict:
    texts = list(
        policies.published().order_by("kind", "language", "-number").distinct("kind", "language")
    )
    found = [
        word.group()
        for text in texts
        for word in policy_words.ABSOLUTE.finditer(policy_texts.plain(text.body))
    ]
    if found:
        return Broken(_("A text claims what nobody can keep: %(what)s."), {"what": found[0]})
    if not texts:
        return Broken(_("No text is published."))
    return Kept(_("%(n)s texts were read; none claims what nobody can keep."), {"n": len(texts)})


def no_cards(at: datetime) -> Verdict:
    run = DetectionRun.objects.order_by("-at").first()
    if run is None or run.at < at - LATELY:
        return Broken(_("The detectors have not looked for two days."))
    if n := Detection.objects.filter(kind="card", cleared_at=None).count():
        return Broken(_("Card numbers stand in %(n)s fields."), {"n": n})
    return Kept(_("%(n)s values were looked at; no card number among them."), {"n": run.values})


def certificates_are_checked(at: datetime) -> Verdict:
    strict = ssl.create_default_context()
    if strict.verify_mode != ssl.CERT_REQUIRED or not strict.check_hostname:
        return Broken(_("The machine trusts any certificate."))
    if not arming.is_armed():
        return Kept(_("This installation speaks to nobody at present."))
    with http.open_session(connect_s=1, read_s=1) as session:
        if session.verify is not True or session.trust_env:
            return Broken(_("A line is opened without looking at the certificate."))
    return Kept(_("Each line looks at the certificate of its other end, and at its name."))


def every_table_is_mapped(at: datetime) -> Verdict:
    unmapped = catalogue.unmapped_tables()
    if unmapped:
        return Broken(_("%(what)s stands on no map."), {"what": unmapped[0]})
    met = Detection.objects.filter(cleared_at=None).count()
    if met:
        return Broken(_("%(n)s fields hold what they are not said to hold."), {"n": met})
    return Kept(_("Every table says what in it is personal."))
