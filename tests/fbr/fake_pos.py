"""A POS bill that the fake FBR accepts, for the tests of its POS service."""

from tests.fbr.fake_client import ask, changed

SANDBOX = "/FBR/v1/api/Live/PostData"
PRODUCTION = "/imsp/v1/api/Live/PostData"
SANDBOX_TOKEN = "demo-pos-sandbox-token-0000-817001"
PRODUCTION_TOKEN = "demo-pos-production-token-0000-917001"


def article(**changes):
    line = {
        "ItemCode": "SKU-1",
        "ItemName": "Cotton yarn",
        "PCTCode": "52051100",
        "Quantity": 1,
        "TaxRate": 18,
        "SaleValue": 1000,
        "Discount": 0,
        "FurtherTax": 0,
        "TaxCharged": 180,
        "TotalAmount": 1180,
        "InvoiceType": 1,
        "RefUSIN": None,
    }
    return changed(line, changes)


def bill(*articles, **changes):
    header = {
        "InvoiceNumber": "",
        "POSID": 817001,
        "USIN": "B-1",
        "RefUSIN": None,
        "DateTime": "2026-11-21 12:00:00",
        "BuyerName": "",
        "BuyerNTN": "",
        "BuyerCNIC": "",
        "BuyerPhoneNumber": "",
        "TotalSaleValue": 1000,
        "TotalQuantity": 1,
        "TotalTaxCharged": 180,
        "Discount": 0,
        "FurtherTax": 0,
        "TotalBillAmount": 1180,
        "PaymentMode": 1,
        "InvoiceType": 1,
        "Items": list(articles) or [article()],
    }
    return changed(header, changes)


def post(fbr, body, path=SANDBOX, token=SANDBOX_TOKEN, **more):
    """Post a bill; status, and the raw body."""
    status, _, raw = ask(fbr, "POST", path, body, token, **more)
    return status, raw
