"""Who else gets data."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.translation import gettext_noop as _

from fbr.di import document
from privacy import selectors
from privacy.models import Campaign, CampaignKind, EgressStatement, Processor, ProcessorKind
from privacy.models.registers import HOME
from privacy.promise_checks import catalogue
from privacy.promise_checks.drills import drilled
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing import hosts
from smartinvoicing.models import AllowedHost

YEAR: Final = timedelta(days=365)
# What the specification of FBR names: a header and its lines.
HEADER: Final = frozenset(
    {
        *("invoiceType", "invoiceDate", "sellerNTNCNIC", "sellerBusinessName", "sellerProvince"),
        *("sellerAddress", "buyerNTNCNIC", "buyerBusinessName", "buyerProvince", "buyerAddress"),
        *("buyerRegistrationType", "invoiceRefNo", "reason", "scenarioId", "items"),
    }
)
LINE: Final = frozenset(
    {
        *("hsCode", "productDescription", "rate", "uoM", "quantity", "totalValues"),
        *("valueSalesExcludingST", "fixedNotifiedValueOrRetailPrice", "salesTaxApplicable"),
        *("salesTaxWithheldAtSource", "extraTax", "furtherTax", "sroScheduleNo", "fedPayable"),
        *("discount", "saleType", "sroItemSerialNo", "petroleumLevyOn"),
    }
)


def machines_are_registered(at: datetime) -> Verdict:
    if catalogue.silent_triggers([("smartinvoicing_allowedhost", "allowedhost_guard")]):
        return Broken(_("The list of machines can be written by hand."))
    wanted = {host for row in selectors.in_use() for host in row.hosts}
    listed = set(AllowedHost.objects.values_list("host", flat=True))
    stray = sorted(listed - wanted)
    if stray:
        return Broken(_("A machine may be reached for nobody: %(what)s."), {"what": stray[0]})
    return Kept(
        _("%(n)s machines may be reached, each on the register."), {"n": len(hosts.known())}
    )


def statement_is_signed(at: datetime) -> Verdict:
    stray = machines_are_registered(at)
    if isinstance(stray, Broken):
        return stray
    last = EgressStatement.objects.order_by("-signed_at").first()
    return drilled(
        _("An officer signs who can be reached, and that nothing is sold: once a year."),
        last.signed_at if last else None,
        every=YEAR,
        at=at,
    )


def fbr_gets_its_fields(at: datetime) -> Verdict:
    named = {each.name for each in dataclasses.fields(document.Document)}
    lines = {each.name for each in dataclasses.fields(document.Item)}
    stray = sorted((named - HEADER) | (lines - LINE))
    if stray:
        return Broken(
            _("FBR would get a field that it does not ask for: %(what)s."), {"what": stray[0]}
        )
    return Kept(
        _("%(n)s fields may go to FBR, all of its specification."), {"n": len(named | lines)}
    )


def disclosures_are_approved(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers([("privacy_disclosure", "disclosure_guard")])
    asleep += catalogue.missing_constraints(["disclosure_by_two", "disclosure_approved_first"])
    if asleep:
        return Broken(_("A guard of the register sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(_("The database refuses a disclosure that two persons did not write down."))


def helpers_have_agreements(at: datetime) -> Verdict:
    rows = Processor.objects.filter(kind=ProcessorKind.PROCESSOR, ended_at=None)
    laid = {row.laid: row for row in rows if row.laid}
    without = [
        said["name"]
        for key, said in selectors.of_settings().items()
        if key not in laid or laid[key].agreement_on is None
    ]
    enabled = selectors.in_use().filter(kind=ProcessorKind.PROCESSOR)
    without += [row.name for row in enabled if row.agreement_on is None]
    if without:
        return Broken(_("%(n)s helpers have no agreement on record."), {"n": len(without)})
    return Kept(_("Each helper has an agreement on record."))


def helpers_can_be_refused(at: datetime) -> Verdict:
    forced = selectors.in_use().filter(kind=ProcessorKind.PROCESSOR, laid="", is_optional=False)
    if n := forced.count():
        return Broken(_("%(n)s helpers cannot be switched off."), {"n": n})
    return Kept(_("Besides the host and whoever carries our mail, each helper can be refused."))


def handover_is_announced(at: datetime) -> Verdict:
    if catalogue.missing_constraints(["campaign_told_before_done", "campaign_days_enough"]):
        return Broken(_("The service could be handed over in silence."))
    unheard = Campaign.objects.filter(
        kind=CampaignKind.TRANSFER, carried_out_at__isnull=False, reached_at=None
    )
    if unheard.exists():
        return Broken(_("The service was handed over, and people were not told."))
    return Kept(_("The database refuses a handover that was not announced."))


def countries_are_registered(at: datetime) -> Verdict:
    places = {row.country for row in selectors.in_use() if row.country}
    if settings.HOSTING_COUNTRY:
        places.add(settings.HOSTING_COUNTRY)
    unknown = sorted(place for place in places if not selectors.may_transfer(place))
    if unknown:
        return Broken(_("Data is in a country without an entry: %(what)s."), {"what": unknown[0]})
    abroad = {place for place in places if place.lower() != HOME.lower()}
    return Kept(_("%(n)s countries besides Pakistan, each on the register."), {"n": len(abroad)})
