"""Our words for FBR's codes: field of our API, what is wrong, what to do now. Data only.

FBR's own sentences change without notice and are shown beside ours, so nothing here repeats them.
The codes that stand only in FBR's purchase list speak of a purchase.
Source: PRAL DI API v1.12, sales and purchase error codes; REPORTED: integrators, live gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fbr.words import Remedy

Row = tuple[str, Promise, Promise]
Mend = tuple[Remedy, str]

# FBR has several codes for each of these.
_SELLER_NOT_REGISTERED: Final[Row] = (
    "business.ntn_cnic",
    _("FBR sees no active sales tax registration under your own NTN or CNIC."),
    _("Compare the number in your business profile with IRIS; if it is right, have it activated."),
)
_DATE_UNREADABLE: Final[Row] = (
    "invoice_date",
    _("FBR cannot read how the invoice date is written."),
    _("Write year, month and day, like 2026-11-21, and no time."),
)
_NO_SALES_TAX: Final[Row] = (
    "sales_tax",
    _("The line reached FBR without its sales tax."),
    _("Check rate, quantity and price, and send again; the tax is computed from them."),
)
_NO_TAX_WITHHELD: Final[Row] = (
    "withheld",
    _("The line reached FBR without an entry for tax withheld."),
    _("Type 0 if the customer withheld nothing, else the whole sales tax of the line."),
)
_NOTE_TOO_EARLY: Final[Row] = (
    "invoice_date",
    _("The note is older than the invoice it corrects."),
    _("Date the note on the day of that invoice or later."),
)

SALES: Final[Mapping[str, Row]] = {
    "0001": _SELLER_NOT_REGISTERED,
    "0002": (
        "buyer.ntn_cnic",
        _("The customer's NTN or CNIC has the wrong form."),
        _(
            "Write the NTN with 7 characters, without the digit after the dash, or the "
            "CNIC with 13 digits."
        ),
    ),
    "0003": (
        "document_type",
        _("FBR does not take this type of document."),
        _("Choose sale invoice or debit note; FBR takes no credit notes here."),
    ),
    "0005": _DATE_UNREADABLE,
    "0006": (
        "reference",
        _("Tax is withheld against an invoice that FBR does not have."),
        _("Give the FBR number of an accepted invoice, or get the sale accepted first."),
    ),
    "0007": (
        "sale_type",
        _("Neither this document nor your registration allows this kind of supply."),
        _("Choose the kind that matches what was sold and your activities on IRIS."),
    ),
    "0008": (
        "withheld",
        _("FBR takes sales tax withheld only as zero or as the whole sales tax."),
        _("Leave it empty, or type the whole sales tax of the line."),
    ),
    "0009": (
        "buyer.ntn_cnic",
        _("This sale cannot go without the customer's NTN or CNIC."),
        _("Type the number, or mark the customer unregistered if there is none."),
    ),
    "0010": (
        "buyer.name",
        _("The customer's name is missing."),
        _("Choose a customer, or type the name as it stands on FBR's register."),
    ),
    "0011": (
        "document_type",
        _("The document does not say whether it is an invoice or a note."),
        _("Choose sale invoice or debit note."),
    ),
    "0012": (
        "buyer.registration_type",
        _("It is not said whether the customer is registered for sales tax."),
        _("Choose registered or unregistered."),
    ),
    "0013": (
        "sale_type",
        _("FBR does not list this kind of supply."),
        _("Choose the kind of supply from the list."),
    ),
    "0018": (
        "sales_tax",
        _("The line reached FBR without sales tax, or excise in sales tax mode."),
        _("Check rate, quantity and price, and send again; the tax is computed from them."),
    ),
    "0019": (
        "hs_code",
        _("The HS code is missing."),
        _("Choose a code from the tariff list, written like 5205.1100."),
    ),
    "0020": (
        "rate",
        _("The line does not say at which rate it is taxed."),
        _("Choose one that FBR lists for this kind of supply, such as Exempt or 18%."),
    ),
    "0021": (
        "unit_price",
        _("The line lacks its quantity or its value before tax."),
        _("Type a quantity and a unit price above zero."),
    ),
    "0022": _NO_TAX_WITHHELD,
    "0023": _NO_SALES_TAX,
    "0024": _NO_TAX_WITHHELD,
    "0026": (
        "reference",
        _("The debit note does not name the invoice it corrects."),
        _("Open the accepted invoice and make the debit note from there."),
    ),
    "0027": (
        "reason",
        _("The debit note gives no reason."),
        _("Choose one, such as return of goods or change in value of supply."),
    ),
    "0028": (
        "reason",
        _("FBR wants the reason Others explained in words."),
        _("Choose a more exact reason; FBR has not published where those words would go."),
    ),
    "0029": _NOTE_TOO_EARLY,
    "0030": (
        "buyer.registration_type",
        _("Unregistered distributor is not open to a date this early."),
        _("Mark the customer registered or unregistered, or use a later date."),
    ),
    "0031": _NO_SALES_TAX,
    "0032": (
        "document_type",
        _("Only government bodies with a Free Tax Number may report withholding by itself."),
        _("Report the sale as a sale invoice."),
    ),
    "0034": (
        "invoice_date",
        _("More than 180 days lie between the invoice and this note."),
        _("FBR takes no such note here; ask your tax adviser about the Commissioner's approval."),
    ),
    "0035": _NOTE_TOO_EARLY,
    "0036": (
        "unit_price",
        _("All notes on this invoice together come to more than its value."),
        _("Lower quantity or price to what the earlier notes have left."),
    ),
    "0037": (
        "withheld",
        _("The notes take back more withheld tax than the invoice had."),
        _("Lower the tax withheld to what the earlier notes have left."),
    ),
    "0039": (
        "reference",
        _("No sale invoice of this registered customer fits the withholding entry."),
        _("Copy number, customer and amounts from the accepted sale invoice."),
    ),
    "0041": (
        "reference",
        _("The document does not give the number of the invoice it speaks of."),
        _("Type the FBR number of that invoice."),
    ),
    "0042": (
        "invoice_date",
        _("The document has no date."),
        _("Choose the day of the sale."),
    ),
    "0043": (
        "invoice_date",
        _("FBR does not take this date; on its own calendar it may lie in the future."),
        _(
            "Use today's date in Pakistan or an earlier one. If it is between midnight and 5 am, "
            "send again after 5."
        ),
    ),
    "0044": (
        "hs_code",
        _("The HS code is missing, or FBR does not know it."),
        _("Choose a code from the tariff list, written like 5205.1100."),
    ),
    "0046": (
        "rate",
        _("There is no rate, or not one for this kind of supply on this date."),
        _("Choose the rate from the list; exempt goods carry the word Exempt, not 0%."),
    ),
    "0050": (
        "withheld",
        _("On a cotton ginner's supply, tax is withheld wholly or not at all."),
        _("Type 0, or the whole sales tax of the line."),
    ),
    "0052": (
        "hs_code",
        _("This HS code does not go with this kind of supply."),
        _("Change one of the two, so that both fit what was sold."),
    ),
    "0053": (
        "buyer.registration_type",
        _("FBR's register says otherwise about this customer's registration."),
        _("Check the customer on FBR's register, then choose registered or unregistered as there."),
    ),
    "0055": (
        "withheld",
        _("What a withholding agent kept back is missing or is not a number."),
        _("Type the amount in rupees, or 0."),
    ),
    "0056": (
        "buyer.ntn_cnic",
        _("FBR's register does not show this customer in the steel sector."),
        _("Check the customer's number, or choose a kind of supply outside steel."),
    ),
    "0057": (
        "reference",
        _("FBR has no invoice under the number that this note names."),
        _("Copy the FBR number exactly; a sandbox number does not hold in production."),
    ),
    "0058": (
        "buyer.ntn_cnic",
        _("Seller and customer have the same number."),
        _("Check the customer; nobody invoices himself."),
    ),
    "0064": (
        "reference",
        _("FBR already has a note on this invoice."),
        _("Find that note first; do not send this one again."),
    ),
    "0067": (
        "sales_tax",
        _("The note's tax is higher than the tax of the invoice it corrects."),
        _("Lower quantity or price until the tax fits within the invoice's."),
    ),
    "0068": (
        "sales_tax",
        _("The note's tax is lower than the invoice's rate makes it."),
        _("Use the rate that stands on the invoice."),
    ),
    "0070": (
        "withheld",
        _("An unregistered customer cannot withhold sales tax."),
        _("Type 0 as tax withheld, or correct how the customer is registered."),
    ),
    "0071": (
        "document_type",
        _("FBR does not let you make this kind of note on a declared invoice."),
        _("Correct the invoice by a debit note; anything else needs your tax office's consent."),
    ),
    "0073": (
        "business.province",
        _("Your business has no province, or one unknown to FBR."),
        _("Choose it from the list in your business profile."),
    ),
    "0074": (
        "buyer.province",
        _("The customer's province is missing or not one FBR lists."),
        _("Choose the province from the list."),
    ),
    "0077": (
        "sro_schedule",
        _("FBR does not see the SRO or schedule that grants this rate."),
        _("Choose the one listed for the rate; if it was right, send again unchanged once."),
    ),
    "0078": (
        "sro_item",
        _("The serial number within the SRO or schedule is missing."),
        _("Choose the serial number under which your goods stand there."),
    ),
    "0079": (
        "rate",
        _("The rate of five per cent ends at a value of Rs 20,000."),
        _("Choose the rate listed above that value, or check quantity and price."),
    ),
    "0080": (
        "further_tax",
        _("The line reached FBR without an entry for further tax."),
        _("Type the further tax, or 0 where none is due."),
    ),
    "0081": (
        "",
        _("FBR asks for input tax that may not be credited; its interface has no place for it."),
        _("Check the kind of supply; if it is right, ask PRAL's support."),
    ),
    "0082": _SELLER_NOT_REGISTERED,
    "0083": (
        "business.ntn_cnic",
        _("Your number on the invoice is not the one FBR keeps for your token."),
        _("Put the number for which the token was issued into your business profile."),
    ),
    "0085": (
        "unit_price",
        _("Palm fatty acid distillate needs the total of the line, which FBR did not get."),
        _("Check quantity and price, and send again; the total is computed from them."),
    ),
    "0086": (
        "",
        _("Only EFS licence holders who imported compressor scrap within 12 months may sell this."),
        _("Without such a licence, change the kind of supply; with one, ask FBR to record it."),
    ),
    "0087": (
        "",
        _("FBR itself has no usable petroleum levy rate for this sale."),
        _("The invoice is not at fault: ask PRAL's support for the rate, then send again."),
    ),
    "0088": (
        "reference",
        _("FBR does not take every character of the reference number."),
        _("Use letters and digits, and dashes only between them."),
    ),
    "0089": (
        "fed",
        _("This kind of supply needs its federal excise duty."),
        _("Type the duty of the line in rupees."),
    ),
    "0090": (
        "retail_price",
        _("The retail or notified price, on which these goods are taxed, is missing."),
        _("Type that price; it must be above zero."),
    ),
    "0091": (
        "extra_tax",
        _("This kind of supply must not carry extra tax, not even 0."),
        _("Leave extra tax empty."),
    ),
    "0092": (
        "sale_type",
        _("The kind of purchase is missing or not one FBR lists."),
        _("Choose the kind from the list."),
    ),
    "0093": (
        "sale_type",
        _("This kind of supply is closed to manufacturers."),
        _("Choose another kind; if you manufacture nothing, change your activity on IRIS."),
    ),
    "0095": (
        "extra_tax",
        _("This kind of supply needs extra tax."),
        _("Work out the extra tax and type it, in rupees."),
    ),
    "0096": (
        "unit",
        _("FBR counts electricity in kilowatt-hours only."),
        _("Choose KWH as the unit and type the kilowatt-hours as the quantity."),
    ),
    "0097": (
        "unit",
        _("FBR counts these goods in kilograms only."),
        _("Choose KG as the unit and type the weight as the quantity."),
    ),
    "0098": (
        "quantity",
        _("The quantity, or the units of electricity, is missing."),
        _("Type how many were sold."),
    ),
    "0099": (
        "unit",
        _("FBR does not take this unit of measure for the HS code."),
        _("Choose the one FBR lists for the code; if it was right, send again unchanged once."),
    ),
    "0100": (
        "buyer.registration_type",
        _("A cotton ginner's supply must go to a registered customer."),
        _("Choose a registered customer, or another kind of supply."),
    ),
    "0101": (
        "sale_type",
        _("Steel made for somebody else is reported as toll manufacturing."),
        _("Choose toll manufacturing as the kind of supply."),
    ),
    "0102": (
        "sales_tax",
        _("The tax on these Third Schedule goods differs from FBR's own sum."),
        _("Check retail price and rate: here the tax follows the retail price, not your price."),
    ),
    "0103": (
        "sales_tax",
        _("The tax on potassium chlorate differs from FBR's own sum."),
        _("Check value, rate and kilograms: a percentage, and rupees per kilogram on top."),
    ),
    "0104": (
        "sales_tax",
        _("The sales tax differs from FBR's own sum of value times rate."),
        _("Check rate, quantity, price and discount; if all are right, ask our support."),
    ),
    "0105": (
        "sales_tax",
        _("The sales tax differs from FBR's own sum of quantity times rupees per unit."),
        _("Check quantity, unit and rate; if all are right, ask our support."),
    ),
    "0106": (
        "buyer.ntn_cnic",
        _("On FBR's register this customer has no sales tax registration."),
        _(
            "Mark the customer unregistered, or type the number that is registered. A debit note "
            "seems to need a registered customer."
        ),
    ),
    "0107": (
        "buyer.ntn_cnic",
        _("The customer's number differs from the one FBR keeps."),
        _("Check the customer on FBR's register and take the number from there."),
    ),
    "0108": (
        "business.ntn_cnic",
        _("Your own NTN or CNIC has the wrong form."),
        _("Correct it in your business profile: NTN with 7 characters or CNIC with 13 digits."),
    ),
    "0109": (
        "document_type",
        _("This type of document does not fit what it reports."),
        _("A sale goes on a sale invoice; what corrects an earlier one goes on a debit note."),
    ),
    "0111": (
        "sale_type",
        _("What was bought does not go under this kind of purchase."),
        _("Look through the list for the kind that fits."),
    ),
    "0113": _DATE_UNREADABLE,
    "0300": (
        "",
        _("FBR cannot take one of the amounts as a number."),
        _(
            "Find the amount that FBR names and type a plain number: no commas, two decimals for "
            "rupees, four for a quantity."
        ),
    ),
}

AUTH: Final[Mapping[str, Row]] = {
    "0401": (
        "business.ntn_cnic",
        _("Your FBR token does not belong to this NTN or CNIC, or to this environment."),
        _("Store the right token, and check the number in your business profile."),
    ),
    "0402": (
        "buyer.ntn_cnic",
        _("With your token, FBR refuses this customer's NTN or CNIC."),
        _("Check that the NTN has 7 characters or the CNIC 13 digits; then check your token."),
    ),
}

PURCHASE: Final[Mapping[str, Row]] = {
    "0156": (
        "buyer.ntn_cnic",
        _("A party to the purchase has no valid NTN or CNIC."),
        _("Check both numbers, the buyer's and the supplier's."),
    ),
    "0157": (
        "buyer.ntn_cnic",
        _("On FBR's register the buyer of this purchase has no sales tax registration."),
        _("Check the buyer's number; a registered one is needed here."),
    ),
    "0158": (
        "buyer.ntn_cnic",
        _("The buyer's number on the purchase differs from the one FBR keeps."),
        _("Check the buyer on FBR's register and take the number from there."),
    ),
    "0159": (
        "business.ntn_cnic",
        _("A holder of a Free Tax Number cannot be the seller in a purchase."),
        _("Name a supplier who has an ordinary NTN or CNIC."),
    ),
    "0160": (
        "buyer.name",
        _("The purchase does not name its buyer."),
        _("Type the buyer's name as it stands on FBR's register."),
    ),
    "0161": (
        "invoice_date",
        _("The purchase is older than the sale it belongs to."),
        _("Look up when the sale was made and date the purchase no earlier."),
    ),
    "0162": (
        "sale_type",
        _("The purchase has no kind of supply that FBR lists."),
        _("Choose the kind of supply from the list."),
    ),
    "0163": (
        "sale_type",
        _("Buying under this kind of supply is closed to manufacturers."),
        _("Choose another kind; if you manufacture nothing, change your activity on IRIS."),
    ),
    "0164": (
        "unit",
        _("FBR counts bought electricity in kilowatt-hours only."),
        _("Choose KWH as the unit and type the kilowatt-hours as the quantity."),
    ),
    "0165": (
        "unit",
        _("FBR counts these bought goods in kilograms only."),
        _("Choose KG as the unit and type the weight as the quantity."),
    ),
    "0166": (
        "quantity",
        _("The purchase lacks its quantity, or its units of electricity."),
        _("Type how many were bought."),
    ),
    "0167": (
        "unit_price",
        _("The purchase lacks its value before tax."),
        _("Type a quantity and a unit price above zero."),
    ),
    "0168": (
        "buyer.registration_type",
        _("A purchase from a cotton ginner needs a registered buyer."),
        _("Name a registered buyer, or choose another kind of supply."),
    ),
    "0169": (
        "document_type",
        _("Only holders of a Free Tax Number may report withholding without its purchase."),
        _("Report the purchase with its withholding."),
    ),
    "0170": (
        "rate",
        _("On a purchase, too, the rate of five per cent ends at a value of Rs 20,000."),
        _("Choose the rate listed above that value, or check quantity and price."),
    ),
    "0171": (
        "",
        _("Only EFS licence holders who imported compressor scrap within 12 months may buy this."),
        _("Without such a licence, change the kind of supply; with one, ask FBR to record it."),
    ),
    "0172": (
        "",
        _("FBR itself has no usable petroleum levy rate for this purchase."),
        _("The document is not at fault: ask PRAL's support for the rate, then send again."),
    ),
    "0173": (
        "reference",
        _("The purchase's invoice number has a character that FBR does not take."),
        _("Use letters and digits, and dashes only between them."),
    ),
    "0174": (
        "sales_tax",
        _("The purchase lacks its sales tax."),
        _("Copy it from the supplier's invoice, in rupees."),
    ),
    "0175": (
        "retail_price",
        _("The purchase lacks its retail or notified price."),
        _("Type that price; it must be above zero."),
    ),
    "0176": (
        "withheld",
        _("The purchase lacks an entry for tax withheld."),
        _("Type the tax withheld, or 0."),
    ),
    "0177": (
        "further_tax",
        _("The purchase lacks an entry for further tax."),
        _("Type the further tax on the supplier's invoice, or 0."),
    ),
}

REPORTED: Final[Mapping[str, Row]] = {
    "0059": (
        "retail_price",
        _("The notified value lies below FBR's floor for these goods."),
        _("Type at least the value that FBR has notified."),
    ),
    "0060": (
        "unit",
        _("The rate is per square yard, but the unit is another one."),
        _("Choose SqY as the unit, or another rate."),
    ),
    "0061": (
        "unit",
        _("The rate is per bill of lading, but the unit is another one."),
        _("Choose Bill of lading as the unit, or another rate."),
    ),
    "0062": (
        "unit",
        _("FBR counts steel melting and re-rolling in metric tons only."),
        _("Choose MT as the unit and type the tons as the quantity."),
    ),
    "0129": (
        "petroleum_levy_on",
        _("The line does not say on what the petroleum levy is charged."),
        _("Fill in the basis of the petroleum levy on this line."),
    ),
    "0203": (
        "scenario",
        _("FBR has not given you this sandbox scenario."),
        _("Choose one that IRIS lists for your activity and sector."),
    ),
    "0204": (
        "sale_type",
        _("The kind of supply is not that of the sandbox scenario."),
        _("Empty the scenario, and the one for this kind is taken; or change the kind of supply."),
    ),
    "0205": (
        "scenario",
        _("This sandbox scenario works only with a customer registered at FBR."),
        _("Take a registered customer, or empty the scenario: one for unregistered ones is taken."),
    ),
    "0302": (
        "",
        _("An amount has more decimals than FBR takes."),
        _("Keep two decimals for rupees and four for a quantity."),
    ),
    "0553": (
        "buyer.registration_type",
        _("FBR most likely means the customer's registration, its code 0053."),
        _("Check the customer on FBR's register, then choose registered or unregistered as there."),
    ),
}

# What mends the document in one step, and the text it puts into the field (`words.Remedy`).
# With another unit the quantity has to be looked at too: the words of the fix say so.
REMEDIES: Final[Mapping[str, Mend]] = {
    "0022": ("set_withheld_zero", "0"),
    "0024": ("set_withheld_zero", "0"),
    "0042": ("set_today", ""),
    "0043": ("set_today", ""),
    "0055": ("set_withheld_zero", "0"),
    "0060": ("set_unit", "SqY"),
    "0061": ("set_unit", "Bill of lading"),
    "0062": ("set_unit", "MT"),
    "0070": ("set_withheld_zero", "0"),
    "0077": ("send_again", ""),
    "0091": ("clear_extra_tax", ""),
    "0096": ("set_unit", "KWH"),
    "0097": ("set_unit", "KG"),
    "0099": ("send_again", ""),
    "0101": ("set_sale_type", "Toll Manufacturing"),
    "0204": ("clear_scenario", ""),
    "0205": ("clear_scenario", ""),
}

# FBR's names of the boxes that a code about any amount may mean, and ours.
BOXES: Final[Mapping[str, str]] = {
    "discount": "discount",
    "extraTax": "extra_tax",
    "fedPayable": "fed",
    "fixedNotifiedValueOrRetailPrice": "retail_price",
    "furtherTax": "further_tax",
    "quantity": "quantity",
    "salesTaxApplicable": "sales_tax",
    "salesTaxWithheldAtSource": "withheld",
    "totalValues": "unit_price",
    "valueSalesExcludingST": "unit_price",
}
NAMES_ITS_BOX: Final = frozenset({"0300", "0302"})
