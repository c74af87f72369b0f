"""The sandbox's 28 scenarios as documents that FBR takes: one sample each.

Figures, codes and texts are those of PRAL's scenario samples (v1.11). Where a sample is filler
that FBR itself refuses today, the lawful figure stands instead, with the reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.enums import Province
from accounts.models import LegalEntity
from invoices.content import Content, Line, Party
from invoices.enums import BuyerKind, SaleType

_PIECES: Final = "Numbers, pieces, units"
_REGISTERED: Final = "2046004"  # known to FBR's sandbox as registered
_PERSON: Final = "1000000000000"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One of FBR's test cases.

    line:    fields of its one line.
    printed: the retail price on one unit, with the sales tax in it and without; None outside the
             Third Schedule.
    """

    title: Promise
    sale_type: str
    line: Mapping[str, Any]
    registered: bool = False
    ntn_cnic: str = _PERSON
    prices_include_tax: bool = False
    printed: tuple[Decimal, Decimal] | None = None


def _goods(quantity: str, unit_price: str, rate: str = "18%", **more: Any) -> dict[str, Any]:
    usual = {"hs_code": "0101.2100", "unit": _PIECES, "description": "Sample item"}
    given = {name: Decimal(more.pop(name)) for name in ("discount",) if name in more}
    return {
        **usual,
        "quantity": Decimal(quantity),
        "unit_price": Decimal(unit_price),
        "rate": rate,
        **given,
        **more,
    }


def _sro(schedule: str, item: str) -> dict[str, str]:
    return {"sro_schedule": schedule, "sro_item": item}


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "SN001": Scenario(
        title=_("Standard-rate goods to a registered customer"),
        sale_type=SaleType.STANDARD,
        line=_goods("400", "2.50"),
        registered=True,
        ntn_cnic=_REGISTERED,
    ),
    "SN002": Scenario(
        title=_("Standard-rate goods to a customer without registration"),
        sale_type=SaleType.STANDARD,
        line=_goods("400", "2.50"),
        ntn_cnic="1234567",
    ),
    "SN003": Scenario(
        title=_("Steel: billets, ingots, long bars"),
        sale_type=SaleType.STEEL,
        line=_goods("1", "205000", hs_code="7214.1010", unit="MT"),
    ),
    "SN004": Scenario(
        title=_("Scrap of a ship breaker"),
        sale_type=SaleType.SHIP_BREAKING,
        line=_goods("1", "175000", hs_code="7204.1010", unit="MT"),
    ),
    # The sample's excise, further and withheld tax follow no rule; the discount does.
    "SN005": Scenario(
        title=_("Goods at a reduced rate (Eighth Schedule)"),
        sale_type=SaleType.REDUCED,
        line=_goods(
            "1",
            "1056.36",
            "1%",
            hs_code="0102.2930",
            discount="56.36",
            **_sro("EIGHTH SCHEDULE Table 1", "82"),
        ),
    ),
    "SN006": Scenario(
        title=_("Exempt goods (Sixth Schedule)"),
        sale_type=SaleType.EXEMPT,
        line=_goods(
            "1",
            "66.36",
            "Exempt",
            hs_code="0102.2930",
            discount="56.36",
            **_sro("6th Schd Table I", "100"),
        ),
        registered=True,
        ntn_cnic=_REGISTERED,
    ),
    "SN007": Scenario(
        title=_("Goods at zero rate (Fifth Schedule)"),
        sale_type=SaleType.ZERO,
        line=_goods("100", "1", "0%", **_sro("327(I)/2008", "1")),
    ),
    # A value of 0, as in the sample, is refused live.
    "SN008": Scenario(
        title=_("Third Schedule goods, taxed on the retail price"),
        sale_type=SaleType.THIRD_SCHEDULE,
        line=_goods("100", "10"),
        printed=(Decimal("11.80"), Decimal("10.00")),
    ),
    # Sold by weight in life; a quantity of 0 as in the sample says nothing.
    "SN009": Scenario(
        title=_("Cotton to a ginner"),
        sale_type=SaleType.COTTON,
        line=_goods("1", "2500"),
        registered=True,
        ntn_cnic=_REGISTERED,
    ),
    "SN010": Scenario(
        title=_("Telecommunication services"),
        sale_type=SaleType.TELECOM,
        line=_goods("1000", "0.10", "17%"),
    ),
    # FBR's list of units for this code has kilograms only.
    "SN011": Scenario(
        title=_("Toll manufacturing in the steel sector"),
        sale_type=SaleType.TOLL,
        line=_goods("1000", "205", hs_code="7214.9990", unit="KG"),
    ),
    # Live it takes petroleum only, by the litre, and wants to know what the levy is charged on.
    "SN012": Scenario(
        title=_("Petroleum products"),
        sale_type=SaleType.PETROLEUM,
        line=_goods(
            "123",
            "0.813",
            "1.43%",
            hs_code="2710.1210",
            unit="Liter",
            petroleum_levy_on="Retail Sale",
            **_sro("1450(I)/2021", "4"),
        ),
    ),
    "SN013": Scenario(
        title=_("Electricity supplied to retailers"),
        sale_type=SaleType.ELECTRICITY,
        line=_goods("123", "8.1301", "5%", **_sro("1450(I)/2021", "4")),
    ),
    "SN014": Scenario(
        title=_("Gas to CNG stations"),
        sale_type=SaleType.GAS_TO_CNG,
        line=_goods("123", "8.1301"),
    ),
    "SN015": Scenario(
        title=_("Mobile phones"),
        sale_type=SaleType.MOBILE_PHONES,
        line=_goods("123", "10.0325", **_sro("NINTH SCHEDULE", "1(A)")),
    ),
    "SN016": Scenario(
        title=_("Processing or conversion of goods"),
        sale_type=SaleType.PROCESSING,
        line=_goods("1", "100", "5%"),
        ntn_cnic="1000000000078",
    ),
    "SN017": Scenario(
        title=_("Goods with excise in sales tax mode"),
        sale_type=SaleType.GOODS_FED,
        line=_goods("1", "100", "8%"),
        ntn_cnic="7000009",
    ),
    "SN018": Scenario(
        title=_("Services with excise in sales tax mode"),
        sale_type=SaleType.SERVICES_FED,
        line=_goods("20", "50", "8%"),
        ntn_cnic="1000000000056",
    ),
    # Live it takes headings of chapter 98 only, counted as Others.
    "SN019": Scenario(
        title=_("Services in Islamabad"),
        sale_type=SaleType.SERVICES,
        line=_goods(
            "1",
            "100",
            "5%",
            hs_code="9801.2000",
            unit="Others",
            **_sro("ICTO TABLE I", "1(ii)(ii)(a)"),
        ),
    ),
    "SN020": Scenario(
        title=_("Electric vehicles"),
        sale_type=SaleType.ELECTRIC_VEHICLE,
        line=_goods("122", "8.1967", "1%", hs_code="0101.2900", **_sro("6th Schd Table III", "20")),
    ),
    "SN021": Scenario(
        title=_("Cement or concrete blocks, by the piece"),
        sale_type=SaleType.CEMENT,
        line=_goods("12", "10.25", "Rs.3"),
    ),
    "SN022": Scenario(
        title=_("Potassium chlorate, percent and rupees a kilogram"),
        sale_type=SaleType.POTASSIUM,
        line=_goods(
            "1",
            "100",
            "18% along with rupees 60 per kilogram",
            hs_code="3104.2000",
            unit="KG",
            **_sro("EIGHTH SCHEDULE Table 1", "56"),
        ),
    ),
    "SN023": Scenario(
        title=_("CNG at a fixed amount a unit"),
        sale_type=SaleType.CNG,
        line=_goods("123", "1.9024", "Rs.200", **_sro("581(1)/2024", "Region-I")),
    ),
    "SN024": Scenario(
        title=_("Goods of SRO 297(I)/2023"),
        sale_type=SaleType.SRO_297,
        line=_goods("123", "8.1301", "25%", **_sro("297(I)/2023-Table-I", "12")),
    ),
    "SN025": Scenario(
        title=_("Medicines: supplies that cannot be adjusted"),
        sale_type=SaleType.NON_ADJUSTABLE,
        line=_goods("1", "100", "0%", **_sro("EIGHTH SCHEDULE Table 1", "81")),
        ntn_cnic="1000000000078",
    ),
    # Retailers' scenarios: the sandbox passes them with a customer without registration.
    "SN026": Scenario(
        title=_("Retail sale at standard rate"),
        sale_type=SaleType.STANDARD,
        line=_goods("123", "8.1301"),
        ntn_cnic="1000000000078",
    ),
    "SN027": Scenario(
        title=_("Retail sale of Third Schedule goods"),
        sale_type=SaleType.THIRD_SCHEDULE,
        line=_goods("1", "100"),
        ntn_cnic="7000006",
        printed=(Decimal("118.00"), Decimal("100.00")),
    ),
    "SN028": Scenario(
        title=_("Retail sale at a reduced rate, tax in the price"),
        sale_type=SaleType.REDUCED,
        line=_goods("1", "100", "1%", **_sro("EIGHTH SCHEDULE Table 1", "70")),
        prices_include_tax=True,
    ),
}


def content_of(scenario_id: str, *, entity: LegalEntity, on: date) -> Content:
    """The sample document of a scenario, as `entity` would write it on that day.

    Raises: KeyError for one that FBR does not have.
    """
    scenario = SCENARIOS[scenario_id]
    return Content(
        invoice_date=on,
        scenario=scenario_id,
        buyer=Party(
            name="FERTILIZER MANUFAC IRS NEW",
            registration_type=(
                BuyerKind.REGISTERED if scenario.registered else BuyerKind.UNREGISTERED
            ),
            ntn_cnic=scenario.ntn_cnic,
            province=Province.SINDH,
            address="Karachi",
        ),
        prices_include_tax=scenario.prices_include_tax,
        lines=(
            Line(
                sale_type=scenario.sale_type,
                retail_price=_printed_price(scenario, entity),
                **scenario.line,
            ),
        ),
    )


def _printed_price(scenario: Scenario, entity: LegalEntity) -> Decimal | None:
    """What stands on one unit, with or without the tax as `entity` has it."""
    if scenario.printed is None:
        return None
    with_tax, without_tax = scenario.printed
    return with_tax if entity.retail_price_includes_tax else without_tax
