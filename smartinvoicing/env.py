"""Typed readers of environment variables. A wrong word stops the boot."""

from __future__ import annotations

import base64
import binascii
import os
from functools import cache
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

BASE_DIR: Final = Path(__file__).resolve().parent.parent
LOCAL_FILE: Final = BASE_DIR / ".local" / "env"

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off", ""})


@cache
def local_file() -> dict[str, str]:
    """What `make run` chose, for whatever is not set; production never reads it."""
    environment = os.environ.get("ENVIRONMENT", "")
    if environment not in {"", "development"} or not LOCAL_FILE.is_file():
        return {}
    pairs = (line.partition("=") for line in LOCAL_FILE.read_text().splitlines())
    return {name.strip(): value for name, found, value in pairs if found}


def text(name: str, default: str | None = None) -> str:
    """The value of `name`.

    Raises: ImproperlyConfigured when it is not set and has no default.
    """
    value = os.environ.get(name)
    if value is None:
        value = local_file().get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def secret(name: str, default: str | None = None) -> str:
    """The value of `name`, or what stands in the file that `<name>_FILE` names."""
    path = text(f"{name}_FILE", "")
    if not path:
        return text(name, default)
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read.") from error


def key(name: str) -> bytes:
    """A 32-byte key, written in base64."""
    try:
        value = base64.b64decode(secret(name), validate=True)
    except binascii.Error as error:
        raise ImproperlyConfigured(f"{name} must be 32 bytes written in base64.") from error
    if len(value) != 32:
        raise ImproperlyConfigured(f"{name} must be 32 bytes written in base64.")
    return value


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, "yes" if default else "no").strip().lower()
    if value not in _YES | _NO:
        raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")
    return value in _YES


def integer(name: str, default: int, *, least: int = 0) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error
    if number < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {number}.")
    return number


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, allowed: frozenset[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(allowed))}.")
    return value
