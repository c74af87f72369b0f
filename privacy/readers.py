"""Which names some part of the program reads: looked up in its own source. Pure.

By its name alone: another field of the same name speaks for it. What declares a field, what merely
writes it and what says something about every field alike (a migration, a model) reads nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_DECLARES: Final = frozenset({"migrations", "models", "fake"})
_ABOUT_TABLES: Final = frozenset({"others.py", "demo.py"})
_LOOKS_UP: Final = frozenset({"filter", "exclude", "get", "Q"})
_SQL: Final = re.compile(r"\b(SELECT|FROM|WHERE)\b|^\w+\(")
_WORD: Final = re.compile(r"[a-z]\w*")
_SHOWN: Final = re.compile(r"\.([a-z]\w*)")


@cache
def names_read(apps: Sequence[str]) -> frozenset[str]:
    """Names of attributes, columns and variables that our modules and templates read."""
    modules = (
        path
        for app in apps
        for path in (_ROOT / app).rglob("*.py")
        if _DECLARES.isdisjoint(path.parts) and path.name not in _ABOUT_TABLES
    )
    found = {name for path in modules for name in in_module(path.read_text())}
    for page in (_ROOT / "templates").rglob("*.*"):
        found.update(_SHOWN.findall(page.read_text()))
    return frozenset(found)


def in_module(source: str) -> Iterator[str]:
    """The names that one module reads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _in_text(node.value)
        elif isinstance(node, ast.Call) and _called(node.func) in _LOOKS_UP:
            for keyword in node.keywords:
                yield from (keyword.arg or "").split("__")


def _in_text(text: str) -> Iterator[str]:
    """Of a name ("buyer__name", "-at") or a piece of SQL; people's words name no field."""
    if " " not in text or _SQL.search(text):
        for word in _WORD.findall(text):
            yield from word.split("__")


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
