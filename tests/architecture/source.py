"""What the tests of this folder look at: the product's own files, read and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
APPS: Final = ("smartinvoicing", "accounts", "invoices", "fbr", "privacy")
FAKE: Final = "fbr/fake/"  # a program of its own: it may import nothing of ours
# What git ignores, and git itself.
IGNORED: Final = frozenset(
    {
        *(".git", ".venv", ".local", "staticfiles", "media", "__pycache__", ".hypothesis"),
        *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", "htmlcov"),
    }
)


@cache
def modules() -> dict[str, ast.Module]:
    """Each Python file of the product with its tree; migrations, which are history, left out."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                found[str(path.relative_to(ROOT))] = ast.parse(path.read_text(), str(path))
    return found


def product() -> dict[str, ast.Module]:
    """The same without the fake FBR."""
    return {path: tree for path, tree in modules().items() if not path.startswith(FAKE)}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def dotted(node: ast.AST) -> str:
    """`a.b.c` for the expression that reads so; `().c` where a part of it is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "()"


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each module that is imported, with its line; `from a import b` counts as a and as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def files(*patterns: str) -> list[Path]:
    """Files of the repository whose names fit, without what git ignores."""
    found = {path for pattern in patterns for path in _walk(ROOT, pattern)}
    return sorted(found)


def _walk(folder: Path, pattern: str) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in IGNORED:
            continue
        if path.is_dir():
            yield from _walk(path, pattern)
        elif path.match(pattern):
            yield path


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))
