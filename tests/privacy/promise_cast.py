"""A house in which every promise is kept, and for each promise what breaks its control."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests

from accounts import consents, traces
from accounts.enums import Environment, Purpose, StaffRole
from accounts.models import (
    AccessLog,
    AuditCheck,
    ConsentEvent,
    Heartbeat,
    MailState,
    OutgoingMail,
    PolicyVersion,
    User,
)
from fbr.di import document
from privacy import inventory, masking, rules
from privacy.models import (
    CheckRun,
    Closure,
    DataMapVersion,
    Detection,
    DetectionRun,
    Dpo,
    EgressStatement,
    Erasure,
    ExportFile,
    FieldUse,
    Processor,
    PurgePlan,
    SecurityReview,
    UsageEvent,
)
from smartinvoicing import http
from tests import factories
from tests.conftest import NOON
from tests.privacy import breach_cast, rights_cast

DAY: Final = timedelta(days=1)
TODAY: Final = date(2026, 11, 20)
VISITOR: Final = "v" * 32
HASH: Final = "bcrypt_sha256$$2b$12$" + "x" * 53


@dataclasses.dataclass
class House:
    """What a breaker may touch."""

    settings: Any
    monkeypatch: Any
    officer: User
    deputy: User


def set_up(settings: Any, folder: Path) -> None:
    """Settings of an installation that somebody runs."""
    (folder / "mail" / "new").mkdir(parents=True)
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.SUPPORT_EMAIL = "support@smartinvoicing.example"
    settings.SUPPORT_HOURS = "Monday to Friday"
    settings.PRIVACY_EMAIL = "privacy@smartinvoicing.example"
    settings.PRIVACY_MAILDIR = str(folder / "mail")


def make_sound(settings: Any, monkeypatch: Any, folder: Path) -> House:
    """All that people and jobs have to do for every promise to be kept at noon."""
    set_up(settings, folder)
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    deputy = factories.make_staff(StaffRole.SECURITY)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    User.objects.update(password=HASH)
    for person in (officer, deputy):
        factories.enrol(person)
        person.refresh_from_db()  # a session knows the hash
    _fill_registers(officer, deputy)
    factories.make_policies()  # after the registers: the text names the officer
    _let_jobs_run()
    return House(settings, monkeypatch, officer, deputy)


def _fill_registers(officer: User, deputy: User) -> None:
    rows = inventory.rows()
    DataMapVersion.objects.create(
        digest=inventory.digest_of(rows), rows=[], approved_at=NOON, approved_by=officer
    )
    Dpo.objects.create(
        person=officer, deputy=deputy, contact="01", conflicts="none", since=NOON - DAY
    )
    for kind in ("scan", "external"):
        SecurityReview.objects.create(
            kind=kind,
            done_on=TODAY - DAY,
            **dict.fromkeys(("scope", "done_by", "summary"), "fine"),
            next_on=TODAY + 30 * DAY,
            written_at=NOON,
        )
    EgressStatement.objects.create(
        signed_at=NOON - DAY, signed_by=officer, hosts=[], digest="0" * 64
    )
    Processor.objects.create(
        laid="hosting",
        kind="processor",
        **dict.fromkeys(("name", "purpose", "data"), "The host"),
        country="Pakistan",
        agreement_on=TODAY,
        written_at=NOON,
    )


def _let_jobs_run() -> None:
    DetectionRun.objects.create(at=NOON - DAY / 2, fields=1, values=9, found=0)
    PurgePlan.objects.create(
        kind="routine", at=NOON - DAY / 2, made_by="job", lines=[], rows=0, digest="0" * 64
    )
    FieldUse.objects.create(model="accounts.User", field="email", looked_at=NOON - DAY / 2)
    for name in ("documents", "mailbox"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": NOON})
    AuditCheck.objects.update_or_create(
        pk=1, defaults={"checked_at": NOON - DAY / 2, "is_right": True, "entries": 3}
    )


# --- what only the owner of the database can break ----------------------------------------------


@contextmanager
def undone(cursor: Any, do: str, undo: str) -> Iterator[None]:
    cursor.execute(do)
    try:
        yield
    finally:
        cursor.execute(undo)


def asleep(table: str, trigger: str) -> tuple[str, str]:
    word = f"ALTER TABLE {table} {{}} TRIGGER {trigger}"
    return word.format("DISABLE"), word.format("ENABLE")


def unbound(table: str, constraint: str) -> tuple[str, str]:
    """Renamed it still binds; a check that looks for it by name finds it gone."""
    return (
        f"ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO away",
        f"ALTER TABLE {table} RENAME CONSTRAINT away TO {constraint}",
    )


def widened(table: str, column: str, kind: str = "uuid") -> tuple[str, str]:
    return (
        f"ALTER TABLE {table} ADD COLUMN {column} {kind}",
        f"ALTER TABLE {table} DROP COLUMN {column}",
    )


BEYOND: Final = "SET session_replication_role = replica; {}; RESET session_replication_role"
STRAY_HOST: Final = (
    BEYOND.format("INSERT INTO smartinvoicing_allowedhost VALUES ('stray.example', true)"),
    BEYOND.format("DELETE FROM smartinvoicing_allowedhost WHERE host = 'stray.example'"),
)
FORCED_HELPER: Final = (
    BEYOND.format(
        "INSERT INTO privacy_processor (id, kind, laid, name, purpose, data, country, hosts,"
        " is_optional, agreement_on, deletion_proof, subprocessors, exit_plan, written_at,"
        " enabled_at) VALUES (gen_random_uuid(), 'processor', '', 'Forced', 'x', 'x', 'Pakistan',"
        " '[]', false, now(), '', '', '', now(), now())"
    ),
    BEYOND.format("DELETE FROM privacy_processor WHERE name = 'Forced'"),
)
BY_THE_OWNER: Final[dict[str, tuple[str, str]]] = {
    "S4": widened("accounts_legalentity", "religion", "text"),
    "S11": widened("privacy_usageevent", "user_id"),
    "S13": unbound("privacy_usageevent", "usage_says_no_more"),
    "S14": asleep("fbr_outbox", "outbox_guard"),
    "S15": asleep("accounts_membership", "tenant_is_open"),
    "I2": unbound("privacy_featureflag", "flag_on_a_basis"),
    "S22": STRAY_HOST,
    "I1": STRAY_HOST,
    "S24": asleep("privacy_disclosure", "disclosure_guard"),
    "I4": FORCED_HELPER,
    "S26": unbound("privacy_campaign", "campaign_told_before_done"),
    "I14": ("CREATE TABLE stray (name text)", "DROP TABLE stray"),
    "S36": asleep("invoices_invoice", "invoice_guard"),
    "S44": widened("privacy_usageevent", "came_from", "inet"),
    "I12": asleep("privacy_breachcase", "breachcase_guard"),
    "I15": asleep("privacy_featureflag", "flag_guard"),
    "S47": asleep("accounts_policyversion", "policy_needs_notice"),
    "I19": asleep("accounts_policyversion", "policy_version_guard"),
}


# --- what goes wrong by itself ------------------------------------------------------------------


def _set(**values: Any) -> Callable[[House], None]:
    def break_it(house: House) -> None:
        for name, value in values.items():
            setattr(house.settings, name, value)

    return break_it


def _without(middleware: str) -> Callable[[House], None]:
    def break_it(house: House) -> None:
        kept = [each for each in house.settings.MIDDLEWARE if each != middleware]
        house.settings.MIDDLEWARE = kept

    return break_it


def _patched(target: Any, name: str, value: Any) -> Callable[[House], None]:
    return lambda house: house.monkeypatch.setattr(target, name, value)


def _counted(page: str = "account_login", at: datetime = NOON - DAY) -> None:
    UsageEvent.objects.create(at=at, visitor=VISITOR, name="page", page=page, os="linux")


def _consent(state: str, at: datetime, **who: Any) -> None:
    ConsentEvent.objects.create(
        at=at, state=state, text_hash="0" * 64, language="en", channel="form", **who
    )


def _mail(purpose: str = "", **fields: Any) -> None:
    known = {"made_at": NOON - 2 * DAY, "send_after": NOON - 2 * DAY, "state": MailState.WAITING}
    OutgoingMail.objects.create(
        key="k", to="a@example.com", template="t", language="en", purpose=purpose, **known | fields
    )


def _sent_after_withdrawal(house: House) -> None:
    sent_after("given", "withdrawn")


def sent_after(*states: str) -> None:
    """A mail that rests on consent, to an address that had given these answers."""
    key = traces.keys_of("a@example.com")[0]
    for day, state in enumerate(states):
        at = NOON - (9 - day) * DAY
        _consent(state, at, address_key=key, purpose=Purpose.MARKETING_EMAIL)
    _mail("marketing_email", state=MailState.SENT, done_at=NOON - DAY)


def _outlived(house: House) -> None:
    for state, ago in (("given", 5), ("withdrawn", 3)):
        _consent(state, NOON - ago * DAY, visitor=VISITOR, purpose=Purpose.ANALYTICS)
    _counted(at=NOON - 4 * DAY)


def _old_line(house: House) -> None:
    AccessLog.objects.create(
        at=NOON - 100 * DAY, method="GET", route="x", status=200, address="203.0.113.7"
    )


def _big_words(house: House) -> None:
    body = "<p>It is 100% secure.</p>"
    PolicyVersion.objects.create(
        kind="cookies",
        language="en",
        number=2,
        body=body,
        sha256=hashlib.sha256(body.encode()).hexdigest(),
        **dict.fromkeys(("title", "summary"), "Cookies"),
        **dict.fromkeys(("drafted_at", "published_at", "effective_at", "told_at"), NOON),
    )


def _late_closure(house: House) -> None:
    began = NOON - 100 * DAY
    Closure.objects.create(
        tenant_id=house.officer.pk,
        begun_at=began,
        begun_by="person:x",
        purge_from=began + 31 * DAY,
        purge_by=began + 45 * DAY,
        ends_by=began + 90 * DAY,
    )


def _late_export(house: House, **whose: Any) -> None:
    ExportFile.objects.create(subject_kind="user", asked_at=NOON - DAY, **whose)


def _broken_off(house: House) -> None:
    Erasure.objects.create(
        subject_kind="user", subject_key="k", asked_by="person:x", at=NOON - 3 * DAY
    )


def _purposeless(house: House) -> None:
    entry = dataclasses.replace(inventory.personal_fields()[0], purposes=())
    house.monkeypatch.setattr(inventory, "personal_fields", lambda: [entry])


def _wider_document(house: House) -> None:
    wider = dataclasses.make_dataclass("Wider", ["buyerPhone"], bases=(), frozen=True)
    house.monkeypatch.setattr(document, "Document", wider)


def _lax_line(house: House) -> None:
    lax = requests.Session()
    lax.verify = False
    house.monkeypatch.setattr(http, "open_session", lambda **_limits: lax)


def _in_production(house: House) -> None:
    factories.make_tenant("Reporter", environment=Environment.PRODUCTION)


def _untrained(house: House) -> None:
    person = factories.make_staff(StaffRole.SUPPORT)
    factories.enrol(person)
    house.monkeypatch.setattr("accounts.staff.PASS", 101)


def _late_breach(house: House) -> None:
    known = NOON - 4 * DAY
    breach_cast.make_case(house.officer, at=known, aware_at=known, detected_at=known)


def _followed(house: House) -> None:
    house.settings.MIDDLEWARE = [f"{__name__}.tracker", *house.settings.MIDDLEWARE]


def tracker(get_response: Any) -> Any:
    """A middleware that follows people around."""

    def follow(request: Any) -> Any:
        response = get_response(request)
        response.set_cookie("tracker", "you")
        return response

    return follow


BY_ITSELF: Final[dict[str, Callable[[House], Any]]] = {
    "S1": _patched(inventory, "rows", list),
    "S2": lambda house: User.objects.create(email="new@example.com", name="N", password=HASH),
    "S3": _without("accounts.policy_gate.PolicyGate"),
    "S5": _set(ACCOUNT_EMAIL_VERIFICATION="optional"),
    "S6": _patched(masking, "ntn_cnic", str),
    "S7": lambda house: User.objects.filter(pk=house.officer.pk).update(password="plain"),
    "S8": _set(SUPPORT_EMAIL=""),
    "S9": _old_line,
    "S10": lambda house: _counted(),
    "S12": _without("privacy.middleware.Consents"),
    "I3": _purposeless,
    "S16": lambda house: _mail(),
    "S17": _without("accounts.staff_access.StaffAccess"),
    "S18": lambda house: Heartbeat.objects.filter(name="documents").update(at=NOON - DAY),
    "S19": lambda house: _counted(page="somewhere:else"),
    "S20": _set(AXES_FAILURE_LIMIT=0),
    "S21": lambda house: _mail("marketing_email", state=MailState.SENT, done_at=NOON - DAY),
    "I7": _set(COMPANY_NAME="Another Company"),
    "I10": _sent_after_withdrawal,
    "S23": _wider_document,
    "S25": _set(EMAIL_HOST="relay.example"),
    "I16": _set(HOSTING_COUNTRY="Elsewhere"),
    "S27": _set(ALLOWED_HOSTS=["shop.example"], SECURE_SSL_REDIRECT=False),
    "S28": _set(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]),
    "S29": lambda house: factories.make_staff(StaffRole.SUPPORT),
    "S30": lambda house: house.monkeypatch.setattr(
        "privacy.promise_checks.security.clock.karachi_date", lambda at: TODAY + 400 * DAY
    ),
    "S31": lambda house: CheckRun.objects.create(
        at=NOON - 200 * DAY, by="job", kept=70, broken=0, due=0, took_ms=1
    ),
    "I11": _big_words,
    "I5": lambda house: Detection.objects.create(
        table="t", field="f", kind="card", found=1, first_at=NOON, last_at=NOON
    ),
    "I6": _lax_line,
    "S32": _patched(rules, "BY_TABLE", {}),
    "S33": _set(TAX_KEPT_YEARS=5),
    "S34": _late_closure,
    "I8": lambda house: house.monkeypatch.setattr("privacy.promise_checks.keeping.LATELY", DAY / 4),
    "S35": _late_export,
    "S37": _broken_off,
    "S38": _outlived,
    "S39": _set(PRIVACY_AUTHORITY_NAME="An Authority"),
    "S40": lambda house: Heartbeat.objects.filter(name="mailbox").update(at=NOON - DAY),
    "I9": _patched(rules, "BY_CLASS", {}),
    "I20": lambda house: _late_export(house, tenant_id=house.officer.pk),
    "S41": _followed,
    "S42": _set(CSRF_FAILURE_VIEW="django.views.csrf.csrf_failure"),
    "S43": _set(
        CONTENT_SECURITY_POLICY={"DIRECTIVES": {"script-src": ["'self'", "https://stats.example"]}}
    ),
    "S45": lambda house: AuditCheck.objects.update(is_right=False),
    "S46": _in_production,
    "I13": _late_breach,
    "I17": lambda house: Dpo.objects.update(until=NOON),
    "I18": _untrained,
    "S48": _patched(consents, "may_use", lambda purpose, **who: True),
    "S49": lambda house: rights_cast.from_form(at=NOON - 40 * DAY),
    "I21": _set(SUPPORT_HOURS=""),
}
