"""One database server of a test's own, with the processes that serve from it."""

from __future__ import annotations

from smartinvoicing.pg import roles
from tests import ownserver
from tests.chaos import rig

TOKEN = "restore-token-0000-7100000"
SELLER = "7100000"

# Run in a process whose database is the one in question. The quantity tells documents apart.
PRELUDE = """
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from accounts import tenancy
from accounts.models import LegalEntity
from fbr.services import resuming, statements
from smartinvoicing import clock
from smartinvoicing.errors import AppError
from tests import factories
"""
SETTLE = """
tenant = factories.make_tenant("Restored", ntn_cnic={seller!r})
with tenancy.in_tenant(tenant.pk), transaction.atomic():
    factories.make_credential(LegalEntity.objects.get(), {token!r})
print("TENANT", tenant.pk)
"""
ISSUE = """
import uuid
with tenancy.in_tenant(uuid.UUID({tenant!r})), transaction.atomic():
    for quantity in {quantities!r}:
        line = factories.make_line(quantity=Decimal(quantity))
        try:
            content = factories.make_content(line)
            print("NUMBER", factories.make_issued(content, at=clock.now()).number)
        except AppError as refused:
            print("REFUSED", refused.message)
            raise SystemExit(3)
"""


class Host:
    """One database server with the processes that serve from it, reporting to one fake FBR."""

    def __init__(self, url, passwords_of, fake, start_process, start_worker):
        self.url, self.passwords_of, self.fake = url, passwords_of, fake
        self._start_process, self._start_worker = start_process, start_worker
        self._serving = []

    def env(self, **more):
        own = ownserver.served(self.passwords_of, self.url)
        return rig.env_of(self.fake, **own, **more)

    def run(self, code):
        """What the code printed, word by word."""
        process = self._start_process("shell", "-v", "0", "-c", PRELUDE + code, env=self.env())
        process.wait(60)
        said = [line.split(" ", 1) for line in process.log().splitlines() if " " in line]
        return {word: [rest for first, rest in said if first == word] for word, _ in said}

    def command(self, *words):
        process = self._start_process(*words, env=self.env())
        return process.wait(60), process.log()

    def serve(self):
        self._serving = [
            self._start_worker("reporting", env=self.env()),
            self._start_process("fbr_dispatch", env=self.env()),
        ]

    def silence(self):
        """The processes are gone at once."""
        for process in self._serving:
            process.kill()

    def states(self):
        with roles.session(self.url) as cursor:
            cursor.execute("SELECT state, count(*) FROM invoices_invoice GROUP BY 1")
            return dict(cursor.fetchall())

    def wait_for(self, **wanted):
        rig.wait_until(
            lambda: self.states() == wanted, what=lambda: f"{wanted}, not {self.states()}"
        )
