"""Forms: labels, widgets and the text in them. What the text means is `intake`'s affair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.forms.utils import flatatt
from django.urls import reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.enums import Province
from invoices import editing
from invoices.enums import BuyerKind, SaleType
from smartinvoicing.forms import TypedForm

Choices = Sequence[tuple[str, Any]]

_SELECTED: Final = SafeString(" selected")
_SCENARIOS: Final[Choices] = [
    ("", _("Automatic")),
    *((f"SN{number:03d}", f"SN{number:03d}") for number in range(1, 29)),
]


class QuickSelect(forms.Select):
    """A select drawn in one go: the editor has two of them a line, with thirty choices each."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = str(value or "")
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (choice, _SELECTED if choice == chosen else "", label)
                for choice, label in self.choices
            ),
        )
        head = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        return format_html("<select{}>{}</select>", head, options)


def _select(words: Any) -> forms.Select:
    return forms.Select(choices=[("", _("Choose…")), *words.choices])


def _number(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", **attrs})


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


def _search(url_name: str, **attrs: str) -> dict[str, Any]:
    """What makes a control look things up while one types."""
    return {"data-combobox": "", "data-url": reverse_lazy(url_name), **attrs}


def _day() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def _optional(label: Any, widget: forms.Widget | None = None, help_text: Any = "") -> Any:
    return forms.CharField(
        label=label, required=False, widget=widget or _text(), help_text=help_text
    )


# --- the editor -------------------------------------------------------------------------------


class HeadForm(TypedForm):
    """The document above its lines."""

    buyer = forms.CharField(
        label=_("Customer"),
        widget=forms.Select(
            attrs=_search("invoices:buyer_search")
            | {"data-placeholder": _("Two letters of the name, or the tax number")}
        ),
    )
    buyer_name = forms.CharField(label=_("Name"), widget=_text())
    buyer_registration_type = forms.CharField(
        label=_("Sales tax registration"), widget=_select(BuyerKind)
    )
    buyer_ntn_cnic = _optional(_("NTN or CNIC"))
    buyer_province = forms.CharField(label=_("Province"), widget=_select(Province))
    buyer_address = forms.CharField(label=_("Address"), widget=_text())
    invoice_date = forms.CharField(label=_("Date"), widget=_day())
    client_reference = _optional(_("Your reference"))
    scenario = _optional(_("Sandbox scenario"), forms.Select(choices=_SCENARIOS))
    prices_include_tax = forms.BooleanField(label=_("Prices include sales tax"), required=False)
    document_type = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, head: editing.Texts, *, buyers: Choices, has_scenario: bool) -> None:
        super().__init__(initial={**head, "prices_include_tax": bool(head["prices_include_tax"])})
        self.fields["buyer"].widget.choices = [("", ""), *buyers]
        if not has_scenario:
            del self.fields["scenario"]


class LineForm(TypedForm):
    """One row of the editor."""

    product = forms.CharField(widget=forms.HiddenInput)
    description = forms.CharField(
        label=_("Product or description"),
        widget=_text(**_search("invoices:product_search")),
    )
    hs_code = forms.CharField(
        label=_("HS code"),
        widget=_text(**_search("invoices:hs_search"), placeholder="0000.0000", maxlength="20"),
    )
    quantity = forms.CharField(label=_("Quantity"), widget=_number())
    unit = forms.CharField(label=_("Unit"), widget=QuickSelect)
    unit_price = forms.CharField(label=_("Price, Rs"), widget=_number())
    discount = _optional(_("Discount, Rs"), _number())
    sale_type = forms.CharField(label=_("Kind of supply"), widget=QuickSelect)
    rate = forms.CharField(label=_("Rate"), widget=_text(list="rates"))
    retail_price = _optional(_("Printed retail price, Rs"), _number())
    sro_schedule = _optional(_("SRO or schedule"))
    sro_item = _optional(_("Serial in the SRO"))
    further_tax = _optional(_("Further tax, Rs"), _number())
    extra_tax = _optional(_("Extra tax, Rs"), _number())
    fed = _optional(_("FED, Rs"), _number())
    withheld = _optional(_("Withheld, Rs"), _number())

    def __init__(self, text: editing.Texts, *, place: int | str, units: Iterable[str]) -> None:
        super().__init__(initial=dict(text), prefix=f"{editing.PREFIX}-{place}")
        self.fields["description"].widget.attrs["data-value"] = f"id_{self.prefix}-product"
        self._offer("unit", [(unit, unit) for unit in units], text["unit"])
        self._offer("sale_type", list(SaleType.choices), text["sale_type"])

    def _offer(self, name: str, choices: list[tuple[str, Any]], typed: str) -> None:
        """The choices, and beside them what stands there already, so that it is not lost."""
        if typed not in {value for value, _label in choices}:
            choices = [(typed, typed or self.fields[name].label), *choices]
        self.fields[name].widget.choices = choices


def mark(form: forms.Form, names: Iterable[str], *, said_in: str) -> None:
    """Say to screen readers, and to the eye, which controls are wrong, and where it stands why."""
    for name in names:
        if name in form.fields:
            attrs = {"aria-invalid": "true", "aria-describedby": said_in or f"id_{name}-problems"}
            form.fields[name].widget.attrs |= attrs


# --- masters ----------------------------------------------------------------------------------


class BuyerForm(TypedForm):
    """A customer."""

    name = forms.CharField(label=_("Registered name"), widget=_text())
    registration_type = forms.CharField(
        label=_("Sales tax registration"), widget=_select(BuyerKind)
    )
    ntn_cnic = _optional(
        _("NTN or CNIC"),
        help_text=_("7 characters, or the 13 digits of a CNIC. A registered customer has one."),
    )
    province = forms.CharField(label=_("Province"), widget=_select(Province))
    address = forms.CharField(label=_("Address"), widget=_text())
    phone = _optional(_("Phone"), _text(type="tel"))
    email = _optional(_("E-mail"), _text(type="email"))


class ProductForm(TypedForm):
    """A product or service."""

    name = forms.CharField(label=_("Description"), widget=_text())
    hs_code = forms.CharField(
        label=_("HS code"),
        widget=_text(**_search("invoices:hs_search"), placeholder="0000.0000"),
        help_text=_("Digits of the code, or words such as “cotton yarn”."),
    )
    unit = forms.CharField(label=_("Unit"), widget=forms.Select)
    sale_type = forms.CharField(label=_("Kind of supply"), widget=_select(SaleType))
    rate = forms.CharField(label=_("Rate"), widget=_text(list="rates"))
    unit_price = _optional(_("Price of one unit"), _number())

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        units: Iterable[str],
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        choices = [("", _("Choose…")), *((unit, unit) for unit in units)]
        self.fields["unit"].widget.choices = choices


# --- lists ------------------------------------------------------------------------------------


class SearchForm(TypedForm):
    """One box above a list."""

    def __init__(self, text: str, *, label: Any) -> None:
        super().__init__(initial={"q": text})
        self.fields["q"] = forms.CharField(label=label, widget=_text(type="search"))


class FilterForm(TypedForm):
    """What the list of invoices is narrowed to; the names stand in the address."""

    q = forms.CharField(label=_("Number, customer or reference"), widget=_text(type="search"))
    state = forms.CharField(widget=forms.HiddenInput)
    buyer = forms.CharField(
        label=_("Customer"),
        widget=forms.Select(
            attrs=_search("invoices:buyer_search") | {"data-placeholder": _("All customers")}
        ),
    )

    def __init__(self, given: Mapping[str, Any], *, buyers: Choices) -> None:
        super().__init__(given)
        self.fields["from"] = forms.CharField(label=_("From"), widget=_day())
        self.fields["to"] = forms.CharField(label=_("Until"), widget=_day())
        choices = [("", _("All customers")), *buyers]
        self.fields["buyer"].widget.choices = choices
