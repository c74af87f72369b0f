#!/usr/bin/env python3
"""Django's commands, and `run_all`, which makes the settings that the others read."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartinvoicing.settings")
    if sys.argv[1:2] == ["run_all"]:
        # Before Django: on the first day there is no database that settings could name.
        from smartinvoicing.run_all import run_all  # noqa: PLC0415 -- for this command only

        sys.exit(run_all())
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
