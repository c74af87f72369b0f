"""The search for an HS code at four clients: the whole request, and the search beside pg_trgm."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from typing import Final
from uuid import UUID

import psycopg2
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from bench import data, rig
from invoices import reference

CLIENTS: Final = 4
ROUNDS: Final = 150  # of each client
WORDS: Final = (
    *("cotton yarn", "52", "5205.1100", "cheeni", "sariya", "cemnt", "mobile phone", "other"),
    *("solar panel", "pumps", "frozen fish", "elektric motor", "co", "potassium chlorate"),
    *("batery", "leather shoes", "bars rods steel", "chawal", "8517 telephone", "zzzzqq"),
)
TYPED: Final = [text[:n] for text in WORDS for n in range(2, len(text) + 1)]
BY_TRIGRAM: Final = """
SELECT code FROM invoices_hscode
WHERE %(words)s <%% (description || ' ' || heading)
ORDER BY word_similarity(%(words)s, description || ' ' || heading) DESC, code LIMIT 20"""


def _cookie(number: int) -> str:
    _, user, _ = data.lay_tenant(number)
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _ask(port: int, cookie: str, start: int, took: list[float]) -> None:
    """One person who types: a line that stays open, one question after the other."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    address = reverse("invoices:hs_search")
    headers = {"Cookie": cookie, "HX-Request": "true", "Connection": "keep-alive"}
    for place in range(ROUNDS + 20):
        query = urlencode({"q": TYPED[(place + start) % len(TYPED)]})
        began = time.perf_counter()
        line.request("GET", f"{address}?{query}", headers=headers)
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(answer.status)
        if place >= 20:  # the processes are warm
            took.append((time.perf_counter() - began) * 1000)


def _in_memory() -> list[float]:
    index = reference.current().index
    took = []
    for place in range(ROUNDS):
        words = f"{WORDS[place % len(WORDS)]} {'x' * (place // len(WORDS))}"  # never asked before
        began = time.perf_counter()
        index.search(words.strip(), limit=20)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _by_trigram(admin: str) -> list[float]:
    """The same words by PostgreSQL's own trigrams and their index."""
    took = []
    with psycopg2.connect(admin) as line, line.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        cursor.execute(
            "CREATE INDEX bench_trgm ON invoices_hscode"
            " USING gin ((description || ' ' || heading) gin_trgm_ops)"
        )
        cursor.execute("ANALYZE invoices_hscode")
        for place in range(ROUNDS):
            began = time.perf_counter()
            cursor.execute(BY_TRIGRAM, {"words": WORDS[place % len(WORDS)]})
            cursor.fetchall()
            took.append((time.perf_counter() - began) * 1000)
        line.rollback()
    return took


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """p50 and p95 of the request at four clients; of the search alone, beside pg_trgm."""
    cookies = [_cookie(500 + number) for number in range(CLIENTS)]
    took: list[list[float]] = [[] for _ in cookies]
    with rig.web() as port:
        starts = range(0, len(TYPED), len(TYPED) // CLIENTS)
        each = zip(cookies, starts, took, strict=False)
        threads = [threading.Thread(target=_ask, args=(port, *one)) for one in each]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    every = [each for mine in took for each in mine]
    if len(every) != CLIENTS * ROUNDS:
        raise RuntimeError(f"{len(every)} answers")
    here, there = _in_memory(), _by_trigram(admin)
    p50, p95 = statistics.median(every), rig.percentile(every, 95)
    alone, trigram = statistics.median(here), statistics.median(there)
    rig.line(
        "hs_search_ms_p50",
        p50,
        "ms",
        f"the search without its request, {alone:.2f} ms",
        p50 / alone,
    )
    rig.line("hs_search_ms_p95", p95, "ms", f"20 ms, promised for {CLIENTS} clients", p95 / 20)
    rig.line(
        "hs_search_alone_ms_p95",
        rig.percentile(here, 95),
        "ms",
        f"pg_trgm in PostgreSQL, {trigram:.1f} ms p50, {rig.percentile(there, 95):.1f} ms p95",
        rig.percentile(here, 95) / rig.percentile(there, 95),
    )
