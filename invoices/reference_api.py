"""The API of FBR's lists: to read, with any key that may see invoices."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import texts
from accounts.api_auth import entered
from accounts.enums import Permission
from invoices import reference, sale_types, tariff, unit_bell
from invoices.enums import SaleType
from invoices.reference import Reference
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation

Row = dict[str, Any]

PAGE: Final = 50
LARGEST: Final = 200
_DEEPEST: Final = 1000  # of a search; by digits and without words the whole list may be read


# --- pages of a list ----------------------------------------------------------------------------


def _size(request: Request) -> int:
    given = request.query_params.get("limit", "")
    if not given:
        return PAGE
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:6]) <= LARGEST:
        raise _wrong("limit", "This is no number of rows.", f"Write a number from 1 to {LARGEST}.")
    return int(given)


def _offset(request: Request) -> int:
    cursor = request.query_params.get("cursor", "")
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except ValueError:
        text = ""
    if not text.isdecimal() or len(text) > 6:
        raise _wrong("cursor", "This cursor is not one of ours.", "Start at the first page.")
    return int(text)


def _wrong(field: str, message: str, fix: str) -> RuleViolation:
    return RuleViolation.of([Problem(code=field, field=field, message=message, fix=fix)])


def _page(
    request: Request, rows: Callable[[int], Sequence[Any]], shown: Callable[[Any], Row], **also: Any
) -> Response:
    """One page. rows: the first n of the list, as many as there are."""
    start, size = _offset(request), _size(request)
    found = rows(start + size + 1)
    page = found[start : start + size]
    following = None
    if len(found) > start + size:
        query = request.query_params.copy()
        query["cursor"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return Response({"results": [shown(row) for row in page], "next": following, **also})


def _listed(request: Request, texts: Sequence[Any], text_of: Callable[[Any], str]) -> Any:
    """The rows in whose text stands what `q` says."""
    words = _words(request).lower()
    fits = [each for each in texts if words in text_of(each).lower()]
    return lambda n: fits[:n]


def _words(request: Request) -> str:
    return texts.clean(request.query_params.get("q", ""))[:100]


def _day(request: Request) -> date:
    given = request.query_params.get("date", "")
    if not given:
        return clock.karachi_date(clock.now())
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise _wrong("date", "This is no date.", "Write it like 2026-11-21.") from error


def _sale_type(request: Request, lists: Reference) -> str:
    """A kind of supply by its text or by FBR's number."""
    given = request.query_params.get("sale_type", "").strip()
    by_number = {str(number): text for text, number in lists.sale_type_ids.items()}
    by_number |= {str(sale_types.of(text).fbr_id): text for text in SaleType.values}
    return by_number.get(given, given)


# --- shapes -------------------------------------------------------------------------------------


class HsCodeShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    description = serializers.CharField()
    heading = serializers.CharField()
    units = serializers.ListField(child=serializers.CharField(), allow_null=True)


class UnitShape(serializers.Serializer[Any]):
    name = serializers.CharField()


class ProvinceShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class SaleTypeShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    text = serializers.CharField()
    scenarios = serializers.ListField(child=serializers.CharField())


class RateShape(serializers.Serializer[Any]):
    text = serializers.CharField()
    percent = serializers.DecimalField(max_digits=8, decimal_places=4)
    per_unit = serializers.DecimalField(max_digits=12, decimal_places=4)
    unit = serializers.CharField()


class ScheduleShape(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True)
    text = serializers.CharField()
    items = serializers.ListField(child=serializers.CharField(), allow_null=True)


class _Page(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)


class HsCodePage(_Page):
    results = HsCodeShape(many=True)


class UnitPage(_Page):
    results = UnitShape(many=True)
    complete = serializers.BooleanField()


class ProvincePage(_Page):
    results = ProvinceShape(many=True)


class SaleTypePage(_Page):
    results = SaleTypeShape(many=True)


class RatePage(_Page):
    results = RateShape(many=True)
    complete = serializers.BooleanField()


class SchedulePage(_Page):
    results = ScheduleShape(many=True)
    complete = serializers.BooleanField()


def _asked(*names: str) -> list[OpenApiParameter]:
    """What a list may be asked, for the schema."""
    return [OpenApiParameter(name, str) for name in (*names, "q", "limit", "cursor")]


# --- views --------------------------------------------------------------------------------------


class _Lists(APIView):
    scopes: Mapping[str, Permission] = {"GET": Permission.VIEW}


class HsCodes(_Lists):
    @extend_schema(
        operation_id="reference_hs_codes",
        parameters=_asked(),
        responses=HsCodePage,
    )
    def get(self, request: Request) -> Response:
        """Tariff codes; `q` is the beginning of a code, or words in any order, everyday ones too.

        `units` is null where FBR was not asked yet which units it allows.
        """
        words = _words(request)
        with entered(request):
            lists = reference.current()

        def rows(n: int) -> Sequence[tariff.Code]:
            if not words:
                return lists.codes[:n]
            return lists.index.search(words, limit=min(n, _DEEPEST))

        def shown(row: tariff.Code) -> Row:
            units = lists.units_of(row.code)
            return {
                "code": row.code,
                "description": row.description,
                "heading": row.heading,
                "units": None if units is None else sorted(units),
            }

        return _page(request, rows, shown)


class Units(_Lists):
    @extend_schema(
        operation_id="reference_units",
        parameters=_asked("hs_code"),
        responses=UnitPage,
    )
    def get(self, request: Request) -> Response:
        """Units of measure; with `hs_code` those that FBR allows for it.

        `complete` says whether FBR told them; if not, FBR is asked, and any unit is listed.
        """
        code = request.query_params.get("hs_code", "").strip()
        with entered(request):
            lists = reference.current()
            if code:
                unit_bell.ring_for_units([code], at=clock.now())
        texts = lists.units_offered(code) if code else tuple(sorted(lists.units))
        complete = not code or lists.units_of(code) is not None
        rows = _listed(request, texts, str)
        return _page(request, rows, lambda text: {"name": text}, complete=complete)


class Provinces(_Lists):
    @extend_schema(
        operation_id="reference_provinces",
        parameters=_asked(),
        responses=ProvincePage,
    )
    def get(self, request: Request) -> Response:
        """Provinces in the spelling that documents carry."""
        with entered(request):
            lists = reference.current()
        rows = _listed(request, sorted(lists.provinces.items()), lambda row: str(row[0]))
        return _page(request, rows, lambda row: {"id": row[1], "name": row[0]})


class SaleTypes(_Lists):
    @extend_schema(
        operation_id="reference_sale_types",
        parameters=_asked(),
        responses=SaleTypePage,
    )
    def get(self, request: Request) -> Response:
        """Kinds of supply in FBR's spelling, with FBR's number and the sandbox scenarios."""
        rows = _listed(request, SaleType.values, str)
        return _page(request, rows, _sale_type_row)


def _sale_type_row(text: str) -> Row:
    kind = sale_types.of(text)
    return {"id": kind.fbr_id, "text": text, "scenarios": list(kind.scenarios)}


class Rates(_Lists):
    @extend_schema(
        operation_id="reference_rates",
        parameters=_asked("sale_type", "date", "province"),
        responses=RatePage,
    )
    def get(self, request: Request) -> Response:
        """Rate texts; with `sale_type` (text or number) those that go with it on `date`.

        `complete` says whether FBR told all of them.
        """
        day = _day(request)
        with entered(request):
            lists = reference.current()
        kind = _sale_type(request, lists)
        province = request.query_params.get("province", "").strip().upper()
        known = lists.rates_for(kind, day, province) if kind else None
        texts = known if known is not None else lists.rates_offered(kind, day)

        def shown(text: str) -> Row:
            rate = lists.rate(text)
            return {
                "text": text,
                "percent": f"{rate.percent.normalize():f}",
                "per_unit": f"{rate.per_unit.normalize():f}",
                "unit": rate.unit,
            }

        return _page(request, _listed(request, texts, str), shown, complete=known is not None)


class Schedules(_Lists):
    @extend_schema(
        operation_id="reference_schedules",
        parameters=_asked("sale_type", "rate", "date"),
        responses=SchedulePage,
    )
    def get(self, request: Request) -> Response:
        """SROs and schedules; with `sale_type` and `rate` those that may be quoted for it.

        `items` are the serials in it, null where FBR was not asked yet.
        """
        day = _day(request)
        with entered(request):
            lists = reference.current()
        kind, rate = _sale_type(request, lists), request.query_params.get("rate", "").strip()
        known = lists.schedules_for(kind, rate, day)

        def shown(text: str) -> Row:
            items = lists.items_of(text)
            return {
                "id": lists.schedule_ids.get(text),
                "text": text,
                "items": None if items is None else list(items),
            }

        texts = lists.schedules if known is None else known
        return _page(request, _listed(request, texts, str), shown, complete=known is not None)


VIEWS: Final[Mapping[str, type[APIView]]] = {
    "hs-codes": HsCodes,
    "units": Units,
    "provinces": Provinces,
    "sale-types": SaleTypes,
    "rates": Rates,
    "schedules": Schedules,
}
