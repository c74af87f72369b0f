"""Who asks of a business that is gone: our desk answers, and hands out what law keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import four_eyes, tenancy
from accounts.enums import Desk, StaffRole
from accounts.models import Approval, AuditEvent, OutgoingMail, StaffDeed
from invoices.models import Buyer
from privacy import tasks
from privacy.models import (
    Alarm,
    ExportFile,
    ExportState,
    RequestChannel,
    RequestState,
    RequestType,
)
from privacy.services import (
    answering,
    deciding,
    exporting,
    handing_out,
    identity,
    requests,
    routing,
)
from privacy.services.request_words import Said
from smartinvoicing.errors import RuleViolation
from tests import factories
from tests.accounts.cast import browser_of
from tests.privacy import rights_cast as cast
from tests.privacy.test_closing import (
    _ledger as _ledger,  # noqa: PLC0414 -- a fixture
)
from tests.privacy.test_closing import began_at as began_at  # noqa: PLC0414
from tests.privacy.test_closing import begin, day, go_on
from tests.privacy.test_closing import full as full  # noqa: PLC0414
from tests.privacy.test_closing import person as person  # noqa: PLC0414
from tests.privacy.test_rights_exports import media as media  # noqa: PLC0414

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def second():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def customer(full):
    with tenancy.in_tenant(full.pk), transaction.atomic():
        found = Buyer.objects.get(name="Zarghoon Traders")
        Buyer.objects.filter(pk=found.pk).update(email="buyer@example.com")
    return found


@pytest.fixture
def closed(full, person, began_at):
    """Closes it: what was asked of it before is asked of nobody now."""

    def close():
        closure = begin(full, person, began_at)
        go_on(closure, 31)
        return closure, day(closure, 33)

    return close


def asked(full, customer, at, kind=RequestType.ACCESS):
    """By a customer, of a business that is there; it lies with it."""
    request = cast.of_buyer(full, customer, kind, at=at)
    answering.begin(request, at=at)
    assert cast.fresh(request).state == RequestState.WAITING_CONTROLLER
    return cast.fresh(request)


def test_what_lies_with_a_business_comes_back_when_it_is_gone(
    full, customer, closed, officer, began_at
):
    request = asked(full, customer, began_at - DAY, RequestType.RECTIFICATION)
    assert routing.take_over_due(at=began_at) == 0

    _closure, at = closed()
    tasks.look_up_requests()

    assert cast.fresh(request).state == RequestState.IN_PROGRESS
    assert OutgoingMail.objects.filter(to=officer.email, key__contains="routed").exists()
    left = Alarm.objects.filter(about=request.pk, step__startswith="forwarded", silenced_at=None)
    assert not left.exists()
    deciding.finish_at_desk(cast.fresh(request), text="We answer.", by=officer, at=at)
    assert cast.fresh(request).state == RequestState.DONE


def test_the_desk_need_not_wait_for_the_task(full, customer, closed, officer, began_at):
    request = asked(full, customer, began_at - DAY, RequestType.RECTIFICATION)
    _closure, at = closed()

    deciding.finish_at_desk(request, text="We answer.", by=officer, at=at)

    assert cast.fresh(request).state == RequestState.DONE


def test_a_business_whose_people_only_read_cannot_answer(business, viewer):
    customer = cast.make_buyer(business)
    request = cast.of_buyer(business, customer)

    answering.begin(request, at=factories.AT)

    assert cast.fresh(request).state == RequestState.IN_PROGRESS


def test_while_somebody_is_left_the_business_answers(full, customer, officer, began_at):
    request = asked(full, customer, began_at, RequestType.RECTIFICATION)

    assert routing.take_over_due(at=began_at) == 0
    for deed in (
        lambda: deciding.finish_at_desk(request, text="We.", by=officer, at=began_at),
        lambda: handing_out.customer(request, by=officer, at=began_at),
    ):
        with pytest.raises(RuleViolation):
            deed()

    assert cast.fresh(request).state == RequestState.WAITING_CONTROLLER
    assert not ExportFile.objects.exists()


def test_a_customer_of_a_closed_business_gets_what_law_keeps(
    full, customer, closed, officer, media, began_at
):
    request = asked(full, customer, began_at - DAY)
    _closure, at = closed()
    routing.take_over_due(at=at)

    handing_out.customer(cast.fresh(request), by=officer, at=at)
    assert answering.build_due(at=at) == 1

    export = ExportFile.objects.get()
    assert [mail.to for mail in cast.mails("request_export")] == ["buyer@example.com"]
    _manifest, files = cast.opened(exporting.fetch(export, at=at))
    assert [files[name][:4] for name in files if name.startswith("documents/")] == [b"%PDF"]
    assert b"Sample Traders" in files["data/invoices-invoice.json"]
    deed = StaffDeed.objects.get(action="exported")
    assert (deed.object_id, deed.tenant_id) == (str(request.pk), full.pk)
    with tenancy.in_tenant(full.pk), transaction.atomic():
        assert AuditEvent.objects.filter(action="export.asked").exists()
    assert identity.again(cast.fresh(request), at=at)  # the code that opens it


def test_the_room_offers_it_where_the_business_is_gone(
    full, customer, closed, officer, media, began_at, monkeypatch
):
    monkeypatch.setattr("accounts.desk.showed_factor", lambda request, at: True)
    request = asked(full, customer, began_at - DAY)
    room = reverse("admin:privacy_subjectrequest_change", args=[request.pk])
    address = reverse("admin:privacy_subjectrequest_export", args=[request.pk])
    desk = browser_of(officer)
    assert address not in desk.get(room).content.decode()
    closed()
    tasks.look_up_requests()

    assert address in desk.get(room).content.decode()
    desk.post(address, {"yes": "1"})

    assert ExportFile.objects.get().buyer_id == customer.pk


def test_nothing_is_handed_out_to_whoever_did_not_prove_it(full, customer, closed, officer):
    _closure, at = closed()
    request = cast.from_form("thief@example.com", at=at)
    routing.assign(request, tenant_id=full.pk, buyer_id=customer.pk, by=cast.ME, at=at)

    with pytest.raises(RuleViolation):
        handing_out.customer(cast.fresh(request), by=officer, at=at)

    assert not ExportFile.objects.exists()


# --- the sealed archive -----------------------------------------------------------------------


def from_owner(full, officer, at):
    """A letter of whoever owned it; a person of ours knows them, and no code could."""
    request = requests.enter(
        type=RequestType.ACCESS, said=Said(address="was.owner@example.com"), by=officer, at=at
    )
    routing.assign(request, tenant_id=full.pk, buyer_id=None, by=cast.ME, at=at)
    deciding.accept_proof(request, why="Showed the letter of FBR", by=officer, at=at)
    answering.begin(request, at=at)
    return cast.fresh(request)


def test_whoever_owned_it_gets_the_archive_after_two_of_us_agreed(
    full, closed, officer, second, media
):
    _closure, at = closed()
    request = from_owner(full, officer, at)

    question = handing_out.archive(request, why="Owned it", by=officer, at=at)
    assert handing_out.archive(request, why="Owned it", by=officer, at=at) == question
    assert not ExportFile.objects.exists()
    four_eyes.answer(question, agrees=True, by=second, at=at, desk=Desk.DECIDE_REQUESTS)
    assert handing_out.archive(request, why="Owned it", by=officer, at=at) is None
    assert answering.build_due(at=at) == 1

    export = ExportFile.objects.get()
    manifest, files = cast.opened(exporting.fetch(export, at=at))
    assert manifest["subject"] == {"kind": "tenant", "id": str(full.pk)}
    assert len([name for name in files if name.startswith("documents/")]) == 1
    assert [mail.to for mail in cast.mails("request_export")] == ["was.owner@example.com"]


def test_twin_without_the_second_person_it_is_handed_out_at_once(
    full, closed, officer, second, media, monkeypatch
):
    agreed = Approval(is_agreed=True)
    monkeypatch.setattr(handing_out.four_eyes, "ask", lambda *args, **more: agreed)
    monkeypatch.setattr(handing_out.four_eyes, "spend", lambda *args, **more: agreed)
    with pytest.raises(AssertionError):
        test_whoever_owned_it_gets_the_archive_after_two_of_us_agreed(
            full, closed, officer, second, media
        )


def test_no_archive_leaves_a_business_that_is_there(full, officer, began_at):
    request = requests.receive(
        type=RequestType.ACCESS,
        channel=RequestChannel.STAFF,
        said=Said(address="somebody@example.com"),
        at=began_at,
    )
    routing.assign(request, tenant_id=full.pk, buyer_id=None, by=cast.ME, at=began_at)
    identity.by_person(request, why="Known", by=cast.ME, at=began_at)

    with pytest.raises(RuleViolation):
        handing_out.archive(cast.fresh(request), why="Please", by=officer, at=began_at)

    assert not Approval.objects.exists()


def test_a_code_alone_opens_no_archive(full, closed, officer):
    _closure, at = closed()
    request = requests.receive(
        type=RequestType.ACCESS,
        channel=RequestChannel.STAFF,
        said=Said(address="somebody@example.com"),
        at=at,
        tenant_id=full.pk,
    )
    identity.by_session(request, by=cast.ME, at=at)

    with pytest.raises(RuleViolation):
        handing_out.archive(cast.fresh(request), why="Please", by=officer, at=at)

    assert not ExportFile.objects.filter(state=ExportState.WAITING).exists()
