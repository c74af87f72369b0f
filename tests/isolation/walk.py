"""Every door of the product, found by walking it: routes, tasks, staff pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

# Django's own and allauth's: tables outside the wall, tried by tests of their own.
FOREIGN = ("admin:", "account_", "mfa_", "usersessions_", "socialaccount_")


@dataclass(frozen=True)
class Route:
    """One address: its name and the names of its parameters."""

    name: str
    parameters: frozenset[str]


def routes() -> Iterator[Route]:
    """Every named address below the roof; one without a name is an error of its own."""
    yield from _walk(get_resolver().url_patterns, "", frozenset())


def _walk(patterns: list, namespace: str, above: frozenset[str]) -> Iterator[Route]:
    for entry in patterns:
        parameters = above | frozenset(entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry.url_patterns, inner, parameters)
        elif isinstance(entry, URLPattern):
            yield Route(f"{namespace}{entry.name}", parameters)


def own_routes() -> list[Route]:
    return [route for route in routes() if not route.name.startswith(FOREIGN)]
