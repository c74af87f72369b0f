"""P2: a value is found in whatever writing it stands; a plain search finds fewer."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zipfile
from contextlib import closing
from io import BytesIO, StringIO
from urllib.parse import quote

import psycopg2
import pytest
import redis
from django.conf import settings as product
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import tenancy
from invoices import pdf
from privacy import scanning, spellings
from privacy.scanning import BlindScan
from smartinvoicing import crypto
from smartinvoicing.ids import uuid7
from tests import factories

NAME = "Zarghoon Canary Achakzai"
URDU = "زرغون اچکزئی"
CNIC = "35202-7654321-9"
PHONE = "+92 300 7654321"
MAIL = "canary.zarghoon@example.com"
TOKENS = (NAME, URDU, CNIC, PHONE, MAIL)


def turned(text, before=b"", after=b""):
    return base64.b64encode(before + text.encode() + after).decode()


# (what was written, of whom): each is one copy that somebody left somewhere.
PLANTED = {
    "as it is": (NAME, NAME),
    "capitals": (NAME.upper(), NAME),
    "URL": (f"/buyers?q={quote(NAME)}&page=2", NAME),
    "URL of Urdu": (quote(URDU), URDU),
    "JSON": (json.dumps({"name": URDU}), URDU),
    "HTML": (URDU.encode("ascii", "xmlcharrefreplace").decode(), URDU),
    "reversed": ("Achakzai Canary Zarghoon", NAME),
    "reversed with a comma": ("Achakzai, Zarghoon Canary", NAME),
    "two blanks": ("Zarghoon  Canary\n Achakzai", NAME),
    "a line's end in JSON": (json.dumps({"to": NAME.replace(" ", "\n")}), NAME),
    "hexadecimal": (NAME.encode().hex(), NAME),
    "base64 at its first place": (turned(NAME, b"", b"!!"), NAME),
    "base64 at its second": (turned(NAME, b"x", b"!"), NAME),
    "base64 at its third": (turned(NAME, b"xy", b"!!!"), NAME),
    "base64 for URLs": (base64.urlsafe_b64encode(b"?>" + URDU.encode()).decode(), URDU),
    "base64 of small letters": (turned(NAME.lower(), b"q"), NAME),
    "md5": (hashlib.md5(MAIL.encode()).hexdigest(), MAIL),
    "sha1": (hashlib.sha1(MAIL.encode()).hexdigest(), MAIL),
    "sha256": (hashlib.sha256(MAIL.encode()).hexdigest(), MAIL),
    "CNIC without dashes": ("3520276543219", CNIC),
    "CNIC in Urdu digits": ("۳۵۲۰۲-۷۶۵۴۳۲۱-۹", CNIC),
    "CNIC in Arabic digits": ("٣٥٢٠٢٧٦٥٤٣٢١٩", CNIC),
    "sha256 of a CNIC without dashes": (hashlib.sha256(b"3520276543219").hexdigest(), CNIC),
    "phone at home": ("0300-7654321", PHONE),
    "phone with zeros": ("00923007654321", PHONE),
    "phone without plus": ("923007654321", PHONE),
}


@pytest.fixture
def planted(db, owner_url):
    """A table with one copy a row, in a transaction that is rolled back; its cursor."""
    with closing(psycopg2.connect(owner_url)) as line:
        cursor = line.cursor()
        cursor.execute("CREATE TABLE planted (id text, words text, raw bytea, facts jsonb)")
        for way, (text, _token) in PLANTED.items():
            cursor.execute("INSERT INTO planted VALUES (%s, %s)", [way, text])
        cursor.execute(
            "INSERT INTO planted VALUES ('bytes', '', %s, %s)",
            [NAME.encode(), json.dumps({"of": [PHONE]})],
        )
        yield cursor
        line.rollback()


def look(cursor, tokens=TOKENS, folders=(), redis_url=""):
    return scanning.scan(tokens, folders=folders, cursor=cursor, redis_url=redis_url)


def test_each_planted_copy_is_found(planted):
    found = {(hit.row, hit.token) for hit in look(planted) if hit.place == "planted"}

    assert found == {
        *((way, token) for way, (_text, token) in PLANTED.items()),
        *(("bytes", NAME), ("bytes", PHONE)),
    }


def test_a_hit_says_where_it_is(planted):
    (hit,) = [hit for hit in look(planted, [NAME]) if hit.row == "bytes"]

    assert (hit.store, hit.place, hit.field, hit.form) == (
        *("database", "planted", "raw"),
        "hexadecimal",
    )
    assert not any(NAME in line for line in scanning.summary([hit]))


def test_a_plain_search_finds_fewer(planted):
    """The twin: the same rows, searched for the values alone."""
    planted.execute(
        "SELECT count(*) FROM planted p WHERE " + " OR ".join(["p::text ILIKE %s"] * len(TOKENS)),
        [f"%{token}%" for token in TOKENS],
    )
    ((plain,),) = planted.fetchall()

    assert 0 < plain < len(PLANTED) / 3


def test_without_a_variant_its_copies_stay_hidden(planted, monkeypatch):
    """The twin of each letter that is turned: switched off, what it finds is not found."""
    monkeypatch.setattr(spellings, "_turned", lambda text: [])
    for cached in (spellings.forms, spellings._searched):
        cached.cache_clear()
    try:
        missed = PLANTED.keys() - {hit.row for hit in look(planted)}
    finally:
        for cached in (spellings.forms, spellings._searched):
            cached.cache_clear()

    assert {"hexadecimal", "md5", "base64 for URLs", "base64 at its third"} <= missed


def test_others_who_are_like_are_not_taken_for_it(planted):
    planted.execute("DELETE FROM planted")
    for text in ("Zarghoon Khan", "35202-7654321-8", "0300-7654322", "canary@example.com"):
        planted.execute("INSERT INTO planted VALUES ('other', %s)", [text])

    assert [hit for hit in look(planted) if hit.place == "planted"] == []


@pytest.mark.parametrize("token", [*TOKENS, "Abcdef", "7000007"])
def test_no_variant_slips_past_the_search_for_many(token):
    """Each is met in the midst of other words, under the name that a search for it alone gives."""
    sieve = spellings.Sieve([*TOKENS, token])

    for variant in spellings.variants(token):
        text = f'{{"a": "x{variant}y", "b": ["of another"]}}'
        assert sieve.met(text)[token] == spellings.met(text, token)


def test_a_search_for_many_meets_what_each_alone_would():
    sieve = spellings.Sieve(TOKENS)
    texts = [text for text, _token in PLANTED.values()]

    for text in [*texts, "\0".join(texts), "nobody"]:
        alone = {token: form for token in TOKENS if (form := spellings.met(text, token))}
        assert sieve.met(text) == alone


# --- who looks -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_it_sees_every_business_and_a_session(business, role_urls, settings):
    settings.PURGE_DATABASE_URL = role_urls.purge
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_buyer(name=NAME)
    session = SessionStore()
    session["searched"] = NAME * 20  # long enough to be compressed
    session.save()

    with scanning.sight() as cursor:
        places = {(hit.place, hit.field) for hit in look(cursor, [NAME])}

    assert {("invoices_buyer", "name"), ("django_session", "session")} <= places


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["app", "readonly"])
def test_whoever_does_not_see_all_is_refused(role_urls, role):
    with closing(psycopg2.connect(getattr(role_urls, role))) as line, pytest.raises(BlindScan):
        look(line.cursor(), [NAME])


@pytest.mark.django_db(transaction=True)
def test_without_its_policies_lifted_purge_is_blind(business, role_urls, monkeypatch):
    """The twin: the same look, by the same role, that does not say that it looks at all."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_buyer(name=NAME)
    monkeypatch.setattr(scanning, "see_all", lambda cursor: None)

    with closing(psycopg2.connect(role_urls.purge)) as line, line.cursor() as cursor:
        assert [hit for hit in look(cursor, [NAME]) if hit.place == "invoices_buyer"] == []


def test_without_an_address_nobody_looks(settings):
    settings.PURGE_DATABASE_URL = ""

    with pytest.raises(BlindScan), scanning.sight():
        pytest.fail("it looked")


# --- files and keys --------------------------------------------------------------------------


def test_files_of_all_kinds_are_read(planted, tmp_path):
    planted.execute("DELETE FROM planted")
    inner = BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("data/buyers.json", json.dumps({"name": URDU}))
    tenant_id, attempt_id = uuid7(), uuid7()
    sealed = crypto.seal(
        f"x {CNIC}", tenant_id=str(tenant_id), place=f"fbr_spool/{attempt_id}/answer"
    )
    files = {
        "invoice.pdf": (pdf.render_register(f"To {NAME}", [], [], []), NAME),
        "export.zip": (inner.getvalue(), URDU),
        "app.log.gz": (gzip.compress(f"sent to {MAIL}".encode()), MAIL),
        "app.log": (f'{{"phone": "{PHONE}"}}'.encode(), PHONE),
        f"{tenant_id}.{attempt_id}.answer": (sealed, CNIC),
        f"backup of {MAIL}.sealed": (b"?", MAIL),
    }
    for name, (content, _token) in files.items():
        (tmp_path / name).write_bytes(content)

    hits = look(planted, folders=[tmp_path])

    assert {(hit.place.rpartition("/")[2], hit.token) for hit in hits} == {
        (name, token) for name, (_content, token) in files.items()
    }
    plain = [n for n, (content, token) in files.items() if token.encode() in content]
    assert plain == ["app.log"]  # the twin: what a search of the bytes finds


def test_a_file_that_cannot_be_read_is_not_taken_for_clean(planted, tmp_path):
    (tmp_path / "spoilt.pdf").write_bytes(b"%PDF-1.7 and no more")

    (hit,) = look(planted, ["nobody at all"], folders=[tmp_path])

    assert (hit.form, hit.token) == (scanning.UNREADABLE, "")


def test_each_type_of_key_is_read(planted):
    planted.execute("DELETE FROM planted")
    line = redis.Redis.from_url(product.REDIS_URL)
    task = base64.b64encode(json.dumps([[], {"to": MAIL}]).encode())
    line.set("canary:string", NAME)
    line.rpush("canary:list", json.dumps({"body": task.decode()}))
    line.hset("canary:hash", "phone", PHONE)
    line.sadd("canary:set", CNIC)
    line.zadd("canary:zset", {URDU: 1})
    line.set(f"canary:{MAIL}", 1)
    try:
        hits = look(planted, redis_url=product.REDIS_URL)
    finally:
        line.delete(*line.keys("canary:*"))

    assert {(hit.place, hit.token) for hit in hits} == {
        ("canary:string", NAME),
        ("canary:list", MAIL),
        ("canary:hash", PHONE),
        ("canary:set", CNIC),
        ("canary:zset", URDU),
        (f"canary:{MAIL}", MAIL),
    }


# --- the command -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_command_fails_where_it_finds_and_shows_no_value(
    business, role_urls, settings, tmp_path
):
    settings.PURGE_DATABASE_URL = role_urls.purge
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.AUDIT_ANCHOR_DIR = ""
    (tmp_path / "tokens").write_text(f"{NAME}\n")
    out = StringIO()

    call_command("scan", token_file=tmp_path / "tokens", stdout=out)
    assert out.getvalue() == "Nothing found.\n"

    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_buyer(name=NAME)
    with pytest.raises(CommandError, match="found"):
        call_command("scan", token_file=tmp_path / "tokens", stdout=out)
    assert "invoices_buyer name" in out.getvalue()
    assert NAME not in out.getvalue()
