"""`run_scenarios`: issue FBR's 28 sandbox scenarios and say what became of each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Environment
from accounts.models import LegalEntity
from fbr import channels, gateway, scenario_proof, scenarios, selectors
from fbr.models import Outbox
from fbr.models.work import Call
from fbr.services import credentials, issuing, sending
from invoices import selectors as invoice_selectors
from invoices.enums import Channel, State
from invoices.services import drafts
from privacy import demo
from smartinvoicing import clock

RUNNER: Final = Actor.system("run_scenarios")
GOLDEN: Final = Path("tests/fbr/golden")
_SETTLED: Final = frozenset({State.ACCEPTED, State.REJECTED, State.UNCERTAIN})


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one scenario."""

    scenario: str
    state: str
    said: str
    is_golden: bool | None
    body: bytes


class Command(BaseCommand):
    help = "Issue the sandbox scenarios for one tenant (the demo's by default) and compare them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="id of the tenant; the demo tenant when left out")
        parser.add_argument("--only", default="", help="some of them: SN001,SN005")
        parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder to compare with")
        parser.add_argument("--wait", type=int, default=60, help="seconds to wait for each answer")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [each for each in options["only"].split(",") if each] or list(scenarios.SCENARIOS)
        strangers = [each for each in wanted if each not in scenarios.SCENARIOS]
        if strangers:
            raise CommandError(f"FBR has no scenario {', '.join(strangers)}.")
        with tenancy.in_tenant(self._tenant(options["tenant"])):
            entity = self._entity()
            results = [
                self._run(each, entity, options["golden"], options["wait"]) for each in wanted
            ]
            passed = [each for each in results if each.state == State.ACCEPTED]
            counted = self._count_paisa(passed, entity)
        golden = [each for each in results if each.is_golden]
        self.stdout.write(
            f"{len(passed)} of {len(results)} accepted, {len(golden)} equal to their golden file, "
            f"{counted[0]} of {counted[1]} documents a paisa off refused"
        )
        if len(passed) < len(results) or any(each.is_golden is False for each in results):
            raise CommandError("Not every scenario passed.")

    def _tenant(self, given: str | None) -> UUID:
        if given:
            return UUID(given)
        if settings.PRODUCTION:
            raise CommandError("Name the tenant: the demo is not for production.")
        known = demo.known_secrets()
        demo.lay(known, at=clock.now())
        return UUID(known.tenant)

    def _entity(self) -> LegalEntity:
        with transaction.atomic():
            entity = invoice_selectors.default_entity()
            if entity.environment != Environment.SANDBOX:
                raise CommandError("This business reports to production; scenarios are for tests.")
            if selectors.credential_of(entity, Environment.SANDBOX) is None:
                raise CommandError("This business has no sandbox token yet.")
        return entity

    def _run(self, scenario: str, entity: LegalEntity, golden: Path, wait_s: int) -> Result:
        at = clock.now()
        today = clock.karachi_date(at)
        with transaction.atomic():
            content = scenarios.content_of(scenario, entity=entity, on=today)
            invoice, lines = drafts.create(content=content, entity=entity, actor=RUNNER, at=at)
            work = issuing.issue(
                invoice=invoice, lines=lines, entity=entity, actor=RUNNER, at=at, is_repeat=True
            )
        state, said = self._settle(work, wait_s)
        body = bytes(work.body)
        kept = golden / f"{scenario}.json"
        is_golden = None
        if kept.is_file():
            written = json.loads(kept.read_text(encoding="utf-8"))["bytes"]
            is_golden = scenario_proof.expected(written, entity=entity, on=today) == body
        mark = {None: "-", True: "golden", False: "DIFFERS"}[is_golden]
        self.stdout.write(f"{scenario}\t{state}\t{mark}\t{said}")
        return Result(scenario=scenario, state=state, said=said, is_golden=is_golden, body=body)

    def _settle(self, work: Outbox, wait_s: int) -> tuple[str, str]:
        """Send it, or wait for the worker that was faster."""
        until = time.monotonic() + wait_s
        while True:
            sending.send_one(work_id=work.pk, actor=RUNNER)
            with transaction.atomic():
                invoice = invoice_selectors.invoice(work.invoice_id)
            if invoice.state in _SETTLED or time.monotonic() > until:
                codes = ", ".join(each["code"] for each in invoice.problems)
                return str(invoice.state), invoice.fbr_number or codes or "no answer"
            time.sleep(0.2)

    def _count_paisa(self, results: list[Result], entity: LegalEntity) -> tuple[int, int]:
        """How many documents with one amount a paisa off FBR's dry run refuses, and of how many."""
        refused = asked = 0
        dialect = channels.dialect_of(Channel.DI)
        with transaction.atomic():
            work = Outbox(
                tenant_id=entity.tenant_id,
                environment=Environment.SANDBOX,
                credential=selectors.credential_of(entity, Environment.SANDBOX),
            )
            token = credentials.token_for(work, seller_ntn_cnic=entity.ntn_cnic)
        for result in results:
            for field, step, body in scenario_proof.changed_by_a_paisa(result.body):
                evidence = gateway.post(
                    dialect.base_url(Environment.SANDBOX),
                    dialect.path(Environment.SANDBOX, Call.VALIDATE),
                    body,
                    token=token,
                    within_s=float(settings.FBR_TOTAL_TIMEOUT_S),
                )
                reading = dialect.read(
                    evidence,
                    call=Call.VALIDATE,
                    lines=1,
                    usin="",
                    environment=Environment.SANDBOX,
                    at=clock.now(),
                )
                asked += 1
                if reading.codes:
                    refused += 1
                else:
                    self.stdout.write(f"{result.scenario}\t{field} {step:+d} paisa\tNOT REFUSED")
        return refused, asked
