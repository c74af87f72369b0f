"""JSON log lines on standard output, with the net that takes secrets and people out of them."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest

request_id: ContextVar[str] = ContextVar("request_id", default="")

GONE: Final = "[removed]"
_SECRET_KEYS: Final = re.compile(
    r"(?i)token|authori[sz]ation|cookie|password|passwd|secret|api_?key|cnic|ntn|phone|e_?mail|iban"
)
_PATTERNS: Final = (
    re.compile(r"(?i)bearer\s+[A-Za-z0-9._~+/=-]+"),
    re.compile(r"\bsi_[A-Za-z0-9_-]{20,}"),  # our API keys
    re.compile(r"(?i)(\w+://[^:/\s]*:)[^@\s]+(?=@)"),  # a password inside an address
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),  # e-mail
    re.compile(r"\b\d{5}-?\d{7}-?\d\b"),  # CNIC
    re.compile(r"\b\d{7}-\d\b"),  # NTN with its check digit
    re.compile(r"\bPK\d{2}(?: ?[A-Z0-9]{4}){5}\b"),  # IBAN
    re.compile(r"(?:\+92[- ]?|\b0092[- ]?|\b0)3\d{2}[- ]?\d{7}\b"),  # phone
    re.compile(r"\b(?:\d[ -]?){15,16}\b"),  # card
)
# JSON leaves these as they are, and some readers take them for the end of a line.
_LINE_ENDS: Final = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """Take out what must not stand in a log. The net, not the plan."""
    for pattern in _PATTERNS:
        text = pattern.sub(GONE, text)
    return text


def _clean(name: str, value: Any) -> Any:
    if isinstance(value, HttpRequest):
        return redact(
            f"{value.method} {value.path}"
        )  # what somebody searched for is not ours to log
    if _SECRET_KEYS.search(name):
        return GONE
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    return redact(str(value))


class JsonFormatter(logging.Formatter):
    """One line a record: time in UTC, level, logger, event, request, and what came in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        if request_id.get():
            line["request"] = request_id.get()
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line["page" if isinstance(value, HttpRequest) else name] = _clean(name, value)
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str).translate(_LINE_ENDS)
