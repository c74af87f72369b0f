"""The API of tills: which there are, so that a program finds the id to put into a bill."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_auth import entered
from accounts.enums import Environment, Permission
from fbr import carriers, selectors
from fbr.models import Credential
from fbr.outcomes import Hold
from invoices.enums import Transport
from invoices.models import Till
from invoices.representation import instant


class TillShape(serializers.Serializer[Any]):
    """hold: why new bills of the till would wait, null when they would not."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    pos_id = serializers.IntegerField()
    environment = serializers.ChoiceField(Environment.choices)
    branch = serializers.CharField()
    address = serializers.CharField()
    transport = serializers.ChoiceField(Transport.choices)
    hold = serializers.CharField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)


class TillPage(serializers.Serializer[Any]):
    results = TillShape(many=True)
    next = serializers.URLField(allow_null=True)


class Tills(APIView):
    """Tills of the business, those in use first."""

    scopes = {"GET": Permission.VIEW}

    @extend_schema(operation_id="tills_list", responses=TillPage)
    def get(self, request: Request) -> Response:
        with entered(request):
            found = list(selectors.tills())
            tokens = selectors.tokens_of_tills(found)
        rows = [_shown(till, tokens.get(till.pk)) for till in found]
        return Response({"results": rows, "next": None})


def _shown(till: Till, token: Credential | None) -> dict[str, Any]:
    return {
        "id": str(till.pk),
        "name": till.name,
        "pos_id": till.pos_id,
        "environment": str(till.environment),
        "branch": till.branch,
        "address": till.address,
        "transport": str(till.transport),
        "hold": _hold(till, token),
        "retired_at": instant(till.retired_at),
    }


def _hold(till: Till, token: Credential | None) -> str | None:
    if not carriers.has(till.transport):
        return Hold.TILL.value
    return Hold.CREDENTIAL.value if token is None or token.held_at is not None else None
