"""FBR's tokens: sealed for one place, held, released, never shown."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import tenancy
from accounts.enums import AuditAction, Environment
from accounts.models import AuditEvent, LegalEntity
from fbr import selectors
from fbr.models import Credential, Outbox
from fbr.outcomes import Hold
from fbr.services import credentials
from fbr.services.credentials import NoToken
from smartinvoicing import crypto
from smartinvoicing.crypto import CannotOpen
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories
from tests.factories import AT, SYSTEM

TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"
LATER = AT + timedelta(hours=1)
NTN = "7000007"


def store(entity, token=TOKEN, environment="sandbox", actor=SYSTEM, at=AT):
    return credentials.store(
        entity=entity, environment=environment, token=token, actor=actor, at=at
    )


def hold(credential, why="401", at=AT, tried_at=AT):
    credentials.hold(credential=credential, why=why, actor=SYSTEM, at=at, tried_at=tried_at)


def token_for(work, seller=NTN):
    fresh = Outbox.objects.select_related("credential").get(pk=work.pk)
    return credentials.token_for(fresh, seller_ntn_cnic=seller)


def work_of(invoice):
    return Outbox.objects.get(invoice=invoice)


def everything():
    return list(Credential.objects.order_by("id").values()), AuditEvent.objects.count()


def test_a_stored_token_opens_again(entity):
    store(entity)

    assert token_for(work_of(factories.make_issued())) == TOKEN


def test_a_token_is_trimmed(entity):
    store(entity, f"  {TOKEN}\n")

    assert token_for(work_of(factories.make_issued())) == TOKEN


def test_the_database_never_sees_the_token(entity):
    credential = store(entity)

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(c)::text, token_sealed FROM fbr_credential c")
        ((as_text, sealed),) = cursor.fetchall()
    for form in (TOKEN, TOKEN.replace("-", ""), TOKEN[:8], TOKEN.encode().hex()):
        assert form not in as_text
    assert TOKEN.encode() not in bytes(sealed)
    assert len(bytes(sealed)) >= len(TOKEN) + 4 + 12 + 16
    assert str(credential) == "\u20268e55"


def test_only_the_last_four_characters_are_shown(entity):
    credential = store(entity)

    assert credential.last_four == TOKEN[-4:]
    shown = {str(value) for value in vars(credential).values()}
    assert not any(TOKEN in value for value in shown)


def test_the_audit_trail_does_not_know_the_token(entity):
    credential = store(entity)

    event = AuditEvent.objects.get(object_id=credential.pk)
    assert (event.action, event.details) == (
        AuditAction.CREDENTIAL_STORED,
        {"environment": "sandbox"},
    )


def test_the_same_token_is_sealed_differently_each_time(entity):
    first = bytes(store(entity).token_sealed)
    second = bytes(store(entity).token_sealed)

    assert first != second
    assert Credential.objects.count() == 1


@pytest.mark.parametrize(
    "token",
    [
        "",
        "short",
        "x" * 501,
        "with\nbreak-in-it",
        "tab\tinside",
        "\u00fcmlaut-token",
        "nul\u0000token-x",
    ],
)
def test_what_cannot_be_a_token_is_refused(entity, token):
    before = everything()

    with pytest.raises(RuleViolation) as refused:
        store(entity, token)

    (problem,) = refused.value.details["problems"]
    assert (problem["field"], everything()) == ("token", before)
    assert token not in str(refused.value) or not token


@pytest.mark.parametrize("who", ["clerk", "reader"])
def test_tokens_are_for_those_who_manage_the_business(entity, request, who):
    actor = request.getfixturevalue(who)
    credential = store(entity)
    hold(credential, "401", at=AT)
    before = everything()

    with pytest.raises(NotAllowed):
        store(entity, "another-token-1234", actor=actor)
    with pytest.raises(NotAllowed):
        credentials.release(credential=credential, actor=actor, at=AT)

    assert everything() == before


# --- bound to their place ------------------------------------------------------------------------


def test_a_sealed_token_moved_to_another_row_does_not_open(entity):
    first = store(entity)
    second = store(entity, "production-token-9999", environment="production")
    work = work_of(factories.make_issued())

    Credential.objects.filter(pk=first.pk).update(token_sealed=bytes(second.token_sealed))

    with pytest.raises(NoToken, match="does not open"):
        token_for(work)


def test_a_sealed_token_moved_to_another_tenant_does_not_open(entity, other_business):
    store(entity)
    work = work_of(factories.make_issued())
    with tenancy.in_tenant(other_business.pk):
        theirs = bytes(store(LegalEntity.objects.get(), "their-own-token-0001").token_sealed)

    Credential.objects.update(token_sealed=theirs)

    with pytest.raises(NoToken, match="does not open"):
        token_for(work)


@pytest.mark.parametrize("where", [0, 3, 4, 15, 16, -1])
def test_a_sealed_token_with_a_changed_byte_does_not_open(entity, where):
    sealed = bytearray(bytes(store(entity).token_sealed))
    sealed[where] ^= 1

    Credential.objects.update(token_sealed=bytes(sealed))

    with pytest.raises(NoToken):
        token_for(work_of(factories.make_issued()))


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 16, b"x" * 40])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(CannotOpen):
        crypto.unseal(sealed, tenant_id=str(uuid4()), place="a/b/c")


def test_another_installations_key_does_not_open_it(entity, settings):
    store(entity)
    work = work_of(factories.make_issued())
    old = settings.FIELD_KEYS

    settings.FIELD_KEYS = [b"another key of exactly 32 bytes!"]
    with pytest.raises(NoToken):
        token_for(work)

    settings.FIELD_KEYS = [b"another key of exactly 32 bytes!", *old]
    assert token_for(work) == TOKEN


def test_the_twin_without_a_place_opens_anywhere(settings):
    """Sabotage: sealed for no place, a token opens wherever it is put."""
    tenant = str(uuid4())

    sealed = crypto.seal(TOKEN, tenant_id=tenant, place="")

    assert crypto.unseal(sealed, tenant_id=tenant, place="") == TOKEN
    with pytest.raises(CannotOpen):
        crypto.unseal(sealed, tenant_id=tenant, place="fbr_credential/1/token")


# --- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("environment", Environment.PRODUCTION, "other environment"),
        ("seller_ntn_cnic", "7000008", "another NTN"),
        ("held_at", AT, "refused"),
    ],
)
def test_a_token_of_somebody_else_or_on_hold_is_not_used(entity, field, value, why):
    credential = store(entity)
    work = work_of(factories.make_issued())

    Credential.objects.filter(pk=credential.pk).update(**{field: value})

    with pytest.raises(NoToken, match=why):
        token_for(work)


def test_without_a_token_there_is_none(entity):
    with pytest.raises(NoToken):
        token_for(work_of(factories.make_issued()))


def test_a_credential_of_another_tenant_cannot_be_named(entity, other_business):
    work = work_of(factories.make_issued())
    with tenancy.in_tenant(other_business.pk):
        theirs = store(LegalEntity.objects.get())

    with pytest.raises(DatabaseError), transaction.atomic():
        Outbox.objects.filter(pk=work.pk).update(credential_id=theirs.pk)

    assert work_of(work.invoice).credential_id is None


# --- hold and release ----------------------------------------------------------------------------


def test_hold_is_written_once_and_says_why(entity):
    credential = store(entity)

    hold(credential, "gateway fault 900901", at=AT)
    hold(credential, "another reason", at=LATER)

    stored = Credential.objects.get()
    assert (stored.held_at, stored.held_why) == (AT, "gateway fault 900901")
    assert AuditEvent.objects.filter(action=AuditAction.CREDENTIAL_HELD).count() == 1


def test_a_refusal_of_the_token_before_holds_nothing(entity):
    credential = store(entity, at=LATER)
    before = everything()

    hold(credential, tried_at=AT)

    assert everything() == before


def test_a_held_credential_shows_on_what_waits_for_it(entity):
    credential = store(entity)
    invoice = factories.make_issued()

    hold(credential, "401", at=AT)

    assert selectors.holds([invoice]) == {invoice.pk: Hold.CREDENTIAL}
    assert selectors.backlog() == selectors.Backlog(waiting=0, held=1, stopped=0)


def test_release_lets_everything_go_again(entity):
    waiting = factories.make_issued()
    credential = store(entity)
    hold(credential, "401", at=AT)
    Outbox.objects.update(hold_reason=Hold.CREDENTIAL)

    credentials.release(credential=credential, actor=SYSTEM, at=LATER)

    stored, work = Credential.objects.get(), work_of(waiting)
    assert (stored.held_at, stored.held_why) == (None, "")
    assert (work.hold_reason, work.credential_id) == ("", credential.pk)
    assert AuditEvent.objects.filter(action=AuditAction.CREDENTIAL_RELEASED).count() == 1


def test_release_of_what_is_not_held_is_not_written_down(entity):
    credential = store(entity)

    credentials.release(credential=credential, actor=SYSTEM, at=LATER)

    assert not AuditEvent.objects.filter(action=AuditAction.CREDENTIAL_RELEASED).exists()


def test_a_new_token_releases_what_waited_for_one(entity):
    waiting = factories.make_issued()
    assert work_of(waiting).hold_reason == Hold.CREDENTIAL

    credential = store(entity)

    work = work_of(waiting)
    assert (work.hold_reason, work.credential_id) == ("", credential.pk)
    assert token_for(work) == TOKEN


def test_a_new_token_ends_the_hold_of_the_old_one(entity):
    credential = store(entity)
    hold(credential, "401", at=AT)

    store(entity, "a-new-token-0002")

    assert Credential.objects.get().held_at is None
    assert token_for(work_of(factories.make_issued())) == "a-new-token-0002"


@pytest.mark.parametrize("reason", [reason for reason in Hold if reason != Hold.CREDENTIAL])
def test_a_token_ends_no_hold_of_another_kind(entity, reason):
    waiting = factories.make_issued()
    Outbox.objects.update(hold_reason=reason)

    store(entity)

    assert work_of(waiting).hold_reason == reason


def test_a_token_of_the_other_environment_releases_nothing(entity):
    waiting = factories.make_issued()

    store(entity, environment="production")

    work = work_of(waiting)
    assert (work.hold_reason, work.credential_id) == (Hold.CREDENTIAL, None)


def test_a_token_of_another_tenant_releases_nothing(entity, other_business):
    waiting = factories.make_issued()

    with tenancy.in_tenant(other_business.pk):
        store(LegalEntity.objects.get())

    assert work_of(waiting).hold_reason == Hold.CREDENTIAL
    assert Credential.objects.count() == 0
