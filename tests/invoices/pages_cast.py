"""The editor as a browser sends it and reads it: for tests of its pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from smartinvoicing.ids import uuid7

HTMX = {"HX-Request": "true"}


def page_of(**changes) -> dict[str, str]:
    """A whole editor as a browser sends it: 400 kg for a customer typed on the page."""
    typed = {
        "draft": str(uuid7()),
        "version": "0",
        "tab": "this tab",
        "document_type": "sale_invoice",
        "invoice_date": "2026-11-20",
        "buyer": "",
        "buyer_name": "Sample Traders",
        "buyer_registration_type": "registered",
        "buyer_ntn_cnic": "2046004-7",
        "buyer_province": "SINDH",
        "buyer_address": "Karachi",
        "lines-TOTAL_FORMS": "1",
        **row_of(0),
    }
    return typed | changes


def row_of(place: int, **changes) -> dict[str, str]:
    row = {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "quantity": "400",
        "unit": "KG",
        "unit_price": "2.50",
        "sale_type": "Goods at standard rate (default)",
        "rate": "18%",
    }
    return {f"lines-{place}-{name}": text for name, text in (row | changes).items()}


def text_of(response) -> str:
    return response.content.decode()


def part(response, ident: str) -> str:
    """What stands in the element of this id, roughly: up to the next id."""
    found = re.search(rf'id="{ident}"(.*?)(?:\sid="|$)', text_of(response), re.DOTALL)
    assert found, ident
    return found.group(1)


def value_of(response, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', text_of(response))
    assert found, name
    value = re.search(r'\svalue="([^"]*)"', found.group(0))
    return value.group(1) if value else ""


class _Fields(HTMLParser):
    """Collects what a browser would send of the form with one id."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.inside, self.select, self.found = form, False, "", {}

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.inside |= tag == "form" and given.get("id") == self.form
        if not self.inside:
            return
        is_sent = given.get("type") != "checkbox" or "checked" in given
        if tag == "input" and "name" in given and is_sent:
            self.found[given["name"]] = given.get("value") or ("on" if "checked" in given else "")
        if tag == "select":
            self.select = given["name"]
        if tag == "option" and ("selected" in given or self.select not in self.found):
            self.found[self.select] = given.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


def sent_by(response, form: str = "editor") -> dict[str, str]:
    """Every field that the page would send now, with its text."""
    reader = _Fields(form)
    reader.feed(text_of(response))
    return reader.found
