"""What every API answer has in common: exact numbers in, one shape of error out."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import IO, Any, Final, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from smartinvoicing.errors import AppError, ComeAgain

logger = logging.getLogger(__name__)

DEEPEST: Final = 20


class Malformed(exceptions.ParseError):
    default_detail = "The body is not JSON. Check quotes, commas and the encoding (UTF-8)."


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large. Send fewer lines, or shorter texts."


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


def _plain(text: str) -> Decimal:
    """A number with an exponent is no amount: it reads as NaN, and its field is refused."""
    return Decimal("NaN") if "e" in text.lower() else Decimal(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def read_json(raw: bytes) -> Any:
    """JSON with numbers as Decimal, never through a float; no NaN, no repeated key.

    Raises: ValueError, RecursionError.
    """
    return json.loads(
        raw.decode("utf-8"),
        parse_float=_plain,
        parse_int=lambda text: int(text) if len(text) < 20 else Decimal(text),
        parse_constant=_refuse_constant,
        object_pairs_hook=_unique,
    )


class DecimalJSONParser(BaseParser):
    """JSON, read exactly."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None
    ) -> dict[str, Any]:
        largest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(largest + 1)
        if len(raw) > largest:
            raise TooLarge
        try:
            body = read_json(raw)
        except (ValueError, RecursionError) as error:
            raise Malformed from error
        if not isinstance(body, dict):
            raise Malformed("The body must be one JSON object.")
        return body


def body_of(request: Request) -> dict[str, Any]:
    """The one JSON object that was sent."""
    return request.data if isinstance(request.data, dict) else {}


def _answer(code: str, message: str, details: dict[str, Any], http_status: int) -> Response:
    return Response({"code": code, "message": message, "details": details}, status=http_status)


def _come_again(error: Exception) -> Response:
    """The database is away, full, or took too long; whether it took this in, it could not say."""
    logger.error("api.database", extra={"failure": type(error).__name__})
    message = _("The database cannot be asked now. Send the same again, with its Idempotency-Key.")
    answer = _answer(ComeAgain.code, message, {}, ComeAgain.http_status)
    answer["Retry-After"] = str(ComeAgain.after_s)
    return answer


def on_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """One shape for every refusal: `{"code", "message", "details"}`."""
    if isinstance(error, OperationalError | InterfaceError):
        return _come_again(error)
    if isinstance(error, AppError):
        return _answer(error.code, error.message, error.details, error.http_status)
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, Http404):
        return _answer("not_found", "There is no such thing here.", {}, status.HTTP_404_NOT_FOUND)
    if isinstance(error, exceptions.APIException):
        code = error.default_code
        answer = _answer(code, str(error.detail), {}, error.status_code)
        if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            answer["WWW-Authenticate"] = "Bearer"
        return answer
    return None
