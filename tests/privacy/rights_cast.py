"""Requests of persons for tests, by the services; and what lies in mails and archives."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta

from allauth.account.internal.flows import login
from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.models import OutgoingMail
from privacy.models import RequestChannel, RequestType, SubjectRequest
from privacy.services import exporting, identity, requests
from privacy.services.request_words import Said
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ME = Actor.system("test")


def receive(user=None, kind=RequestType.ERASURE, at=NOON, **words):
    """From somebody who is signed in, not proved yet."""
    return requests.receive(
        type=kind,
        channel=RequestChannel.PROFILE,
        at=at,
        user_id=user.pk if user else None,
        **words,
    )


def proved(user=None, kind=RequestType.ERASURE, at=NOON, **words):
    """The same, by somebody who showed who they are."""
    request = receive(user, kind, at, **words)
    identity.by_session(request, by=ME, at=at)
    return request


def from_form(address="nobody@example.com", kind=RequestType.ACCESS, at=NOON, **facts):
    """By the public form, looked up by the task."""
    request = requests.from_stranger(
        type=kind, channel=RequestChannel.FORM, said=Said(address=address, **facts), at=at
    )
    identity.look_up(request, at=at)
    request.refresh_from_db()
    return request


def of_buyer(tenant, buyer, kind=RequestType.ACCESS, at=NOON, **words):
    """By a customer of `tenant`, proved."""
    said = Said(address=words.pop("address", "buyer@example.com"), text=words.pop("text", ""))
    request = requests.receive(
        type=kind,
        channel=RequestChannel.FORM,
        at=at,
        said=said,
        tenant_id=tenant.pk,
        buyer_id=buyer.pk,
    )
    identity.by_session(request, by=ME, at=at)
    return request


def sign_in(client, user, *, proved=True):
    """Proved: with the password, this moment."""
    client.force_login(user)
    session = client.session
    at = clock.now().timestamp() if proved else 0
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": at}]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
    session.save()


def make_buyer(tenant, email="buyer@example.com", **fields):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        buyer = factories.make_buyer(**fields)
        type(buyer).objects.filter(pk=buyer.pk).update(email=email)
        buyer.refresh_from_db()
    return buyer


def make_accepted(tenant, buyer, number="fbr-rights-1"):
    """A document of this customer that FBR has."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        party = factories.make_party(name=buyer.name, ntn_cnic=buyer.ntn_cnic)
        invoice = factories.make_issued(factories.make_content(buyer=party, buyer_id=buyer.pk))
        factories.accept(invoice, number)
        invoice.refresh_from_db()
    return invoice


def mails(prefix):
    """Keys of mails to the person: what follows the id of the request."""
    found = OutgoingMail.objects.filter(template=f"privacy/mail/{prefix}").order_by("made_at", "id")
    return list(found)


def code_of(request):
    """The newest code that was mailed for this request; "" where none was."""
    found = OutgoingMail.objects.filter(
        template="privacy/mail/request_code", key__startswith=f"request-{request.pk}"
    ).order_by("-made_at", "-id")
    mail = found.first()
    return re.sub(r"\D", "", mail.context["code"]) if mail else ""


def built(export, at=NOON):
    """The archive of an export: its manifest, and its files by name."""
    claimed = exporting.claim(at=at)
    assert claimed.pk == export.pk
    exporting.run(claimed, at=at)
    return opened(exporting.fetch(claimed, at=at))


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content.read())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files["manifest.json"]), files


def states_of(request):
    return [each.became for each in request.events.order_by("at", "id") if each.became]


def fresh(request):
    return SubjectRequest.objects.get(pk=request.pk)
