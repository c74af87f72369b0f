"""FBR's own lists: shared by all tenants, nobody's data.

A row that FBR lists no more is not deleted: it gets the day on which it was missed, since
documents of earlier days name it. Source: reference calls of PRAL DI API v1.12, section 5, and
FBR's offline sales invoice template.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from invoices.enums import ListName
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class _Nobodys:
    """Nothing personal in a list."""

    retention = Retention.REFERENCE
    subject = "none"
    basis = "none"
    personal: ClassVar[dict[str, Category]] = {}


class HsCode(models.Model):
    """A tariff code, `dddd.dddd`, with the words of its heading.

    said:     FBR's own words for it, as they came.
    units_at: when FBR last told its units; the rows of `HsUnit` are then all of them.
    """

    code = models.CharField(max_length=9, primary_key=True)
    description = models.TextField()
    heading = models.TextField(blank=True)
    said = models.TextField(blank=True)
    units_at = models.DateTimeField(null=True)
    gone_on = models.DateField(null=True)

    class Privacy(_Nobodys):
        plain = ("code", "description", "heading", "said", "units_at", "gone_on")

    def __str__(self) -> str:
        return self.code


class Unit(models.Model):
    """A unit of measure, in FBR's own spelling; capitals count."""

    name = models.CharField(max_length=40, primary_key=True)
    gone_on = models.DateField(null=True)

    class Privacy(_Nobodys):
        plain = ("name", "gone_on")

    def __str__(self) -> str:
        return self.name


class RateText(models.Model):
    """A rate as FBR prints it (`18%`, `Rs.3`), read into numbers."""

    text = models.CharField(max_length=80, primary_key=True)
    kind = models.CharField(max_length=20)
    percent = models.DecimalField(max_digits=8, decimal_places=4, null=True)
    per_unit = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    unit = models.CharField(max_length=40, blank=True)

    class Privacy(_Nobodys):
        plain = ("text", "kind", "percent", "per_unit", "unit")

    def __str__(self) -> str:
        return self.text


class _Seen(models.Model):
    """A row of a list with its days: first and last seen, and missed since."""

    first_seen = models.DateField()
    last_seen = models.DateField()
    gone_on = models.DateField(null=True)

    class Meta:
        abstract = True


_SEEN = ("first_seen", "last_seen", "gone_on")


class ProvinceRow(_Seen):
    """A province as FBR numbers and spells it."""

    code = models.PositiveSmallIntegerField(primary_key=True)
    text = models.CharField(max_length=60)

    class Privacy(_Nobodys):
        plain = ("code", "text", *_SEEN)

    def __str__(self) -> str:
        return self.text


class DocumentTypeRow(_Seen):
    """A kind of document that FBR takes."""

    code = models.PositiveIntegerField(primary_key=True)
    text = models.CharField(max_length=60)

    class Privacy(_Nobodys):
        plain = ("code", "text", *_SEEN)

    def __str__(self) -> str:
        return self.text


class SaleTypeRow(_Seen):
    """A kind of supply; `code` is the key to its rates."""

    code = models.PositiveIntegerField(primary_key=True)
    text = models.CharField(max_length=100)

    class Privacy(_Nobodys):
        plain = ("code", "text", *_SEEN)

    def __str__(self) -> str:
        return self.text


class HsUnit(_Seen):
    """A unit in which FBR lets one HS code be counted."""

    hs_code = models.ForeignKey(HsCode, on_delete=models.PROTECT, related_name="units")
    unit = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["hs_code", "unit"], name="hsunit_once")
        ]

    class Privacy(_Nobodys):
        plain = ("id", "hs_code", "unit", *_SEEN)

    def __str__(self) -> str:
        return f"{self.hs_code_id} {self.unit}"


class SaleTypeRate(_Seen):
    """A rate that goes with a kind of supply.

    rate_id:  FBR's number of it, the key to its schedules; None where only the text is known.
    province: code of the seller's province it was asked for; None where nobody said.
    """

    sale_type = models.ForeignKey(SaleTypeRow, on_delete=models.PROTECT, related_name="rates")
    rate_id = models.PositiveIntegerField(null=True)
    text = models.CharField(max_length=80)
    province = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["sale_type", "province", "text", "rate_id"],
                name="saletyperate_once",
                nulls_distinct=False,
            )
        ]

    class Privacy(_Nobodys):
        plain = ("id", "sale_type", "rate_id", "text", "province", *_SEEN)

    def __str__(self) -> str:
        return f"{self.sale_type}, {self.text}"


class SroSchedule(_Seen):
    """An SRO or schedule on which a rate rests, in the words that go to FBR.

    fbr_id: FBR's number, the key to its serials; None where only the text is known.
    """

    fbr_id = models.PositiveIntegerField(null=True, unique=True)
    text = models.CharField(max_length=100, unique=True)

    class Privacy(_Nobodys):
        plain = ("id", "fbr_id", "text", *_SEEN)

    def __str__(self) -> str:
        return self.text


class RateSchedule(_Seen):
    """A schedule that may be quoted for a rate, by FBR's number of the rate."""

    rate_id = models.PositiveIntegerField()
    province = models.PositiveSmallIntegerField(null=True)
    schedule = models.ForeignKey(SroSchedule, on_delete=models.PROTECT, related_name="rates")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["rate_id", "province", "schedule"],
                name="rateschedule_once",
                nulls_distinct=False,
            )
        ]

    class Privacy(_Nobodys):
        plain = ("id", "rate_id", "province", "schedule", *_SEEN)

    def __str__(self) -> str:
        return str(self.schedule)


class SroItem(_Seen):
    """An entry of an SRO or schedule; without a schedule where FBR's older list has it alone."""

    schedule = models.ForeignKey(
        SroSchedule, on_delete=models.PROTECT, related_name="items", null=True
    )
    fbr_id = models.PositiveIntegerField(null=True)
    text = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["schedule", "text"], name="sroitem_once", nulls_distinct=False
            )
        ]

    class Privacy(_Nobodys):
        plain = ("id", "schedule", "fbr_id", "text", *_SEEN)

    def __str__(self) -> str:
        return f"{self.schedule}, {self.text}" if self.schedule else self.text


class Listing(models.Model):
    """A list that was read whole: which one, and since when all of it is known.

    key: what it was asked for, `75:7` for rates (kind of supply, province), `413:7` for
         schedules (rate, province), `389` for serials (schedule); "" for a whole list.
    """

    name = models.CharField(max_length=20, choices=ListName)
    key = models.CharField(max_length=40, blank=True)
    known_since = models.DateField()
    read_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "key"], name="listing_once")
        ]

    class Privacy(_Nobodys):
        plain = ("id", "name", "key", "known_since", "read_at")

    def __str__(self) -> str:
        return f"{self.name} {self.key}".strip()


class ReferenceRun(models.Model):
    """One refresh of the lists: how far it is, and how it ended. One at a time.

    plan:  what is read, one after the other, as [list, key]; it grows on the way.
    found: by list, what the readings of its parts brought so far.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    began_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    plan = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    found = models.JSONField(default=dict)
    ended_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(ended_at=None), name="referencerun_one_at_a_time"
            )
        ]

    class Privacy(_Nobodys):
        plain = ("id", "began_at", "moved_at", "plan", "done", "found", "ended_at", "failure")

    def __str__(self) -> str:
        return f"{self.done} of {len(self.plan)}"


class ReferenceSync(models.Model):
    """What one reading of one list brought. Written once.

    rows:    how many FBR told.
    diff:    some of what was `added`, `removed` and `changed`, each with its `…_count`.
    failure: why nothing was stored; what stood before still stands.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(ReferenceRun, on_delete=models.PROTECT, related_name="lists", null=True)
    name = models.CharField(max_length=20, choices=ListName)
    at = models.DateTimeField()
    rows = models.PositiveIntegerField(default=0)
    diff = models.JSONField(default=dict)
    took_ms = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["name", "-at"], name="referencesync_newest")
        ]

    class Privacy(_Nobodys):
        plain = ("id", "run", "name", "at", "rows", "diff", "took_ms", "failure")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d}"
