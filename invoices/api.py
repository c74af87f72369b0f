"""The API of masters: customers and products."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import entered
from accounts.enums import Permission, Province
from invoices import intake, representation, sale_types, selectors
from invoices.content import PARTY
from invoices.enums import BuyerKind, SaleType, Withholding
from invoices.models import Buyer, Product
from invoices.services import catalogue
from smartinvoicing import clock
from smartinvoicing.api import body_of
from smartinvoicing.errors import Problem, RuleViolation

_BUYER = frozenset(
    {
        *PARTY,
        *("phone", "email"),
        "withholding",
    }
)
_PRODUCT = frozenset(field.name for field in fields(catalogue.Goods))


class BuyerShape(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField()
    registration_type = serializers.ChoiceField(BuyerKind.choices)
    ntn_cnic = serializers.CharField(required=False)
    province = serializers.ChoiceField(Province.choices)
    address = serializers.CharField()
    phone = serializers.CharField(required=False)
    email = serializers.EmailField(required=False)
    withholding = serializers.ChoiceField(Withholding.choices, required=False)


class BuyerPage(serializers.Serializer[Any]):
    results = BuyerShape(many=True)
    next = serializers.URLField(allow_null=True)


class ProductShape(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField()
    hs_code = serializers.CharField()
    sale_type = serializers.ChoiceField(SaleType.choices, required=False)
    rate = serializers.CharField(required=False)
    unit = serializers.CharField()
    unit_price = serializers.DecimalField(max_digits=18, decimal_places=4, required=False)
    item_code = serializers.CharField(required=False)
    retail_price = serializers.DecimalField(
        max_digits=18, decimal_places=2, required=False, allow_null=True
    )
    sro_schedule = serializers.CharField(required=False)
    sro_item = serializers.CharField(required=False)
    no_further_tax = serializers.BooleanField(required=False)
    fed_type = serializers.CharField(required=False)
    fed_rate = serializers.CharField(required=False)
    fed_schedule = serializers.CharField(required=False)
    fed_item = serializers.CharField(required=False)
    petroleum_levy_on = serializers.ChoiceField(sale_types.LEVIES, required=False)


class ProductPage(serializers.Serializer[Any]):
    results = ProductShape(many=True)
    next = serializers.URLField(allow_null=True)


def _page(request: Request, rows: list[dict[str, Any]], cursor: str) -> Response:
    query = request.query_params.copy()
    query["cursor"] = cursor
    following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return Response({"results": rows, "next": following if cursor else None})


class Buyers(APIView):
    scopes = {"GET": Permission.VIEW, "POST": Permission.WRITE_CATALOGUE}

    @extend_schema(operation_id="buyers_list", responses=BuyerPage)
    def get(self, request: Request) -> Response:
        """Customers by name; `q` is the beginning of a name or number."""
        asked = request.query_params
        with entered(request):
            page = selectors.buyers(text=asked.get("q", ""), cursor=asked.get("cursor", ""))
        return _page(request, [representation.buyer(row) for row in page.rows], page.next)

    @extend_schema(operation_id="buyers_create", request=BuyerShape, responses={201: BuyerShape})
    def post(self, request: Request) -> Response:
        problems: list[Problem] = []
        reader = intake.Reader(body_of(request), problems)
        reader.only(_BUYER)
        party = intake.party(body_of(request), problems, prefix="")
        reach = {name: reader.text(name) for name in ("phone", "email")}
        withholding = reader.word("withholding", Withholding.values, Withholding.NONE)
        if problems:
            raise RuleViolation.of(problems)
        with entered(request) as actor:
            row = catalogue.save_buyer(
                buyer=Buyer(),
                party=party,
                **reach,
                withholding=withholding,
                actor=actor,
                at=clock.now(),
            )
        return Response(representation.buyer(row), status=201)


class Products(APIView):
    scopes = {"GET": Permission.VIEW, "POST": Permission.WRITE_CATALOGUE}

    @extend_schema(operation_id="products_list", responses=ProductPage)
    def get(self, request: Request) -> Response:
        """Products by name; `q` is the beginning of a name."""
        asked = request.query_params
        with entered(request):
            page = selectors.products(text=asked.get("q", ""), cursor=asked.get("cursor", ""))
        return _page(request, [representation.product(row) for row in page.rows], page.next)

    @extend_schema(
        operation_id="products_create", request=ProductShape, responses={201: ProductShape}
    )
    def post(self, request: Request) -> Response:
        problems: list[Problem] = []
        reader = intake.Reader(body_of(request), problems)
        reader.only(_PRODUCT)
        goods = catalogue.read_goods(reader)
        if problems:
            raise RuleViolation.of(problems)
        with entered(request) as actor:
            row = catalogue.save_product(
                product=Product(), goods=goods, actor=actor, at=clock.now()
            )
        return Response(representation.product(row), status=201)
