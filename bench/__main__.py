"""`python -m bench [name ...]`: the figures, one line each."""

from __future__ import annotations

import importlib
import sys
from typing import Final

from bench import rig

FIGURES: Final = (
    "create_rate",
    "issue_to_accepted",
    "report_rate",
    "drain_rate",
    "fairness",
    "scenario_run",
    "list_page",
    "tax_lines",
    "mapping",
    "hs_search",
    "pdf",
    "closing",
    "purge",
    "export",
)


def main(wanted: list[str]) -> None:
    with rig.servers() as admin:
        rig.set_up_django()
        from bench import data  # noqa: PLC0415 -- after Django is set up

        key, tenant_id = data.lay()
        for name in wanted or FIGURES:
            importlib.import_module(f"bench.{name}").measure(admin, key, tenant_id)


main(sys.argv[1:])
