"""FBR's table of scenarios: every cell is there, and retailers' scenarios are retailers'."""

from __future__ import annotations

import pytest

from accounts.enums import Activity, Sector
from fbr import scenario_matrix
from fbr.scenarios import SCENARIOS

TRADE = Sector.TRADE


@pytest.mark.parametrize("activity", Activity)
@pytest.mark.parametrize("sector", Sector)
def test_every_business_has_scenarios_that_we_can_write(activity, sector):
    found = scenario_matrix.assigned(activity, sector, is_retailer=True)

    assert found
    assert list(found) == sorted(set(found))
    assert set(found) <= SCENARIOS.keys()


@pytest.mark.parametrize(
    ("activity", "sector", "wanted"),
    [
        (Activity.MANUFACTURER, Sector.STEEL, "3 4 11"),
        (Activity.MANUFACTURER, Sector.TEXTILE, "1 2 5 6 7 9 15 16 17 21 22 24"),
        # The one cell in which the last print differs from the one before.
        (Activity.MANUFACTURER, Sector.PHARMACEUTICALS, "1 2 5 6 7 15 16 17 21 22 24"),
        (Activity.IMPORTER, Sector.PHARMACEUTICALS, "1 2 5 6 7 15 16 17 21 22 24 25"),
        (Activity.RETAILER, TRADE, "8 26 27 28"),
        (Activity.SERVICE_PROVIDER, Sector.SERVICES, "18 19"),
    ],
)
def test_the_cells_are_those_of_the_table(activity, sector, wanted):
    ids = tuple(f"SN{int(number):03d}" for number in wanted.split())

    assert scenario_matrix.assigned(activity, sector, is_retailer=True) == ids


def test_the_table_has_a_cell_for_each_pair():
    """As many marks as the print has: a lost or doubled one is seen here."""
    counts = [
        len(scenario_matrix.assigned(activity, sector, is_retailer=True))
        for activity in Activity
        for sector in Sector
    ]

    assert (len(counts), sum(counts)) == (104, 913)


def test_who_is_no_retailer_is_not_asked_for_what_only_retailers_pass():
    assert scenario_matrix.assigned(Activity.DISTRIBUTOR, Sector.FMCG, is_retailer=False) == (
        "SN008",
    )


def test_several_natures_bring_all_their_scenarios():
    both = scenario_matrix.assigned_to_all([Activity.DISTRIBUTOR, Activity.RETAILER], Sector.FMCG)
    alone = scenario_matrix.assigned_to_all([Activity.DISTRIBUTOR], Sector.FMCG)

    assert both == ("SN008", "SN026", "SN027", "SN028")
    assert alone == ("SN008",)


def test_a_nature_more_only_adds():
    for sector in Sector:
        alone = set(scenario_matrix.assigned_to_all([Activity.WHOLESALER], sector))
        more = set(
            scenario_matrix.assigned_to_all([Activity.WHOLESALER, Activity.IMPORTER], sector)
        )
        assert alone <= more


def test_a_word_that_is_no_activity_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="Baker"):
        scenario_matrix.assigned("Baker", TRADE, is_retailer=False)
