"""What FBR asks of each kind of supply: a table, and questions to it. Pure.

Source: PRAL DI API v1.12, sections 7 (codes), 9 and 10 (scenarios); the list `transtypecode` as
seen live; codes 0060 to 0062, 0091, 0096, 0100 and 0129, reported by integrators where that
document is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from invoices.enums import SaleType as S


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of supply.

    fbr_id:    its number in `transtypecode`, the key to SaleTypeToRate.
    scenarios: sandbox scenarios that show it; the first is what an untold draft is.
    usual_rate: what to offer first.
    rates:     the only texts it takes; () where that is FBR's list's affair.
    on_retail_price: tax is charged on the printed retail price (Third Schedule).
    fed_mode:  what stands as its sales tax is federal excise in sales tax mode.
    needs_sro: a rate other than the standard one must quote an SRO and an entry.
    no_extra_tax: FBR wants the empty text, not 0, for extra tax (0091).
    unit:      the one unit it may be counted in, "" for any.
    registered_only: only a registered customer may be named (0100).
    levy:      FBR asks what the petroleum levy is charged on (0129).
    """

    fbr_id: int
    scenarios: tuple[str, ...] = ()
    usual_rate: str = "18%"
    rates: tuple[str, ...] = ()
    on_retail_price: bool = False
    fed_mode: bool = False
    needs_sro: bool = False
    no_extra_tax: bool = False
    unit: str = ""
    registered_only: bool = False
    levy: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    S.STANDARD.value: Kind(fbr_id=75, scenarios=("SN001", "SN002", "SN026")),
    S.REDUCED.value: Kind(
        fbr_id=24,
        scenarios=("SN005", "SN028"),
        usual_rate="1%",
        needs_sro=True,
        no_extra_tax=True,
    ),
    S.ZERO.value: Kind(
        fbr_id=80,
        scenarios=("SN007",),
        usual_rate="0%",
        rates=("0%",),
        needs_sro=True,
        no_extra_tax=True,
    ),
    S.PETROLEUM.value: Kind(
        fbr_id=85, scenarios=("SN012",), usual_rate="1.43%", needs_sro=True, levy=True
    ),
    S.ELECTRICITY.value: Kind(fbr_id=62, scenarios=("SN013",), usual_rate="5%", needs_sro=True),
    S.SIM.value: Kind(fbr_id=129, usual_rate="Rs.250"),
    S.GAS_TO_CNG.value: Kind(fbr_id=77, scenarios=("SN014",)),
    S.MOBILE_PHONES.value: Kind(fbr_id=122, scenarios=("SN015",), needs_sro=True),
    S.PROCESSING.value: Kind(fbr_id=25, scenarios=("SN016",), usual_rate="5%"),
    S.THIRD_SCHEDULE.value: Kind(fbr_id=23, scenarios=("SN008", "SN027"), on_retail_price=True),
    S.GOODS_FED.value: Kind(fbr_id=21, scenarios=("SN017",), usual_rate="8%", fed_mode=True),
    S.SERVICES_FED.value: Kind(fbr_id=22, scenarios=("SN018",), usual_rate="8%", fed_mode=True),
    S.SERVICES.value: Kind(fbr_id=18, scenarios=("SN019",), usual_rate="5%", needs_sro=True),
    S.EXEMPT.value: Kind(
        fbr_id=81,
        scenarios=("SN006",),
        usual_rate="Exempt",
        rates=("Exempt",),
        needs_sro=True,
        no_extra_tax=True,
    ),
    S.DTRE.value: Kind(fbr_id=82, usual_rate="DTRE"),
    S.COTTON.value: Kind(fbr_id=130, scenarios=("SN009",), no_extra_tax=True, registered_only=True),
    S.ELECTRIC_VEHICLE.value: Kind(
        fbr_id=132, scenarios=("SN020",), usual_rate="1%", needs_sro=True
    ),
    S.CEMENT.value: Kind(fbr_id=134, scenarios=("SN021",), usual_rate="Rs.3"),
    S.TELECOM.value: Kind(fbr_id=84, scenarios=("SN010",), usual_rate="17%"),
    S.STEEL.value: Kind(fbr_id=123, scenarios=("SN003",), unit="MT"),
    S.SHIP_BREAKING.value: Kind(fbr_id=125, scenarios=("SN004",)),
    S.POTASSIUM.value: Kind(
        fbr_id=115,
        scenarios=("SN022",),
        usual_rate="18% along with rupees 60 per kilogram",
        needs_sro=True,
    ),
    S.CNG.value: Kind(fbr_id=178, scenarios=("SN023",), usual_rate="Rs.200", needs_sro=True),
    S.TOLL.value: Kind(fbr_id=181, scenarios=("SN011",)),
    S.NON_ADJUSTABLE.value: Kind(fbr_id=138, scenarios=("SN025",), usual_rate="0%", needs_sro=True),
    S.SRO_297.value: Kind(
        fbr_id=139, scenarios=("SN024",), usual_rate="25%", rates=("25%",), needs_sro=True
    ),
}

LEVIES: Final = ("Direct Sale", "Retail Sale", "Ex-Refinery Price", "Value")

# The unit that a rate's own unit demands on the line: FBR's spelling, and the code it refuses with.
UNIT_OF_RATE: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "sqy": (frozenset({"SqY"}), "0060"),
    "bill": (frozenset({"Bill of lading"}), "0061"),
    "kilogram": (frozenset({"KG", "Kilogram"}), "0099"),
    "kg": (frozenset({"KG", "Kilogram"}), "0099"),
    "mt": (frozenset({"MT"}), "0099"),
    "kwh": (frozenset({"KWH"}), "0099"),
    "liter": (frozenset({"Liter"}), "0099"),
}

_NOTHING_KNOWN: Final = Kind(fbr_id=0)


def of(sale_type: str) -> Kind:
    """What FBR asks of `sale_type`; nothing in particular for one that it does not list."""
    return KINDS.get(sale_type, _NOTHING_KNOWN)
