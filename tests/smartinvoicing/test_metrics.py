"""/metrics: figures for whoever holds the token, no page for others, no tenant in it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import tenancy
from accounts.models import Heartbeat, LegalEntity
from accounts.services import housekeeping
from fbr import metrics
from fbr.alarms import Count, Figures, Line
from fbr.models import AlertKind
from fbr.services import alerts
from smartinvoicing import clock
from tests import factories
from tests.factories import AT

TOKEN = "a token of twenty or more"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LINE = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+]+$')

# What reliability 9, R29 wants to be seen.
WANTED = {
    "smartinvoicing_oldest_age_seconds",
    "smartinvoicing_documents",
    "smartinvoicing_waiting",
    "smartinvoicing_lease_expiries_total",
    "smartinvoicing_breaker_open",
    "smartinvoicing_window",
    "smartinvoicing_audit_anchor_age_seconds",
    "smartinvoicing_backup_age_seconds",
    "smartinvoicing_clock_skew_seconds",
    "smartinvoicing_alerts",
}


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


# --- who may read -----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "production", "headers", "address", "status"),
    [
        (TOKEN, True, BEARER, "10.0.0.7", 200),
        (TOKEN, False, BEARER, "127.0.0.1", 200),
        (TOKEN, False, {}, "127.0.0.1", 404),
        (TOKEN, True, {"Authorization": "Bearer another"}, "127.0.0.1", 404),
        (TOKEN, True, {"Authorization": TOKEN}, "127.0.0.1", 404),
        (TOKEN, True, {"Authorization": "Bearer \u0664"}, "127.0.0.1", 404),
        ("", False, {}, "127.0.0.1", 200),
        ("", False, {}, "::1", 200),
        ("", False, {}, "10.0.0.7", 404),
        ("", False, {"Authorization": "Bearer "}, "10.0.0.7", 404),
        ("", False, {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 404),
        ("", True, {}, "127.0.0.1", 404),
        ("", True, {"Authorization": "Bearer "}, "127.0.0.1", 404),
    ],
)
def test_who_may_read(client, settings, token, production, headers, address, status):
    settings.METRICS_TOKEN, settings.PRODUCTION = token, production

    answer = client.get(reverse("metrics"), headers=headers, REMOTE_ADDR=address)

    assert answer.status_code == status
    assert (b"smartinvoicing_" in answer.content) is (status == 200)


# --- what it says -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_counts_over_all_tenants_and_names_none(client, business, other_business):
    for number, tenant in enumerate((business, other_business)):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            factories.make_credential(LegalEntity.objects.get(), f"a token of number {number}")
            invoice = factories.make_issued()
    alerts.set_off(AlertKind.DISK_FULL, "/data", at=AT)

    answer = client.get(reverse("metrics"))
    text = answer.content.decode()

    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples(text)['smartinvoicing_documents{state="queued"}'] == 2
    assert samples(text)['smartinvoicing_waiting{hold="none"}'] == 2
    assert samples(text)['smartinvoicing_alerts{kind="disk_full"}'] == 1
    for secret in (str(business.pk), str(other_business.pk), invoice.number, "7000007"):
        assert secret not in text


def figures(**fields) -> Figures:
    known = {
        "states": {"uncertain": Count(n=3, oldest=AT - timedelta(minutes=2))},
        "waiting": {"none": Count(n=2, oldest=AT), "credential": Count(n=5, oldest=AT)},
        "leases_expired": 4,
        "lines": (
            Line(environment="production", channel="di", opened_at=AT, hold="", window=1),
            Line(environment="sandbox", channel="di", opened_at=None, hold="", window=8),
        ),
        "anchored_at": AT - timedelta(hours=1),
        "backed_up_at": AT - timedelta(hours=3),
        "skew_ms": -1500,
        "ntp_skew_ms": 250,
        "disks": {'/a "disk"\\': 81},
        "heartbeats": {"dispatcher": AT - timedelta(seconds=9), "documents": None},
    }
    return Figures(**{"at": AT, "since": AT, **known, **fields})


def test_every_figure_that_was_promised_is_there():
    text = metrics.exposition(figures(), {"clock_off": 1})
    found = samples(text)

    assert {name.partition("{")[0] for name in found} >= WANTED
    assert found['smartinvoicing_oldest_age_seconds{state="uncertain"}'] == 120
    assert found['smartinvoicing_documents{state="submitting"}'] == 0
    assert found['smartinvoicing_waiting{hold="credential"}'] == 5
    assert found["smartinvoicing_lease_expiries_total"] == 4
    assert found['smartinvoicing_breaker_open{environment="production",channel="di"}'] == 1
    assert found['smartinvoicing_window{environment="sandbox",channel="di"}'] == 8
    assert found["smartinvoicing_audit_anchor_age_seconds"] == 3600
    assert found["smartinvoicing_backup_age_seconds"] == 10800
    assert found['smartinvoicing_clock_skew_seconds{against="database"}'] == -1.5
    assert found['smartinvoicing_clock_skew_seconds{against="ntp"}'] == 0.25
    assert found['smartinvoicing_heartbeat_age_seconds{process="dispatcher"}'] == 9
    assert found['smartinvoicing_alerts{kind="clock_off"}'] == 1


def test_what_never_was_has_no_age():
    text = metrics.exposition(figures(backed_up_at=None, ntp_skew_ms=None), {})

    assert "smartinvoicing_backup_age_seconds" not in samples(text)
    assert 'against="ntp"' not in text
    assert 'process="documents"' not in text


def test_every_line_is_of_the_format():
    text = metrics.exposition(figures(disks={"/data": 81}), {"clock_off": 1})
    said: set[str] = set()

    for line in text.splitlines():
        if line.startswith("# "):
            assert re.match(r"# (HELP|TYPE) smartinvoicing_[a-z_]+ .+", line)
            said.add(line.split()[2])
        else:
            assert LINE.match(line), line
            assert line.partition("{")[0].partition(" ")[0] in said
    assert text.endswith("\n")


def test_a_label_may_hold_anything():
    text = metrics.exposition(figures(), {})

    assert 'smartinvoicing_disk_used_percent{folder="/a \\"disk\\"\\\\"} 81' in text


# --- ready ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_silent_watchdog_is_named(client):
    assert client.get(reverse("ready")).json()["parts"]["watchdog"] == "silent"

    housekeeping.beat("watchdog", at=clock.now())
    answer = client.get(reverse("ready"))
    assert answer.json()["parts"]["watchdog"] == "ok"

    Heartbeat.objects.update(at=clock.now() - timedelta(minutes=16))
    answer = client.get(reverse("ready"))
    assert (answer.json()["parts"]["watchdog"], answer.status_code) == ("silent", 200)
