"""Pages of requests: a person's own, the public form, a business's, the desk."""

import re
from datetime import date, timedelta
from time import perf_counter

import pytest
from allauth.account.internal.flows import login
from django.core.cache import cache
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import tenancy
from accounts.access import Actor
from accounts.desk import UNFIT
from accounts.enums import NoticeKind, Role, StaffRole
from accounts.models import Approval, AuditEvent, Notice, OutgoingMail, StaffDeed
from invoices import selectors
from invoices.models import Buyer
from privacy.admin.rights_deeds import DEEDS
from privacy.models import (
    ExportFile,
    IdentityProof,
    RequestState,
    RequestType,
    SubjectRequest,
)
from privacy.services import (
    answering,
    deciding,
    erasing,
    exporting,
    holds,
    identity,
    request_words,
    requests,
    routing,
    sealed_words,
)
from privacy.services.holds import Case
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation
from tests import factories
from tests.conftest import NOON
from tests.privacy import rights_cast as cast
from tests.privacy.rights_cast import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_counts():
    cache.clear()


@pytest.fixture
def media(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }


def ask(client, **words):
    known = {"type": "access", "text": "", "email": "somebody@example.com"}
    return client.post(reverse("privacy:ask"), {**known, **words})


# --- one's own page ---------------------------------------------------------------------------


def test_a_person_asks_and_gets_an_archive_by_themselves(
    client, owner, media, django_capture_on_commit_callbacks
):
    sign_in(client, owner)

    page = client.get(reverse("privacy:mine"))
    assert "What we hold about you" in page.content.decode()
    answer = client.post(reverse("privacy:mine"), {"type": "access", "text": ""})
    request = SubjectRequest.objects.get()
    assert answer["Location"] == reverse("privacy:mine_request", args=[request.pk])
    assert client.get(answer["Location"]).status_code == 200

    answering.build_due(at=clock.now())
    export = ExportFile.objects.get()
    url = reverse("privacy:export_file", args=[export.pk])
    assert client.get(url).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        archive = client.post(url)
        assert b"".join(archive.streaming_content).startswith(b"PK")
    assert archive["Content-Security-Policy"] == "sandbox"
    export.refresh_from_db()
    assert export.downloads == 1


def test_looking_at_it_counts_no_download(client, owner, media):
    exporting.build_export(owner, at=clock.now())
    answering.build_due(at=clock.now())
    sign_in(client, owner)

    client.get(reverse("privacy:export_file", args=[ExportFile.objects.get().pk]))

    assert ExportFile.objects.get().downloads == 0


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_archive_is_handed_out_only_after_a_proof(client, owner, media, method):
    exporting.build_export(owner, at=clock.now())
    answering.build_due(at=clock.now())
    sign_in(client, owner, proved=False)

    answer = getattr(client, method)(
        reverse("privacy:export_file", args=[ExportFile.objects.get().pk])
    )

    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]
    assert ExportFile.objects.get().downloads == 0


def test_twin_with_a_proof_it_is(client, owner, media):
    sign_in(client, owner)
    exporting.build_export(owner, at=clock.now())
    answering.build_due(at=clock.now())

    answer = client.post(reverse("privacy:export_file", args=[ExportFile.objects.get().pk]))

    assert answer.status_code == 200


def test_without_a_proof_a_request_waits_and_goes_on_with_one(client, owner):
    sign_in(client, owner, proved=False)
    client.post(reverse("privacy:mine"), {"type": "access", "text": ""})
    request = SubjectRequest.objects.get()
    url = reverse("privacy:mine_request", args=[request.pk])

    assert request.state == RequestState.IDENTITY_PENDING
    assert "reauthenticate" in client.post(url, {"deed": "prove"})["Location"]
    sign_in(client, owner)
    client.post(url, {"deed": "prove"})

    assert cast.fresh(request).state == RequestState.IN_PROGRESS
    assert request.exports.count() == 1


def test_anothers_request_and_export_are_not_found(client, owner, stranger, media):
    request = cast.receive(owner)
    exporting.build_export(owner, at=NOON)
    sign_in(client, stranger)

    for url in (
        reverse("privacy:mine_request", args=[request.pk]),
        reverse("privacy:export_file", args=[ExportFile.objects.get().pk]),
    ):
        assert client.get(url).status_code == 404
        assert client.post(url, {"deed": "take_back"}).status_code == 404
    assert cast.fresh(request).state == RequestState.RECEIVED


def test_a_person_adds_words_and_takes_a_request_back(client, owner):
    request = cast.proved(owner)
    sign_in(client, owner)
    url = reverse("privacy:mine_request", args=[request.pk])

    client.post(url, {"text": "One more thing"})
    assert "One more thing" in client.get(url).content.decode()
    client.post(url, {"deed": "take_back"})

    assert cast.fresh(request).state == RequestState.WITHDRAWN


# --- the public form --------------------------------------------------------------------------


def test_the_form_says_the_same_to_everybody(client, business):
    known = factories.make_member(business)
    customer = cast.make_buyer(business)
    invoice = cast.make_accepted(business, customer)

    pages = [
        ask(client, email=address, fbr_number=number)
        for address in (known.email, "nobody@example.com", customer.email)
        for number in ("", invoice.fbr_number, "fbr-none")
    ]

    assert {(page.status_code, page["Location"]) for page in pages} == {
        (302, reverse("privacy:asked"))
    }
    assert IdentityProof.objects.count() == 0
    assert SubjectRequest.objects.exclude(user_id=None).count() == 0
    received = OutgoingMail.objects.exclude(template="privacy/mail/request_received")
    assert not received.filter(template__startswith="privacy/").exists()


def test_the_form_takes_the_same_time_for_everybody(client, business, settings):
    known = factories.make_member(business)

    def seconds(address):
        began = perf_counter()
        ask(client, email=address)
        return perf_counter() - began

    times = {True: [], False: []}
    for number in range(12):
        SubjectRequest.objects.update(received_at=NOON - timedelta(days=9))
        cache.clear()
        times[True].append(seconds(known.email))
        times[False].append(seconds(f"nobody{number}@example.com"))

    fast, slow = sorted([min(times[True]), min(times[False])])
    assert slow < fast * 1.5 + 0.02


def test_twin_a_look_up_inside_the_form_tells_who_is_known(client, business, monkeypatch):
    real = requests.from_stranger

    def at_once(**words):
        made = real(**words)
        identity.look_up(made, at=words["at"])
        return made

    monkeypatch.setattr(requests, "from_stranger", at_once)
    with pytest.raises(AssertionError):
        test_the_form_says_the_same_to_everybody(client, business)


def test_a_net_may_ask_so_often_and_no_more(client):
    answers = [ask(client, email=f"a{n}@example.com").status_code for n in range(21)]

    assert answers == [302] * 20 + [422]
    assert SubjectRequest.objects.count() == 20


def follow(request):
    return reverse("privacy:request", args=[request_words.secret_of(request.pk)])


def test_a_stranger_follows_a_request_proves_and_fetches(client, owner, media):
    ask(client, email=owner.email)
    answering.look_up_due(at=clock.now())
    request = SubjectRequest.objects.get()
    url = follow(request)

    assert "Your code" in client.get(url).content.decode()
    assert client.post(url, {"deed": "code", "code": "1"}).status_code == 422
    assert client.post(url, {"deed": "code", "code": cast.code_of(request)}).status_code == 302
    answering.build_due(at=clock.now())
    assert "Download" in client.get(url).content.decode()
    export = ExportFile.objects.get()
    fetch = reverse("privacy:request_export", args=[request_words.secret_of(request.pk), export.pk])
    assert b"".join(client.post(fetch).streaming_content).startswith(b"PK")


def test_the_page_of_a_complaint_asks_for_no_code(client):
    request = cast.from_form("lead@example.com", RequestType.COMPLAINT)

    page = client.get(follow(request)).content.decode()

    assert "Your code" not in page
    assert "Being worked on" in page


def test_a_wrong_code_counts_though_the_page_says_no(client, owner):
    request = cast.from_form(owner.email, at=clock.now())

    for _ in range(6):
        client.post(follow(request), {"deed": "code", "code": "x"})

    proof = IdentityProof.objects.get()
    assert (proof.tries, proof.outcome) == (5, "failed")


def test_whoever_has_the_link_alone_gets_nothing(client, owner, media):
    request = cast.from_form(owner.email, at=clock.now(), text="My secret words")
    identity.try_code(request, cast.code_of(request), at=clock.now())
    answering.begin(request, at=clock.now())
    answering.build_due(at=clock.now())
    export = ExportFile.objects.get()
    fetch = reverse("privacy:request_export", args=[request_words.secret_of(request.pk), export.pk])

    page = client.get(follow(request)).content.decode()
    answer = client.post(fetch)

    assert "My secret words" not in page
    assert owner.email not in page
    assert answer.status_code == 302
    assert ExportFile.objects.get().downloads == 0


@pytest.mark.parametrize("secret", ["x" * 43, "00000000000000000000000000000000:x"])
def test_a_link_that_we_did_not_make_leads_nowhere(client, secret):
    assert client.get(reverse("privacy:request", args=[secret])).status_code == 404


@pytest.mark.parametrize("name", ["", "Data Protection Board"])
def test_the_page_of_complaints_names_the_authority_where_there_is_one(client, settings, name):
    settings.PRIVACY_AUTHORITY_NAME = name

    page = client.get(reverse("privacy:complain")).content.decode()

    assert ("Data Protection Board" in page) == bool(name)
    assert ("no authority" in page) != bool(name)


# --- the business -----------------------------------------------------------------------------


@pytest.fixture
def buyer(business):
    return cast.make_buyer(business, name="Gulmakai Traders")


@pytest.fixture
def asked(business, owner, buyer):
    request = cast.of_buyer(business, buyer, RequestType.RECTIFICATION, text="My name is wrong")
    routing.forward(request, by=cast.ME, at=NOON)
    return request


def held(business, buyer):
    with tenancy.in_tenant(business.pk):
        return Buyer.objects.get(pk=buyer.pk)


def test_a_business_corrects_what_it_keeps_and_the_change_is_remembered(
    client, business, owner, buyer, asked
):
    sign_in(client, owner)
    url = reverse("privacy:business_request", args=[asked.pk])
    page = client.get(url).content.decode()
    assert "My name is wrong" in page

    typed = {
        name: getattr(buyer, name)
        for name in ("registration_type", "ntn_cnic", "province", "address", "phone", "email")
    }
    client.post(url, {"deed": "rectify", "name": "Gulmakai Sons", **typed})
    client.post(url, {"deed": "grant", "text": "We corrected it."})

    assert held(business, buyer).name == "Gulmakai Sons"
    event = asked.events.get(what="rectified")
    assert sealed_words.unseal(event) == {"name": "Gulmakai Traders → Gulmakai Sons"}
    assert event.facts == {"fields": ["name"]}
    assert cast.fresh(asked).state == RequestState.DONE
    assert [each.context["text"] for each in cast.mails("request_done")] == ["We corrected it."]
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert AuditEvent.objects.filter(action="request.answered").count() == 1


def test_a_customer_who_is_set_aside_is_in_no_list_and_no_search(
    client, business, owner, buyer, asked
):
    sign_in(client, owner)
    url = reverse("privacy:business_request", args=[asked.pk])

    client.post(url, {"deed": "restrict"})

    with tenancy.in_tenant(business.pk):
        assert selectors.buyers().rows == []
        assert selectors.buyers(text="Gul").rows == []
        assert selectors.buyer_choices() == []
    assert held(business, buyer).restricted_at is not None
    client.post(url, {"deed": "restrict"})
    with tenancy.in_tenant(business.pk):
        assert len(selectors.buyers().rows) == 1


def found(business, **wanted):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        return [row.pk for row in selectors.invoice_page(selectors.InvoiceFilter(**wanted)).rows]


def test_documents_of_a_customer_who_is_set_aside_are_found_by_number_and_day_alone(
    client, business, owner, buyer, asked
):
    invoice = cast.make_accepted(business, buyer)
    namesake = cast.make_buyer(business, name="Gulmakai Traders")
    other = cast.make_accepted(business, namesake, "fbr-rights-2")
    sign_in(client, owner)
    assert found(business, text="Gulmakai") == [other.pk, invoice.pk]

    client.post(reverse("privacy:business_request", args=[asked.pk]), {"deed": "restrict"})

    assert found(business, text="Gulmakai") == [other.pk]
    assert found(business, text=invoice.number) == [invoice.pk]
    day = invoice.invoice_date
    assert found(business, since=day, until=day) == [other.pk, invoice.pk]


def test_a_dispute_is_marked_and_a_document_stays_as_it_is(client, business, owner, buyer, asked):
    invoice = cast.make_accepted(business, buyer)
    sign_in(client, owner)

    client.post(reverse("privacy:business_request", args=[asked.pk]), {"deed": "dispute"})

    assert held(business, buyer).disputed_at is not None
    with tenancy.in_tenant(business.pk):
        assert type(invoice).objects.get(pk=invoice.pk).buyer_name == "Gulmakai Traders"


def test_a_refusal_of_a_business_needs_a_reason(client, owner, asked):
    sign_in(client, owner)
    url = reverse("privacy:business_request", args=[asked.pk])

    assert client.post(url, {"deed": "refuse", "text": " "}).status_code == 422
    assert cast.fresh(asked).state == RequestState.WAITING_CONTROLLER
    client.post(url, {"deed": "refuse", "text": "The law wants it."})

    assert cast.fresh(asked).state == RequestState.REFUSED


@pytest.fixture
def to_erase(business, owner, buyer):
    request = cast.of_buyer(business, buyer, RequestType.ERASURE)
    routing.forward(request, by=cast.ME, at=NOON)
    return request


def test_a_business_erases_a_customer_after_a_proof(client, business, owner, buyer, to_erase):
    asked = to_erase
    sign_in(client, owner, proved=False)
    url = reverse("privacy:business_request", args=[asked.pk])
    assert "reauthenticate" in client.post(url, {"deed": "erase"})["Location"]
    assert held(business, buyer).name == "Gulmakai Traders"
    sign_in(client, owner)

    client.post(url, {"deed": "erase"})

    with tenancy.in_tenant(business.pk):
        assert not Buyer.objects.filter(name="Gulmakai Traders").exists()
    assert cast.fresh(asked).state == RequestState.DONE
    assert len(cast.mails("request_erased")) == 1


def test_under_a_hold_nobody_is_told_that_something_was_erased(business, owner, buyer, to_erase):
    actor = Actor.person(owner.pk, Role.OWNER)
    case = Case(authority="Court", reference="1", review_on=date(2027, 1, 1))
    with tenancy.in_tenant(business.pk), transaction.atomic():
        hold = holds.place(case=case, actor=actor, at=NOON)
        deciding.erase_by_business(to_erase, actor=actor, at=NOON)

    [mail] = cast.mails("request_erased")
    subject, body = (
        render_to_string(f"{mail.template}.{kind}", mail.context) for kind in ("subject.txt", "txt")
    )
    assert "stay" in subject
    assert not re.search("erased|Deleted|anonymous", subject)
    assert "Held. A legal hold covers it." in body
    assert not re.search("Deleted|anonymous|address is erased", body)
    assert {row["deed"] for row in cast.fresh(to_erase).receipt["rows"]} == {"hold"}
    assert request_words.address_of(cast.fresh(to_erase)) == mail.to
    with tenancy.in_tenant(business.pk), transaction.atomic():
        answered = AuditEvent.objects.get(action="request.answered")
        assert answered.details["outcome"] == "held"
        holds.lift(hold=hold, why="over", actor=actor, at=NOON)

    erasing.go_on(at=NOON + 31 * cast.DAY)

    with tenancy.in_tenant(business.pk):
        assert not Buyer.objects.filter(pk=buyer.pk).exists()
    assert bytes(cast.fresh(to_erase).sealed) == b""


def test_what_cannot_be_erased_is_not_answered(
    business, owner, buyer, to_erase, settings, tmp_path
):
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "full")
    (tmp_path / "full").write_text("no folder")
    actor = Actor.person(owner.pk, Role.OWNER)

    with pytest.raises(OSError, match="full"), tenancy.in_tenant(business.pk):
        deciding.erase_by_business(to_erase, actor=actor, at=NOON)

    assert cast.fresh(to_erase).state == RequestState.WAITING_CONTROLLER
    assert held(business, buyer).name == "Gulmakai Traders"
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not AuditEvent.objects.filter(action="request.answered").exists()
        assert Notice.objects.get(kind=NoticeKind.RIGHTS_REQUEST).cleared_at is None


def test_a_business_erases_nobody_who_did_not_ask_for_it(business, owner, buyer, asked):
    actor = Actor.person(owner.pk, Role.OWNER)

    with pytest.raises(RuleViolation), tenancy.in_tenant(business.pk):
        deciding.erase_by_business(asked, actor=actor, at=NOON)

    assert held(business, buyer).name == "Gulmakai Traders"


def test_a_clerk_and_another_business_see_no_customers_request(client, business, stranger, asked):
    clerk = factories.make_member(business, Role.OPERATOR)
    url = reverse("privacy:business_request", args=[asked.pk])

    for person, status in ((clerk, 403), (stranger, 404)):
        client.force_login(person)
        assert client.get(url).status_code == status
        assert client.post(url, {"deed": "grant", "text": "x"}).status_code == status
    assert cast.fresh(asked).state == RequestState.WAITING_CONTROLLER


def test_a_business_takes_everything_along(client, business, owner, media):
    sign_in(client, owner)
    client.post(reverse("privacy:business_export"), {"parts": ["accounts"]})
    answering.build_due(at=clock.now())
    export = ExportFile.objects.get()

    answer = client.post(reverse("privacy:business_export_file", args=[export.pk]))

    assert b"".join(answer.streaming_content).startswith(b"PK")
    with tenancy.in_tenant(business.pk), transaction.atomic():
        actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"export.asked", "export.fetched"} <= actions


# --- the desk ---------------------------------------------------------------------------------


@pytest.fixture
def desk(client):
    """An officer at the desk, who showed the code of a second factor a moment ago."""

    def sit(role=StaffRole.PRIVACY_OFFICER):
        user = factories.make_staff(role)
        client.force_login(user)
        session = client.session
        session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
            {"method": name, "at": clock.now().timestamp()} for name in ("password", "mfa")
        ]
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
        session.save()
        return user

    return sit


@pytest.fixture(autouse=True)
def has_factor(monkeypatch):
    """Whether our people have a second factor is asked elsewhere."""
    monkeypatch.setattr("accounts.guards.is_mfa_enabled", lambda user: True, raising=False)


def room(request):
    return reverse("admin:privacy_subjectrequest_change", args=[request.pk])


def deed(request, name):
    return reverse(f"admin:privacy_subjectrequest_{name}", args=[request.pk])


def test_an_officer_sees_what_is_late_and_opens_a_room(client, owner, desk):
    request = cast.proved(owner, text="My secret words")
    desk()

    page = client.get(reverse("admin:privacy_desk")).content.decode()
    inside = client.get(room(request)).content.decode()

    assert request.reference in page
    assert "<progress" in page
    assert "What erasing would do" in inside
    assert "My secret words" not in inside
    assert owner.email not in inside
    assert not re.search(r"<script(?![^>]*src=)|style=", inside.split('id="content"')[1])


def test_each_look_at_the_words_is_written_down(client, owner, desk):
    request = cast.proved(owner, text="My secret words")
    url = reverse("admin:privacy_subjectrequest_words", args=[request.pk])
    desk(StaffRole.AUDITOR)
    assert client.post(url).status_code == 403
    desk()

    assert client.get(url).status_code == 405
    assert "My secret words" in client.post(url).content.decode()

    assert StaffDeed.objects.filter(action="revealed", object_id=str(request.pk)).count() == 1


def test_an_officer_works_a_request_from_the_desk(client, owner, desk):
    request = cast.proved(owner, RequestType.RECTIFICATION, at=clock.now())
    desk()

    client.post(deed(request, "look"))
    client.post(deed(request, "extend"), {"why": "Much to look for"})
    client.post(deed(request, "done"), {"why": "Corrected."})

    request.refresh_from_db()
    assert (request.state, request.human_at is None) == (RequestState.DONE, False)
    assert request.extended_at is not None
    receipt = client.get(reverse("admin:privacy_subjectrequest_receipt", args=[request.pk]))
    assert receipt.content.startswith(b"%PDF")


def test_what_does_not_fit_a_request_is_not_done_by_its_address(client, owner, desk):
    """An old page, or a typed address: only who asked to be erased is."""
    request = cast.proved(owner, RequestType.ACCESS)
    desk()

    page = client.get(deed(request, "erase")).content.decode()
    answer = client.post(deed(request, "erase"), {"why": "asked"})

    assert str(UNFIT) in page
    assert str(UNFIT) in answer.content.decode()
    assert not Approval.objects.exists()
    owner.refresh_from_db()
    assert owner.is_active


def test_twin_where_the_page_does_not_look_its_service_answers(client, owner, desk, monkeypatch):
    [erase] = [each for each in DEEDS if each.name == "erase"]
    monkeypatch.setitem(vars(erase), "fits", lambda user, row: True)

    with pytest.raises(AssertionError):
        test_what_does_not_fit_a_request_is_not_done_by_its_address(client, owner, desk)


def test_a_letter_is_entered_at_the_desk(client, desk):
    desk()
    client.post(
        reverse("admin:privacy_subjectrequest_enter"),
        {"type": "access", "text": "By post", "language": "ur", "address": "p@example.com"},
    )

    request = SubjectRequest.objects.get()
    assert (request.channel, request.language) == ("staff", "ur")


@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.FINANCE])
def test_who_has_no_business_with_requests_sees_none(client, owner, desk, role):
    request = cast.proved(owner)
    desk(role)

    for url in (room(request), reverse("admin:privacy_desk"), deed(request, "done")):
        assert client.get(url).status_code in {302, 403}
    assert cast.fresh(request).state == RequestState.IN_PROGRESS


def test_nobody_changes_or_deletes_a_request_at_the_desk(client, owner, desk):
    request = cast.proved(owner)
    desk()

    client.post(room(request), {"state": "done"})
    answer = client.post(reverse("admin:privacy_subjectrequest_delete", args=[request.pk]))

    assert answer.status_code == 403
    assert cast.fresh(request).state == RequestState.IN_PROGRESS
