"""Requests of persons: received, proved, decided; four eyes; nothing before a proof."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import consents, four_eyes, tenancy
from accounts.access import Actor
from accounts.consents import How, Who
from accounts.enums import Desk, Permission, Purpose, StaffRole
from accounts.models import Approval, ConsentChannel, OutgoingMail, StaffDeed
from privacy.models import (
    ENDED,
    IdentityProof,
    ProofOutcome,
    RequestChannel,
    RequestEvent,
    RequestState,
    RequestType,
    SubjectRequest,
)
from privacy.services import (
    answering,
    deciding,
    erasure_plans,
    identity,
    mailbox,
    request_states,
    requests,
    routing,
)
from privacy.services.request_words import Said
from smartinvoicing.clock import KARACHI
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.privacy import rights_cast as cast

pytestmark = pytest.mark.django_db
BOSS = Actor(name="user:boss", permissions=frozenset({Permission.MANAGE_BUSINESS}))


@pytest.fixture
def officer():
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def agent():
    return factories.make_staff(StaffRole.PRIVACY_AGENT)


@pytest.fixture
def guard():
    return factories.make_staff(StaffRole.SECURITY)


def agree(by, desk):
    four_eyes.answer(Approval.objects.get(spent_at=None), agrees=True, by=by, at=NOON, desk=desk)


# --- received ---------------------------------------------------------------------------------


def test_a_request_is_answered_at_once_and_its_words_are_sealed(owner):
    request = cast.receive(owner, text="The name is Zarghoon")

    assert request.state == RequestState.RECEIVED
    assert [each.to for each in cast.mails("request_received")] == [owner.email]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM privacy_subjectrequest r")
        assert b"Zarghoon".hex() not in cursor.fetchone()[0]
    assert request.due_at == datetime(2026, 12, 21, tzinfo=KARACHI)


def test_twin_words_that_are_not_sealed_are_found(owner, monkeypatch):
    monkeypatch.setattr("smartinvoicing.crypto.seal", lambda secret, **place: secret.encode())
    monkeypatch.setattr(
        "smartinvoicing.crypto.unseal", lambda sealed, **place: bytes(sealed).decode()
    )
    with pytest.raises(AssertionError):
        test_a_request_is_answered_at_once_and_its_words_are_sealed(owner)


def test_the_same_asked_twice_is_linked_and_ends_together(owner, officer):
    first, second = cast.proved(owner), cast.receive(owner)

    assert second.duplicate_of == first
    deciding.finish_at_desk(first, text="Done.", by=officer, at=NOON)
    assert cast.fresh(second).state == RequestState.DONE


def test_what_was_never_proved_ends_as_taken_back_beside_the_first(owner, officer):
    first = cast.proved(owner)
    second = cast.from_form(owner.email, RequestType.ERASURE)

    assert second.duplicate_of == first
    deciding.finish_at_desk(first, text="Done.", by=officer, at=NOON)

    assert cast.fresh(second).state == RequestState.WITHDRAWN


def from_address(times=1, address="a@example.com", at=NOON):
    return [
        requests.from_stranger(
            type=RequestType.ACCESS,
            channel=RequestChannel.FORM,
            said=Said(address=address),
            at=at,
        )
        for _ in range(times)
    ]


def answers_to(address):
    return OutgoingMail.objects.filter(to=address).count()


def test_what_comes_after_many_of_one_address_is_kept_and_answered_later():
    """Anybody can type an address: the request of whoever it belongs to must not be lost."""
    from_address(3 * requests.A_DAY)
    mailbox.take_in(
        b"From: a@example.com\r\nTo: privacy@example.com\r\nSubject: erase\r\n"
        b"Message-ID: <1@x>\r\n\r\nplease delete my data\r\n",
        at=NOON,
    )
    true = SubjectRequest.objects.get(type=RequestType.ERASURE)

    for day in range(4):
        for _ in range(3):
            answering.look_up_due(at=NOON + day * cast.DAY)
        assert answers_to("a@example.com") <= 2 * (day + 1) * requests.A_DAY  # receipt and code

    assert SubjectRequest.objects.filter(looked_up_at=None).count() == 0
    assert answers_to("a@example.com") == 2 * (3 * requests.A_DAY + 1)
    assert cast.code_of(true)


def test_the_many_of_one_address_keep_no_other_back():
    from_address(150)
    other = from_address(1, "b@example.com")[0]

    for _ in range(2):
        answering.look_up_due(at=NOON)

    assert cast.fresh(other).looked_up_at == NOON
    assert answers_to("a@example.com") == 2 * requests.A_DAY


def test_twin_without_the_limit_an_address_is_flooded(monkeypatch):
    monkeypatch.setattr(requests, "may_look_up", lambda request, at: True)
    with pytest.raises(AssertionError):
        test_the_many_of_one_address_keep_no_other_back()


def refused(request, by, second, at=NOON):
    deciding.refuse_at_desk(request, why="nobody proved it", by=by, at=at)
    agree(second, Desk.DECIDE_REQUESTS)
    assert deciding.refuse_at_desk(request, why="nobody proved it", by=by, at=at) is None


def test_refusing_what_a_stranger_began_leaves_the_one_that_is_proved(viewer, agent, officer):
    guess = cast.from_form(viewer.email, RequestType.ERASURE)
    mine = cast.proved(viewer)

    refused(guess, agent, officer)

    assert cast.fresh(guess).state == RequestState.REFUSED
    assert cast.fresh(mine).state == RequestState.IN_PROGRESS
    assert cast.fresh(mine).duplicate_of is None


def test_twin_where_the_first_leads_the_proved_one_is_refused_with_it(
    viewer, agent, officer, monkeypatch
):
    monkeypatch.setattr(identity, "_lead", lambda request: None)
    monkeypatch.setattr(requests, "NEEDS_PROOF", frozenset())
    with pytest.raises(AssertionError):
        test_refusing_what_a_stranger_began_leaves_the_one_that_is_proved(viewer, agent, officer)


def test_what_a_stranger_began_ends_with_the_one_that_is_proved(viewer, officer):
    guess = cast.from_form(viewer.email, RequestType.ERASURE)
    mine = cast.proved(viewer)

    deciding.finish_at_desk(mine, text="Done.", by=officer, at=NOON)

    assert cast.fresh(guess).duplicate_of == mine
    assert cast.fresh(guess).state == RequestState.WITHDRAWN


def test_two_of_strangers_do_not_end_each_other(viewer, agent, officer):
    first, second = (cast.from_form(viewer.email, RequestType.ERASURE) for _ in range(2))

    refused(first, agent, officer)

    assert cast.fresh(second).state == RequestState.IDENTITY_PENDING
    assert cast.fresh(second).duplicate_of is None


def asked_of(business, number):
    """To be erased there, by whoever is a customer of each; proved by code and fact."""
    customer = cast.make_buyer(business, "ali@example.com", name=f"Ali {number}")
    invoice = cast.make_accepted(business, customer, number)
    return requests.from_stranger(
        type=RequestType.ERASURE,
        channel=RequestChannel.FORM,
        said=Said(address="ali@example.com", fbr_number=invoice.fbr_number),
        at=NOON,
    )


def handed_over(request):
    identity.look_up(request, at=NOON)
    identity.try_code(request, cast.code_of(request), at=NOON)
    answering.begin(request, at=NOON)
    return cast.fresh(request)


def test_what_one_business_answers_ends_nothing_that_lies_with_another(
    business, owner, other_business, stranger
):
    asked = [asked_of(business, "fbr-here"), asked_of(other_business, "fbr-there")]
    here, there = [handed_over(each) for each in asked]
    assert there.state == RequestState.WAITING_CONTROLLER

    with tenancy.in_tenant(business.pk):
        deciding.refuse_by_business(here, why="A debt is open", actor=BOSS, at=NOON)

    assert cast.fresh(there).state == RequestState.WAITING_CONTROLLER
    assert cast.fresh(there).duplicate_of is None


def test_an_old_link_between_requests_about_different_people_ends_nothing(owner, stranger, officer):
    first = cast.proved(owner)
    second = cast.proved(stranger)
    SubjectRequest.objects.filter(pk=second.pk).update(duplicate_of=first)

    deciding.finish_at_desk(first, text="Done.", by=officer, at=NOON)

    assert cast.fresh(second).state == RequestState.IN_PROGRESS
    assert cast.fresh(second).duplicate_of is None


def test_what_the_desk_assigns_to_a_business_leaves_the_others_of_its_address(business, officer):
    customer = cast.make_buyer(business)
    first, second = (cast.from_form(customer.email, RequestType.ERASURE) for _ in range(2))
    assert second.duplicate_of == first

    routing.assign(first, tenant_id=business.pk, buyer_id=customer.pk, by=cast.ME, at=NOON)

    assert cast.fresh(second).duplicate_of is None


# --- the states -------------------------------------------------------------------------------


@pytest.mark.parametrize("was", RequestState)
def test_only_listed_states_follow_one_another(owner, was):
    for to in RequestState:
        request = cast.receive(owner)
        closed = NOON if was in ENDED else None
        hat = {"hat": "processor", "tenant_id": owner.pk, "forwarded_at": NOON}
        SubjectRequest.objects.filter(pk=request.pk).update(state=was, closed_at=closed, **hat)
        request.refresh_from_db()

        if to in request_states.NEXT[was]:
            request_states.transition(request, to, by=cast.ME, at=NOON, what="test")
            assert cast.fresh(request).state == to
        else:
            with pytest.raises(StateConflict):
                request_states.transition(request, to, by=cast.ME, at=NOON, what="test")
            assert cast.fresh(request).state == was


def test_the_slower_of_two_loses_and_changes_nothing(owner):
    request = cast.receive(owner)
    stale = cast.fresh(request)
    requests.take_back(request, by=cast.ME, at=NOON)

    with pytest.raises(StateConflict):
        requests.take_back(stale, by=cast.ME, at=NOON)

    assert cast.states_of(request) == ["received", "withdrawn"]


def test_twin_without_the_comparison_both_win(owner, monkeypatch):
    real = SubjectRequest.objects.filter
    monkeypatch.setattr(
        SubjectRequest.objects,
        "filter",
        lambda **by: real(**{name: value for name, value in by.items() if name != "state"}),
    )
    with pytest.raises(pytest.fail.Exception):
        test_the_slower_of_two_loses_and_changes_nothing(owner)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE privacy_requestevent SET what = 'x'",
        "DELETE FROM privacy_requestevent",
        "DELETE FROM privacy_subjectrequest",
        "DELETE FROM privacy_identityproof",
    ],
)
def test_nobody_who_serves_changes_what_happened(owner, sql):
    cast.proved(owner)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert RequestEvent.objects.count() == 2


# --- the proof --------------------------------------------------------------------------------


def test_nothing_is_done_before_it_is_proved_who_asks(owner, officer):
    request = cast.receive(owner)

    for deed in (
        lambda: deciding.finish_at_desk(request, text="Done.", by=officer, at=NOON),
        lambda: deciding.erase(request, actor=cast.ME, at=NOON),
        lambda: deciding.erase_at_desk(request, why="asked", by=officer, at=NOON),
    ):
        with pytest.raises(RuleViolation):
            deed()

    answering.begin(request, at=NOON)
    owner.refresh_from_db()
    assert owner.is_active
    assert request.exports.count() == 0
    assert cast.fresh(request).state not in ENDED


def test_twin_without_the_question_who_asks_it_is_done(owner, officer, monkeypatch):
    monkeypatch.setattr(deciding, "_refuse_unproved", lambda request: None)
    with pytest.raises(pytest.fail.Exception):
        test_nothing_is_done_before_it_is_proved_who_asks(owner, officer)


def test_a_complaint_needs_no_proof(owner, officer):
    request = cast.receive(owner, RequestType.COMPLAINT)

    deciding.finish_at_desk(request, text="We looked into it.", by=officer, at=NOON)

    assert cast.fresh(request).state == RequestState.DONE


def test_an_outsiders_complaint_is_worked_on_without_a_code(officer):
    request = cast.from_form("lead@example.com", RequestType.COMPLAINT, text="You are slow")
    entered = requests.enter(
        type=RequestType.COMPLAINT, said=Said(text="By post"), by=officer, at=NOON
    )

    assert request.state == entered.state == RequestState.IN_PROGRESS
    assert cast.code_of(request) == ""
    for each in (request, entered):
        deciding.finish_at_desk(each, text="We looked into it.", by=officer, at=NOON)
        assert cast.fresh(each).state == RequestState.DONE


def test_a_complaint_found_to_be_of_a_customer_needs_no_proof_either(business, owner):
    request = cast.from_form("lead@example.com", RequestType.COMPLAINT)

    routing.assign(request, tenant_id=business.pk, buyer_id=None, by=cast.ME, at=NOON)

    assert cast.fresh(request).state == RequestState.IN_PROGRESS


def test_a_complaint_of_an_address_that_had_its_answers_is_told_later_that_it_came():
    from_address(requests.A_DAY)
    complaint = requests.from_stranger(
        type=RequestType.COMPLAINT,
        channel=RequestChannel.FORM,
        said=Said(address="a@example.com"),
        at=NOON,
    )
    told = f"request-{complaint.pk}-received"
    answering.look_up_due(at=NOON)
    assert not OutgoingMail.objects.filter(key=told).exists()

    for day in range(1, 3):
        answering.look_up_due(at=NOON + day * cast.DAY)

    assert OutgoingMail.objects.filter(key=told).count() == 1


# --- decided by two ---------------------------------------------------------------------------


def test_a_refusal_needs_a_second_person_and_a_reason(owner, agent, officer):
    request = cast.proved(owner)
    with pytest.raises(RuleViolation):
        deciding.refuse_at_desk(request, why=" ", by=agent, at=NOON)

    assert deciding.refuse_at_desk(request, why="Not theirs", by=agent, at=NOON) is not None
    assert cast.fresh(request).state == RequestState.IN_PROGRESS
    agree(officer, Desk.DECIDE_REQUESTS)
    assert deciding.refuse_at_desk(request, why="Other words", by=agent, at=NOON) is not None
    assert deciding.refuse_at_desk(request, why="Not theirs", by=agent, at=NOON) is None

    assert cast.fresh(request).state == RequestState.REFUSED
    assert [each.context["text"] for each in cast.mails("request_refused")] == ["Not theirs"]


def test_twin_without_the_second_person_it_is_refused_at_once(owner, agent, officer, monkeypatch):
    monkeypatch.setattr(deciding, "_agreed", lambda *what: None)
    with pytest.raises(AssertionError):
        test_a_refusal_needs_a_second_person_and_a_reason(owner, agent, officer)


def test_an_erasure_needs_a_second_person_and_tells_the_person_the_table(viewer, agent, guard):
    request = cast.proved(viewer)
    address = viewer.email

    assert deciding.erase_at_desk(request, why="asked", by=agent, at=NOON) is not None
    viewer.refresh_from_db()
    assert viewer.email == address
    agree(guard, Desk.APPROVE_PURGE)
    assert deciding.erase_at_desk(request, why="asked", by=agent, at=NOON) is None

    viewer.refresh_from_db()
    request.refresh_from_db()
    assert viewer.email != address
    assert request.state == RequestState.DONE
    assert request.receipt["rows"]
    assert [each.to for each in cast.mails("request_erased")] == [address]
    assert (bytes(request.sealed), request.address_key) == (b"", "")
    assert StaffDeed.objects.filter(object_id=str(request.pk), action="erased").count() == 1


def test_what_two_agreed_to_erase_is_erased_and_nobody_else(business, agent, guard, officer):
    customer = cast.make_buyer(business)
    request = cast.from_form("lead@example.com", RequestType.ERASURE)
    identity.try_code(request, cast.code_of(request), at=NOON)
    deciding.erase_at_desk(request, why="asked", by=agent, at=NOON)
    agree(guard, Desk.APPROVE_PURGE)

    routing.assign(request, tenant_id=business.pk, buyer_id=customer.pk, by=cast.ME, at=NOON)
    deciding.accept_proof(request, why="Known", by=officer, at=NOON)

    assert deciding.erase_at_desk(request, why="asked", by=agent, at=NOON) is not None
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert type(customer).objects.filter(pk=customer.pk, email=customer.email).exists()


def test_what_two_agreed_to_keep_is_not_erased_once_it_may_go(viewer, agent, guard, monkeypatch):
    request = cast.proved(viewer)
    with monkeypatch.context() as patch:
        patch.setattr(erasure_plans, "why_stopped", lambda subject, at: "A legal hold covers it.")
        deciding.erase_at_desk(request, why="asked", by=agent, at=NOON)
    agree(guard, Desk.APPROVE_PURGE)

    assert deciding.erase_at_desk(request, why="asked", by=agent, at=NOON) is not None

    viewer.refresh_from_db()
    assert viewer.is_active


def sealed(request):
    """Whether anything that was said stands with this request."""
    said = RequestEvent.objects.filter(request=request).exclude(sealed=b"").exists()
    return said or bytes(cast.fresh(request).sealed) != b""


def test_an_erased_person_leaves_no_words_in_any_request_that_is_over(viewer, stranger):
    before = cast.from_form(viewer.email, RequestType.RECTIFICATION, text="Since I was a guest")
    SubjectRequest.objects.filter(pk=before.pk).update(subject_kind="lead", user_id=None)
    mine, running = cast.proved(viewer, RequestType.ACCESS), cast.proved(viewer, RequestType.WHY)
    others = cast.proved(stranger, RequestType.ACCESS)
    for each in (before, mine, running, others):
        deciding.heard(cast.fresh(each), text="Moved to Quetta", by=cast.ME, at=NOON)
    for each in (before, mine, others):
        requests.take_back(cast.fresh(each), by=cast.ME, at=NOON)
    request = cast.proved(viewer, text="Erase me")
    deciding.heard(request, text="All of it", by=cast.ME, at=NOON)

    deciding.erase(request, actor=cast.ME, at=NOON)

    assert [sealed(each) for each in (request, mine, before)] == [False, False, False]
    assert [sealed(each) for each in (running, others)] == [True, True]
    assert cast.fresh(before).address_key == ""


def test_an_erased_customer_leaves_no_words_with_that_business_alone(business, other_business):
    customer, elsewhere = cast.make_buyer(business), cast.make_buyer(other_business)
    past = cast.of_buyer(business, customer, RequestType.RECTIFICATION)
    other = cast.of_buyer(other_business, elsewhere, RequestType.RECTIFICATION)
    for each in (past, other):
        request_states.note(each, "rectified", by=cast.ME, at=NOON, words={"phone": "1 → 2"})
        requests.take_back(each, by=cast.ME, at=NOON)

    deciding.erase(cast.of_buyer(business, customer, RequestType.ERASURE), actor=cast.ME, at=NOON)

    assert (sealed(past), sealed(other)) == (False, True)


def test_words_of_a_history_go_only_with_those_of_their_request(owner):
    request = cast.proved(owner, text="Erase me")
    deciding.heard(request, text="All of it", by=cast.ME, at=NOON)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        RequestEvent.objects.filter(request=request).update(sealed=b"")

    SubjectRequest.objects.filter(pk=request.pk).update(sealed=b"")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        RequestEvent.objects.filter(request=request).update(sealed=b"other")
    RequestEvent.objects.filter(request=request).update(sealed=b"")


@pytest.mark.parametrize("kind", [kind for kind in RequestType if kind != RequestType.ERASURE])
def test_nobody_is_erased_who_asked_for_something_else(viewer, agent, kind):
    request = cast.proved(viewer, kind)

    with pytest.raises(RuleViolation):
        deciding.erase_at_desk(request, why="asked", by=agent, at=NOON)

    viewer.refresh_from_db()
    assert viewer.is_active
    assert not Approval.objects.exists()


def test_an_agent_does_not_decide(owner, agent):
    request = cast.proved(owner)

    for deed in (
        lambda: deciding.finish_at_desk(request, text="Done.", by=agent, at=NOON),
        lambda: deciding.extend(request, why="Much work", by=agent, at=NOON),
        lambda: deciding.accept_proof(request, why="Known", by=agent, at=NOON),
    ):
        with pytest.raises(NotAllowed):
            deed()

    assert cast.fresh(request).extended_at is None


# --- answered by itself -----------------------------------------------------------------------


def give(user, purpose):
    how = How(channel=ConsentChannel.PAGE)
    consents.give(purpose, who=Who(user_id=user.pk), how=how, at=NOON - timedelta(days=1))


@pytest.mark.parametrize("kind", [RequestType.OBJECTION, RequestType.WITHDRAWAL])
def test_an_objection_stops_what_rests_on_consent_at_once(owner, kind):
    give(owner, Purpose.ANALYTICS)
    request = cast.proved(owner, kind)

    answering.begin(request, at=NOON)

    assert not consents.may_use(Purpose.ANALYTICS, at=NOON, user_id=owner.pk)
    assert cast.fresh(request).state == RequestState.DONE


def test_an_objection_to_more_than_that_waits_for_a_person(owner):
    request = cast.proved(owner, RequestType.OBJECTION, text="Not for credit checks either")

    answering.begin(request, at=NOON)

    assert cast.fresh(request).state == RequestState.IN_PROGRESS


def test_why_is_answered_by_the_plan(owner):
    request = cast.proved(owner, RequestType.WHY)

    answering.begin(request, at=NOON)

    request.refresh_from_db()
    assert request.state == RequestState.DONE
    assert {"retention", "until", "basis"} <= request.receipt["rows"][0].keys()
    assert cast.mails("request_why")[0].context["rows"]


def test_access_is_answered_by_an_export(owner):
    request = cast.proved(owner, RequestType.ACCESS)

    answering.begin(request, at=NOON)
    answering.begin(request, at=NOON)

    assert request.exports.count() == 1


# --- the code ---------------------------------------------------------------------------------


def test_a_code_proves_who_asks_and_is_gone_afterwards(owner):
    request = cast.from_form(owner.email)
    code = cast.code_of(request)

    identity.try_code(request, f"{code[:4]} {code[4:]}", at=NOON)

    request.refresh_from_db()
    assert (request.state, request.user_id) == (RequestState.IN_PROGRESS, owner.pk)
    assert IdentityProof.objects.get().code_hash == ""
    with pytest.raises(identity.WrongCode):
        identity.try_code(request, code, at=NOON)


def test_a_code_ends_after_five_tries_though_the_sixth_is_right(owner):
    request = cast.from_form(owner.email)
    code = cast.code_of(request)

    for _ in range(identity.TRIES):
        with pytest.raises(identity.WrongCode):
            identity.try_code(request, "00000000" if code != "00000000" else "1", at=NOON)
    with pytest.raises(identity.WrongCode):
        identity.try_code(request, code, at=NOON)

    assert IdentityProof.objects.get().outcome == ProofOutcome.FAILED
    assert cast.fresh(request).proved_at is None


def test_twin_without_the_count_of_tries_the_sixth_is_right(owner, monkeypatch):
    request = cast.from_form(owner.email)
    code = cast.code_of(request)
    monkeypatch.setattr(identity, "TRIES", 99)
    for _ in range(5):
        with pytest.raises(identity.WrongCode):
            identity.try_code(request, "x", at=NOON)

    identity.try_code(request, code, at=NOON)

    assert cast.fresh(request).proved_at is not None


def test_a_code_lives_an_hour(owner):
    request = cast.from_form(owner.email)
    code = cast.code_of(request)

    with pytest.raises(identity.WrongCode):
        identity.try_code(request, code, at=NOON + identity.LIVES)
    assert identity.again(request, at=NOON + identity.LIVES)
    identity.try_code(request, cast.code_of(request), at=NOON + identity.LIVES)

    assert cast.fresh(request).proved_at is not None


def test_three_codes_a_day_and_no_more(owner):
    request = cast.from_form(owner.email)

    sent = [identity.again(request, at=NOON + timedelta(minutes=n)) for n in range(1, 4)]

    assert sent == [True, True, False]
    assert identity.again(request, at=NOON + timedelta(days=1, minutes=1))


def test_a_stranger_who_proves_an_address_gets_what_we_hold_of_it():
    request = cast.from_form("lead@example.com")

    identity.try_code(request, cast.code_of(request), at=NOON)
    answering.begin(request, at=NOON)

    assert request.subject_kind == "lead"
    assert request.exports.get().user_id is None


# --- people who are customers -----------------------------------------------------------------


@pytest.fixture
def customer(business):
    return cast.make_buyer(business)


def fact(invoice, how):
    return {
        "fbr": {"fbr_number": invoice.fbr_number},
        "total": {"number": invoice.number, "total": f"{invoice.total:,}"},
        "day": {"number": invoice.number, "day": invoice.invoice_date.isoformat()},
        "number alone": {"number": invoice.number},
        "wrong total": {"number": invoice.number, "total": "1.00"},
        "wrong number": {"fbr_number": "fbr-none"},
    }[how]


@pytest.mark.parametrize("how", ["fbr", "total", "day"])
def test_a_customer_proves_a_fact_and_a_code_to_the_address_that_is_held(business, customer, how):
    invoice = cast.make_accepted(business, customer)

    request = cast.from_form(customer.email.upper(), **fact(invoice, how))
    identity.try_code(request, cast.code_of(request), at=NOON)

    assert (request.tenant_id, request.buyer_id) == (business.pk, customer.pk)
    assert cast.fresh(request).proved_at == NOON


@pytest.mark.parametrize("how", ["number alone", "wrong total", "wrong number"])
def test_a_wrong_fact_gets_no_code(business, customer, how):
    invoice = cast.make_accepted(business, customer)

    request = cast.from_form(customer.email, **fact(invoice, how))

    assert cast.code_of(request) == ""
    assert request.tenant_id is None


def test_another_address_than_the_one_held_gets_no_code(business, customer):
    invoice = cast.make_accepted(business, customer)

    request = cast.from_form("thief@example.com", **fact(invoice, "fbr"))

    assert cast.code_of(request) == ""
    assert not OutgoingMail.objects.filter(to=customer.email).exists()


def test_twin_a_code_without_the_address_reaches_the_thief(business, customer, monkeypatch):
    monkeypatch.setattr(
        identity,
        "_look_for_invoice",
        lambda request, said, at: identity.send_code(request, method="code", at=at),
    )
    with pytest.raises(AssertionError):
        test_another_address_than_the_one_held_gets_no_code(business, customer)


def assigned(business, customer, address):
    """By somebody who proved this address, and whom the desk took for this customer."""
    request = cast.from_form(address)
    identity.try_code(request, cast.code_of(request), at=NOON)
    answering.begin(request, at=NOON)
    routing.assign(
        request, tenant_id=business.pk, buyer_id=customer.pk, by=cast.ME, at=NOON + cast.SECOND
    )
    return cast.fresh(request)


def test_what_was_proved_of_an_address_is_no_proof_of_a_customer(business, customer, owner):
    request = assigned(business, customer, "thief@example.com")

    assert request.proved_at is None
    assert request.state == RequestState.IDENTITY_PENDING
    assert not identity.again(request, at=NOON + cast.SECOND)
    assert [each.state for each in request.exports.all()] == ["gone"]
    with pytest.raises(StateConflict):
        routing.forward(request, by=cast.ME, at=NOON)


def test_twin_where_the_proof_stays_it_goes_to_the_business_as_proved(
    business, customer, owner, monkeypatch
):
    monkeypatch.setattr(identity, "unproved", lambda request, by, at: None)
    with pytest.raises(AssertionError):
        test_what_was_proved_of_an_address_is_no_proof_of_a_customer(business, customer, owner)


def test_a_code_to_the_address_that_the_business_holds_proves_a_customer(business, customer):
    request = assigned(business, customer, customer.email)

    assert identity.again(request, at=NOON + cast.SECOND)
    identity.try_code(request, cast.code_of(request), at=NOON + cast.SECOND)

    assert cast.fresh(request).state == RequestState.IN_PROGRESS


def test_a_code_of_before_proves_nothing_of_a_customer(business, customer):
    request = cast.from_form("thief@example.com")
    code = cast.code_of(request)
    routing.assign(request, tenant_id=business.pk, buyer_id=customer.pk, by=cast.ME, at=NOON)

    with pytest.raises(identity.WrongCode):
        identity.try_code(request, code, at=NOON)


def test_whoever_a_person_of_ours_knows_gets_codes_where_they_write_from(
    business, customer, officer
):
    request = assigned(business, customer, "new@example.com")

    deciding.accept_proof(request, why="Telephoned back", by=officer, at=NOON + cast.SECOND)

    assert identity.again(request, at=NOON + cast.SECOND)


def test_what_was_handed_over_is_assigned_to_nobody_else(business, customer, owner):
    request = cast.of_buyer(business, customer)
    answering.begin(request, at=NOON)

    with pytest.raises(StateConflict):
        routing.assign(request, tenant_id=business.pk, buyer_id=None, by=cast.ME, at=NOON)

    assert cast.fresh(request).buyer_id == customer.pk


def test_a_person_of_ours_enters_a_letter_and_says_how_they_know_who_it_is(officer):
    request = requests.enter(
        type=RequestType.COMPLAINT, said=Said(text="By post"), by=officer, at=NOON
    )
    with pytest.raises(RuleViolation):
        deciding.accept_proof(request, why="", by=officer, at=NOON)

    deciding.accept_proof(request, why="Telephoned back", by=officer, at=NOON)

    assert request.proofs.get().method == "staff"
    assert request.human_at == NOON
    assert Actor.staff(officer.pk).name == request.events.order_by("id").first().by
