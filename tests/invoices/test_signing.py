"""Signatures: made once for what FBR accepted, and any edit behind our back is named."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO, StringIO

import pypdf
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind, Role
from accounts.models import AuditEvent, Notice
from invoices import snapshots, tasks
from invoices.models import (
    AdvanceUse,
    BookEntry,
    Invoice,
    InvoiceLine,
    Signature,
    SignatureRound,
    SigningKey,
)
from invoices.services import printing, signing, signing_keys
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, StateConflict
from tests import factories
from tests.factories import AT


def accepted(content=None):
    invoice = factories.make_issued(content)
    factories.accept(invoice)
    return invoice


def behind_our_back(laid_database, *statements):
    """What a superuser does who switches the triggers off."""
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement, params in statements:
            cursor.execute(statement, params)
        cursor.execute("SET session_replication_role = origin")


@pytest.fixture
def signed(transactional_db, business):
    """A committed, accepted and signed document; the test runs inside its tenant."""
    with tenancy.in_tenant(business.pk):
        with transaction.atomic():
            invoice = accepted()
            signing.sign(invoice=invoice, at=AT)
        yield invoice


# --- signing ----------------------------------------------------------------------------------


def test_sign_marks_what_fbr_accepted(inside):
    invoice = accepted()

    made = signing.sign(invoice=invoice, at=AT)

    said = json.loads(made.content)
    assert made.sha256 == hashlib.sha256(made.content.encode()).hexdigest()
    assert signing_keys.fits(made.key, bytes(made.signature), made.content.encode())
    assert said["document"]["fbr_number"] == invoice.fbr_number
    assert said["document"]["number"] == invoice.number
    assert said["lines"][0]["quantity"] == "400"
    assert signing.fault_of(invoice) == ""


def test_sign_twice_is_once(inside):
    invoice = accepted()

    first = signing.sign(invoice=invoice, at=AT)
    second = signing.sign(invoice=invoice, at=AT + timedelta(days=1))

    assert second == first
    assert Signature.objects.count() == 1
    assert BookEntry.objects.get().signature == first


def test_sign_refuses_what_fbr_has_not_accepted(inside):
    invoice = factories.make_issued()

    with pytest.raises(StateConflict):
        signing.sign(invoice=invoice, at=AT)

    assert not Signature.objects.exists()


def test_the_first_signature_makes_the_key_and_tells_the_trail(inside):
    made = signing.sign(invoice=accepted(), at=AT)

    told = AuditEvent.objects.get(action=AuditAction.SIGNING_KEY_MADE)
    assert (made.key.seq, told.object_id) == (1, made.key.pk)
    assert told.details["key_id"] == made.key.key_id


def test_two_who_sign_first_make_one_key(transactional_db, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        ids = [accepted().pk for _ in range(2)]
    together = threading.Barrier(2)

    def sign(ident):
        try:
            with tenancy.in_tenant(business.pk):
                with transaction.atomic():
                    invoice = Invoice.objects.get(pk=ident)
                together.wait(timeout=30)
                return signing.sign(invoice=invoice, at=AT).key_id
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        keys = set(pool.map(sign, ids))

    assert len(keys) == 1


def test_a_document_is_written_the_same_way_however_its_amounts_came(inside):
    invoice = accepted()
    fresh = Invoice.objects.get(pk=invoice.pk)
    lines = list(InvoiceLine.objects.filter(invoice=invoice))
    once = snapshots.text_of(fresh, lines, [])

    for line in lines:
        line.quantity = line.quantity.quantize(line.quantity.__class__("1"))

    assert snapshots.text_of(fresh, lines, []) == once


def test_every_field_is_signed_or_has_a_reason_not_to_be():
    """A field that a release adds goes into a new layout, or onto this list."""
    apart = {
        Invoice: {
            *("state", "state_at", "made_at", "problems", "void_reason"),
            *("buyer_id", "buyer_key"),  # the customer's card lives on
        },
        InvoiceLine: {"id", "tenant_id", "invoice_id", "product_id"},
        AdvanceUse: {"id", "tenant_id", "invoice_id"},
    }

    for (model, left_out), names in zip(
        apart.items(), snapshots.LAYOUTS[snapshots.LAYOUT], strict=True
    ):
        fields = {field.attname for field in model._meta.concrete_fields}
        assert fields == set(names) | left_out, model


# --- keys -------------------------------------------------------------------------------------


def test_rotate_signs_with_a_new_key_and_old_signatures_still_fit(inside, owner):
    before, after = accepted(), accepted()
    old = signing.sign(invoice=before, at=AT).key

    new = signing_keys.rotate(actor=Actor.person(owner.pk, Role.OWNER), at=AT)

    old.refresh_from_db()
    assert old.sealed is None
    assert signing.sign(invoice=after, at=AT).key == new
    assert (signing.fault_of(before), signing.fault_of(after)) == ("", "")


def test_rotate_is_not_for_everybody(inside, clerk):
    signing.sign(invoice=accepted(), at=AT)

    with pytest.raises(NotAllowed):
        signing_keys.rotate(actor=clerk, at=AT)

    assert SigningKey.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices_signingkey SET public_key = '\\x00'",
        "UPDATE invoices_signingkey SET key_id = 'another'",
        "DELETE FROM invoices_signingkey",
        "UPDATE invoices_signature SET content = ''",
        "DELETE FROM invoices_signature",
        "UPDATE invoices_bookentry SET signature_id = NULL",
        "DELETE FROM invoices_bookentry",
    ],
)
def test_the_application_cannot_take_back_what_it_signed(inside, change):
    signing.sign(invoice=accepted(), at=AT)

    with (
        pytest.raises(Exception, match=r"permission denied|stays what it is|once|append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_a_wiped_key_stays_wiped(inside, owner):
    old = signing.sign(invoice=accepted(), at=AT).key
    signing_keys.rotate(actor=Actor.person(owner.pk, Role.OWNER), at=AT)

    with pytest.raises(IntegrityError, match="stays"), transaction.atomic():
        SigningKey.objects.filter(pk=old.pk).update(sealed=b"something")


def test_public_tells_the_key_and_nothing_else(inside):
    key = signing.sign(invoice=accepted(), at=AT).key

    found = signing_keys.public(key.key_id)

    assert bytes(found.public_key) == bytes(key.public_key)
    assert found.get_deferred_fields() >= {"sealed", "tenant_id", "seq"}
    with pytest.raises(NotFound):
        signing_keys.public("0" * 16)


# --- checking ---------------------------------------------------------------------------------

EDITS = {
    "a line": (
        "UPDATE invoices_invoiceline SET value = value + 1 WHERE invoice_id = %(id)s",
        "content",
    ),
    "the head": (
        "UPDATE invoices_invoice SET buyer_ntn_cnic = '1234567' WHERE id = %(id)s",
        "content",
    ),
    "the number": (
        "UPDATE invoices_invoice SET fbr_number = 'another' WHERE id = %(id)s",
        "content",
    ),
    "a line taken out": ("DELETE FROM invoices_invoiceline WHERE invoice_id = %(id)s", "content"),
    "the mark": (
        "UPDATE invoices_signature SET signature = '\\x00' WHERE invoice_id = %(id)s",
        "signature",
    ),
    "the signature taken away": (
        "DELETE FROM invoices_signature WHERE invoice_id = %(id)s",
        "missing",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_verify_all_names_the_document_that_was_edited(signed, laid_database, edit):
    """R15: what stands here is what was signed. As a superuser, triggers off."""
    with transaction.atomic():
        other = accepted()
        signing.sign(invoice=other, at=AT)
    sql, fault = EDITS[edit]
    behind_our_back(laid_database, (sql, {"id": signed.pk}))

    broken = signing.verify_all(at=AT)

    with transaction.atomic():
        assert broken == [signed.pk]
        assert signing.fault_of(Invoice.objects.get(pk=signed.pk)) == fault
        told = AuditEvent.objects.get(action=AuditAction.SIGNATURE_BROKEN)
        assert (told.object_id, told.details["fault"]) == (signed.pk, fault)
        assert Notice.objects.get(kind=NoticeKind.SIGNATURE_BROKEN).object_id == signed.pk


@pytest.mark.parametrize("edit", EDITS)
def test_twin_with_the_comparison_off_nothing_notices(signed, laid_database, monkeypatch, edit):
    monkeypatch.setattr(signing, "_fault", lambda entry, rows: "")

    with pytest.raises(AssertionError):
        test_verify_all_names_the_document_that_was_edited(signed, laid_database, edit)


def test_an_edited_document_signed_again_with_a_slipped_in_key_is_named(signed, laid_database):
    """Whoever may write anything makes a pair of keys too: the audit trail does not know it."""
    with transaction.atomic():
        own = Signature.objects.select_related("key").get()
    pair = signing_keys.Ed25519PrivateKey.generate()
    content = own.content.replace("Sample Traders", "Simple Traders")
    public = pair.public_key().public_bytes_raw()
    name = hashlib.sha256(public).hexdigest()[:16]
    behind_our_back(
        laid_database,
        ("UPDATE invoices_invoice SET buyer_name = 'Simple Traders'", {}),
        (
            "UPDATE invoices_signature SET content = %s, sha256 = %s, signature = %s",
            [content, hashlib.sha256(content.encode()).hexdigest(), pair.sign(content.encode())],
        ),
        ("UPDATE invoices_signingkey SET public_key = %s, key_id = %s", [public, name]),
    )

    assert content != own.content
    assert signing.verify_all(at=AT) == [signed.pk]
    with transaction.atomic():
        assert signing.fault_of(Invoice.objects.get()) == "key"


def test_twin_without_the_trail_the_slipped_in_key_passes(signed, laid_database, monkeypatch):
    monkeypatch.setattr(signing_keys, "is_ours", lambda key: True)

    with pytest.raises(AssertionError):
        test_an_edited_document_signed_again_with_a_slipped_in_key_is_named(signed, laid_database)


def test_an_accepted_document_that_lost_its_entry_is_named(signed, laid_database):
    behind_our_back(laid_database, ("DELETE FROM invoices_bookentry", {}))

    assert signing.verify_all(at=AT) == [signed.pk]


def test_verify_all_tells_once_a_document_and_clears_when_it_fits_again(signed, laid_database):
    edit = "UPDATE invoices_invoice SET buyer_name = %s"
    with transaction.atomic():
        name = signed.buyer_name
    behind_our_back(laid_database, (edit, ["Somebody else"]))
    signing.verify_all(at=AT)
    signing.verify_all(at=AT, anew=True)

    behind_our_back(laid_database, (edit, [name]))
    broken = signing.verify_all(at=AT, anew=True)

    with transaction.atomic():
        assert broken == []
        assert AuditEvent.objects.filter(action=AuditAction.SIGNATURE_BROKEN).count() == 1
        assert Notice.objects.get(kind=NoticeKind.SIGNATURE_BROKEN).cleared_at == AT


def test_verify_some_goes_a_page_at_a_time_and_once_a_day(inside):
    for _ in range(3):
        signing.sign(invoice=accepted(), at=AT)

    steps = [signing.verify_some(at=AT, size=2) for _ in range(3)]

    made = SignatureRound.objects.get()
    assert steps == [True, False, False]
    assert (made.checked, made.ended_at, made.broken) == (3, AT, [])
    assert signing.verify_some(at=AT + timedelta(days=1), size=2) is True


# --- what is due ------------------------------------------------------------------------------


def test_sign_due_signs_what_nobody_printed_in_every_tenant(
    transactional_db, business, other_business
):
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            accepted()
            factories.make_issued()

    tasks.sign_due()
    tasks.sign_due()

    assert signing.unsigned_tenants() == []
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            assert Signature.objects.count() == 1


def test_twin_without_the_book_nothing_is_due(transactional_db, business, laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE invoices_invoice DISABLE TRIGGER book_write")
    try:
        with tenancy.in_tenant(business.pk), transaction.atomic():
            accepted()
        tasks.sign_due()
        with tenancy.in_tenant(business.pk), transaction.atomic():
            assert not Signature.objects.exists()
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE invoices_invoice ENABLE TRIGGER book_write")


def test_one_tenant_whose_key_does_not_open_holds_nobody_up(
    transactional_db, business, other_business, laid_database
):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        signing.sign(invoice=accepted(), at=AT)
        accepted()
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        accepted()
    behind_our_back(laid_database, ("UPDATE invoices_signingkey SET sealed = '\\x00'", {}))

    with pytest.raises(signing_keys.crypto.CannotOpen):
        tasks.sign_due()

    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        assert Signature.objects.count() == 1


def test_the_daily_check_runs_once_a_day_and_names_the_broken(signed, laid_database, monkeypatch):
    behind_our_back(laid_database, ("UPDATE invoices_invoice SET buyer_name = 'x'", {}))
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)  # the day may end in between

    tasks.verify_signatures()
    tasks.verify_signatures()

    with transaction.atomic():
        assert AuditEvent.objects.filter(action=AuditAction.SIGNATURE_BROKEN).count() == 1
    assert signing.rounds_due(at=clock.now()) == []
    assert signing.rounds_due(at=clock.now() + timedelta(days=1)) == [signed.tenant_id]


def test_verify_signatures_command_says_which_and_fails(signed, laid_database):
    out = StringIO()
    call_command("verify_signatures", stdout=out)
    behind_our_back(laid_database, ("UPDATE invoices_invoice SET buyer_name = 'x'", {}))

    with pytest.raises(SystemExit):
        call_command("verify_signatures", stdout=out)

    assert str(signed.pk) in out.getvalue()
    assert "Sample" not in out.getvalue()


# --- on paper and on the page -----------------------------------------------------------------


@pytest.fixture
def shelf(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def words_of(row):
    reader = pypdf.PdfReader(BytesIO(printing.open_kept(row)))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_the_copy_carries_the_signature(inside, shelf):
    invoice = accepted()

    copy = printing.render_and_keep(invoice_id=invoice.pk, at=AT)

    made = Signature.objects.select_related("key").get()
    assert made.fingerprint in words_of(copy)
    assert made.key.key_id in words_of(copy)


def test_a_provisional_copy_carries_none(inside, shelf):
    copy = printing.render_and_keep(invoice_id=factories.make_issued().pk, at=AT)

    assert "signature" not in words_of(copy)
    assert not Signature.objects.exists()


def test_the_signature_stays_when_the_document_is_cancelled(inside):
    invoice = accepted()
    first = signing.sign(invoice=invoice, at=AT)
    factories.cancel(invoice)

    assert signing.sign(invoice=invoice, at=AT) == first
    assert signing.fault_of(invoice) == ""


def test_the_file_of_a_signature_is_checked_with_openssl(inside, viewer, client, tmp_path):
    invoice = accepted()
    made = signing.sign(invoice=invoice, at=AT)
    client.force_login(viewer)

    told = client.get(reverse("invoices:signature", args=[invoice.pk])).json()
    public = client.get(reverse("signing-key", args=[made.key.key_id])).json()

    (tmp_path / "content").write_bytes(told["content"].encode())
    (tmp_path / "mark").write_bytes(base64.b64decode(told["signature"]))
    (tmp_path / "key.pem").write_text(public["public_key_pem"])
    done = subprocess.run(
        [
            *(shutil.which("openssl"), "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem"),
            *("-rawin", "-in", "content", "-sigfile", "mark"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Signature Verified Successfully" in done.stdout
    assert set(public) == {"key_id", "algorithm", "public_key", "public_key_pem", "made_at"}


def test_the_page_of_the_keys_says_how_to_check(inside, owner, client):
    key = signing.sign(invoice=accepted(), at=AT).key
    client.force_login(owner)

    page = client.get(reverse("invoices:signing_keys")).content.decode()

    assert key.key_id in page
    assert "openssl" in page


def test_a_new_key_is_made_on_the_page_by_those_who_may(inside, owner, viewer, client):
    signing.sign(invoice=accepted(), at=AT)
    address = reverse("invoices:signing_keys_rotate")

    client.force_login(viewer)
    assert client.post(address).status_code == 403
    assert SigningKey.objects.count() == 1
    client.force_login(owner)
    assert client.post(address).status_code == 302
    assert SigningKey.objects.count() == 2
