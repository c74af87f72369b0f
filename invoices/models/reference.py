"""FBR's own lists: shared by all tenants, nobody's data.

Source: FBR reference calls (itemdesccode, uom, SaleTypeToRate; DI API v1.12, section 5) and
FBR's offline sales invoice template.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from smartinvoicing.classified import Category, Retention


class _Listed:
    """Nothing personal in a list."""

    retention = Retention.REFERENCE
    subject = "none"
    basis = "none"
    personal: ClassVar[dict[str, Category]] = {}


class HsCode(models.Model):
    """A tariff code, `dddd.dddd`, with the words of its heading."""

    code = models.CharField(max_length=9, primary_key=True)
    description = models.TextField()
    heading = models.TextField(blank=True)

    class Privacy(_Listed):
        plain = ("code", "description", "heading")

    def __str__(self) -> str:
        return self.code


class Unit(models.Model):
    """A unit of measure, in FBR's own spelling; capitals count."""

    name = models.CharField(max_length=40, primary_key=True)

    class Privacy(_Listed):
        plain = ("name",)

    def __str__(self) -> str:
        return self.name


class RateText(models.Model):
    """A rate as FBR prints it (`18%`, `Rs.3`), read into numbers."""

    text = models.CharField(max_length=80, primary_key=True)
    kind = models.CharField(max_length=20)
    percent = models.DecimalField(max_digits=8, decimal_places=4, null=True)
    per_unit = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    unit = models.CharField(max_length=40, blank=True)

    class Privacy(_Listed):
        plain = ("text", "kind", "percent", "per_unit", "unit")

    def __str__(self) -> str:
        return self.text
