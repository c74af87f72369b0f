"""Forms: labels, widgets and the text in them. What the text means is `intake`'s affair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.forms.utils import flatatt
from django.urls import reverse_lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.enums import Province
from invoices import editing, reasons, sale_types
from invoices.enums import BuyerKind, NoteDirection, PaymentMode, SaleType, Withholding
from smartinvoicing.forms import TypedForm

Choices = Sequence[tuple[str, Any]]

_SELECTED: Final = SafeString(" selected")
_SCENARIOS: Final[Choices] = [
    ("", _("Automatic")),
    *((f"SN{number:03d}", f"SN{number:03d}") for number in range(1, 29)),
]


class QuickText(forms.TextInput):
    """A line of text drawn in one go: a long invoice has more than a thousand of them."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        text = {"value": str(value)} if value else {}
        given = {"type": self.input_type, "name": name, **text}
        return format_html("<input{}>", flatatt(self.build_attrs({**given, **self.attrs}, attrs)))


class QuickHidden(QuickText):
    input_type = "hidden"

    @property
    def is_hidden(self) -> bool:
        return True


class QuickSelect(forms.Select):
    """A select drawn in one go: the editor has one or two of them a line."""

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


def _number(**attrs: str) -> QuickText:
    return QuickText(attrs={"inputmode": "decimal", "autocomplete": "off", **attrs})


def _text(**attrs: str) -> QuickText:
    return QuickText(attrs={"autocomplete": "off", **attrs})


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


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What the document above its lines may be chosen from.

    own_withholding: what the customer's own particulars say, in words.
    kept_aside: names of fields that are sent and not shown.
    """

    buyers: Choices
    tills: Choices
    own_withholding: str
    kept_aside: frozenset[str]


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
    withholding = forms.CharField(label=_("Customer withholds"), widget=forms.Select)
    till = _optional(_("Till"), forms.Select())
    payment_mode = _optional(_("Paid by"), _select(PaymentMode))
    reason = forms.CharField(label=_("Reason of the note"), widget=forms.Select)
    direction = forms.CharField(label=_("What the note does"), widget=_select(NoteDirection))
    prices_include_tax = forms.BooleanField(label=_("Prices include sales tax"), required=False)
    is_advance = forms.BooleanField(label=_("Money received before the supply"), required=False)
    document_type = forms.CharField(widget=forms.HiddenInput)
    original = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, head: editing.Texts, *, offers: Offers) -> None:
        super().__init__(initial={**head, **{name: bool(head[name]) for name in editing.FLAGS}})
        self.fields["buyer"].widget.choices = [("", ""), *offers.buyers]
        self.fields["withholding"].widget.choices = [
            ("", offers.own_withholding),
            *Withholding.choices,
        ]
        offer(self, "till", [("", _("None: Digital Invoicing")), *offers.tills], head["till"])
        offer(self, "reason", [(text, text) for text in reasons.REASONS], head["reason"])
        for name in offers.kept_aside:
            self.fields[name].widget = forms.HiddenInput()
            self.initial[name] = head[name]


class LineForm(TypedForm):
    """One row of the editor: what every line says."""

    product = forms.CharField(widget=QuickHidden)
    description = forms.CharField(
        label=_("Product or description"),
        widget=_text(**_search("invoices:product_search")),
    )
    hs_code = forms.CharField(
        label=_("HS code"),
        widget=_text(**_search("invoices:hs_search"), placeholder="0000.0000", maxlength="20"),
    )
    quantity = forms.CharField(label=_("Quantity"), widget=_number())
    unit = forms.CharField(label=_("Unit"), widget=_text(list="units"))
    unit_price = forms.CharField(label=_("Price, Rs"), widget=_number())
    discount = _optional(_("Discount, Rs"), _number())

    def __init__(self, text: editing.Texts, *, place: int | str) -> None:
        super().__init__(initial=dict(text), prefix=f"{editing.PREFIX}-{place}")
        self.fields["description"].widget.attrs["data-value"] = f"id_{self.prefix}-product"
        listed(self, "unit", "invoices:unit_options", "hs_code")


class ParticularsForm(TypedForm):
    """How a line, or a product, is taxed. Which of it is asked depends on the kind of supply."""

    sale_type = forms.CharField(label=_("Kind of supply"), widget=QuickSelect)
    rate = forms.CharField(label=_("Rate"), widget=_text(list="rates"))
    retail_price = _optional(_("Printed retail price, Rs"), _number())
    sro_schedule = _optional(_("SRO or schedule"))
    sro_item = _optional(_("Serial in the SRO"))
    petroleum_levy_on = _optional(_("Petroleum levy on"), QuickSelect())
    further_tax = _optional(_("Further tax, Rs"), _number())
    extra_tax = _optional(_("Extra tax, Rs"), _number())
    withheld = _optional(_("Withheld, Rs"), _number())
    fed_type = _optional(_("Kind of excise"))
    fed_rate = _optional(_("Rate of excise"))
    fed_unit_price = _optional(_("Price of a unit for excise, Rs"), _number())
    fed = _optional(_("Excise, Rs"), _number())
    fed_schedule = _optional(_("SRO or schedule of excise"))
    fed_item = _optional(_("Serial in it"))
    drawn_for = forms.CharField(widget=QuickHidden)

    def __init__(self, text: editing.Texts, *, place: int | str) -> None:
        super().__init__(initial=dict(text), prefix=f"{editing.PREFIX}-{place}")
        offer_particulars(self, text)
        day = {"date": "id_invoice_date"}
        listed(self, "rate", "invoices:rate_options", "sale_type", **day)
        listed(self, "sro_schedule", "invoices:schedule_options", "sale_type", "rate", **day)
        listed(self, "sro_item", "invoices:item_options", schedule=f"id_{self.prefix}-sro_schedule")


def offer_particulars(form: forms.Form, text: Mapping[str, Any]) -> None:
    """The kinds of supply and the levies, with what stands there already."""
    offer(form, "sale_type", list(SaleType.choices), str(text.get("sale_type", "")))
    levies = [("", _("Choose…")), *((word, word) for word in sale_types.LEVIES)]
    offer(form, "petroleum_levy_on", levies, str(text.get("petroleum_levy_on", "")))


def offer(form: forms.Form, name: str, choices: list[tuple[str, Any]], typed: str) -> None:
    """The choices, and beside them what stands there already, so that it is not lost."""
    if typed not in {value for value, _label in choices}:
        choices = [(typed, typed or _("Choose…")), *choices]
    form.fields[name].widget.choices = choices


def listed(form: forms.Form, name: str, url_name: str, *same: str, **others: str) -> None:
    """A text to be chosen from a list of FBR's that depends on other fields.

    same: fields of this form that the list is asked with under their own names.
    others: ids of further fields, by the name in the question.
    """
    asked = {field: f"id_{form.add_prefix(field)}" for field in same} | others
    needs = " ".join(f"{parameter}={ident}" for parameter, ident in asked.items())
    form.fields[name].widget.attrs |= _search(url_name, **{"data-needs": needs})


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
    withholding = forms.CharField(
        label=_("Sales tax withheld by this customer"),
        widget=forms.Select(choices=Withholding.choices),
        help_text=_("Withholding agents keep back sales tax and pay it to FBR themselves."),
    )
    phone = _optional(_("Phone"), _text(type="tel"))
    email = _optional(_("E-mail"), _text(type="email"))


class ProductForm(TypedForm):
    """A product or service, and how it is taxed."""

    name = forms.CharField(label=_("Description"), widget=_text())
    hs_code = forms.CharField(
        label=_("HS code"),
        widget=_text(**_search("invoices:hs_search"), placeholder="0000.0000"),
        help_text=_("Digits of the code, or words such as “cotton yarn”."),
    )
    unit = forms.CharField(label=_("Unit"), widget=_text(list="units"))
    item_code = _optional(_("Your item code"))
    unit_price = _optional(_("Price of one unit"), _number())
    sale_type = forms.CharField(label=_("Kind of supply"), widget=QuickSelect)
    rate = forms.CharField(label=_("Rate"), widget=_text(list="rates"))
    retail_price = _optional(_("Printed retail price, Rs"), _number())
    sro_schedule = _optional(_("SRO or schedule"))
    sro_item = _optional(_("Serial in the SRO"))
    petroleum_levy_on = _optional(_("Petroleum levy on"), QuickSelect())
    no_further_tax = forms.BooleanField(
        label=_("Free of further tax by a notification"), required=False
    )
    fed_type = _optional(_("Kind of excise"))
    fed_rate = _optional(_("Rate of excise"))
    fed_schedule = _optional(_("SRO or schedule of excise"))
    fed_item = _optional(_("Serial in it"))
    drawn_for = forms.CharField(widget=QuickHidden)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        offer_particulars(self, data or initial or {})
        listed(self, "unit", "invoices:unit_options", "hs_code")
        listed(self, "rate", "invoices:rate_options", "sale_type")
        listed(self, "sro_schedule", "invoices:schedule_options", "sale_type", "rate")
        listed(self, "sro_item", "invoices:item_options", schedule="id_sro_schedule")


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
    environment = forms.CharField(widget=forms.HiddenInput)
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
