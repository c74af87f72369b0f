"""Run the fake FBR on localhost."""

import argparse

from django.core.management.base import BaseCommand, CommandParser

from fbr.fake import cli


class Command(BaseCommand):
    """The same as `python -m fbr.fake`."""

    help = "Run the fake FBR: DI and POS on loopback, with its own ledger and scripted faults."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *_args: object, **options: object) -> None:
        cli.run(argparse.Namespace(**options))
