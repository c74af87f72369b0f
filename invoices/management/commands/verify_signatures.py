"""Look at every signature and every chain of closings now, of all businesses or of one."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db import transaction

from accounts import tenancy
from accounts.enums import Environment
from accounts.models import LegalEntity
from invoices.services import closing_proof, signing
from smartinvoicing import clock


class Command(BaseCommand):
    help = "Check all signatures and closings. Prints ids of what does not fit; then ends with 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", type=UUID, help="only this business")

    def handle(self, *args: Any, tenant: UUID | None, **options: Any) -> None:
        # Whose round of tomorrow is not made: everybody who has signatures.
        tomorrow = clock.now() + timedelta(days=1)
        tenants = [tenant] if tenant else signing.rounds_due(at=tomorrow, most=None)
        faults = [fault for each in tenants for fault in self._faults(each)]
        for fault in faults:
            self.stdout.write(fault)
        self.stdout.write(f"{len(tenants)} businesses looked at, {len(faults)} faults")
        if faults:
            raise SystemExit(1)

    def _faults(self, tenant_id: UUID) -> list[str]:
        with tenancy.in_tenant(tenant_id):
            broken = signing.verify_all(at=clock.now(), anew=True)
            with transaction.atomic():
                findings = [
                    f"{entity.pk} {environment} closing {finding.seq}: {finding.sentence}"
                    for entity in LegalEntity.objects.order_by("id")
                    for environment in Environment.values
                    for finding in closing_proof.verify(entity=entity, environment=environment)
                ]
        return [*(f"document {ident}" for ident in broken), *findings]
