"""A lawful body for each of the 28 sandbox scenarios, with the code, rate and SRO of its sample.

Source: PRAL "DI Scenarios Description" v1.11. Ours where the sample is filler or is reported to be
refused: the true total, a value above zero (SN008, SN027), an empty extra tax where 0091 asks for
it, no withheld tax that is neither nothing nor the whole, an unregistered consumer (SN026 to
SN028), petroleum's own code, unit and levy (SN012).
"""

from tests.fbr.fake_client import GONE, invoice, item

STEEL = {"uoM": "MT", "valueSalesExcludingST": 205000, "salesTaxApplicable": 36900}
EIGHTH = {"sroScheduleNo": "EIGHTH SCHEDULE Table 1"}
THIRD = {"saleType": "3rd Schedule Goods"}
REDUCED = {"saleType": "Goods at Reduced Rate", "rate": "1%", "extraTax": "", **EIGHTH}
PETROLEUM_SRO = {"sroScheduleNo": "1450(I)/2021", "sroItemSerialNo": "4"}

REGISTERED = {"SN001", "SN006", "SN009"}

# Scenario -> what its line changes in the line of `item()`: 1000 at 18%.
LINES = {
    "SN001": {"quantity": 400, "totalValues": 1180},
    "SN002": {"quantity": 400, "furtherTax": 40, "totalValues": 1220},
    "SN003": {
        "saleType": "Steel melting and re-rolling",
        "hsCode": "7214.1010",
        "totalValues": 241900,
        **STEEL,
    },
    "SN004": {
        "saleType": "Ship breaking",
        "hsCode": "7204.1010",
        "uoM": "MT",
        "valueSalesExcludingST": 175000,
        "salesTaxApplicable": 31500,
        "totalValues": 206500,
    },
    "SN005": {
        "hsCode": "0102.2930",
        "salesTaxApplicable": 10,
        "sroItemSerialNo": "82",
        "totalValues": 1010,
        **REDUCED,
    },
    "SN006": {
        "saleType": "Exempt goods",
        "rate": "Exempt",
        "hsCode": "0102.2930",
        "valueSalesExcludingST": 10,
        "salesTaxApplicable": 0,
        "extraTax": "",
        "sroScheduleNo": "6th Schd Table I",
        "sroItemSerialNo": "100",
        "totalValues": 10,
    },
    "SN007": {
        "saleType": "Goods at zero-rate",
        "rate": "0%",
        "quantity": 100,
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 0,
        "extraTax": "",
        "sroScheduleNo": "327(I)/2008",
        "sroItemSerialNo": "1",
        "totalValues": 100,
    },
    "SN008": {
        "quantity": 100,
        "valueSalesExcludingST": "#847.46",
        "fixedNotifiedValueOrRetailPrice": 1000,
        "totalValues": "#1027.46",
        **THIRD,
    },
    "SN009": {
        "saleType": "Cotton ginners",
        "quantity": 0,
        "valueSalesExcludingST": 2500,
        "salesTaxApplicable": 450,
        "extraTax": "",
        "totalValues": 2950,
    },
    "SN010": {
        "saleType": "Telecommunication services",
        "rate": "17%",
        "quantity": 1000,
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 17,
        "totalValues": 117,
    },
    "SN011": {
        "saleType": "Toll Manufacturing",
        "hsCode": "7214.9990",
        "totalValues": 241900,
        **STEEL,
    },
    "SN012": {
        "saleType": "Petroleum Products",
        "hsCode": "2710.1210",
        "uoM": "Liter",
        "rate": "1.43%",
        "quantity": 123,
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": "#1.43",
        "petroleumLevyOn": "Value",
        "totalValues": "#101.43",
        **PETROLEUM_SRO,
    },
    "SN013": {
        "saleType": "Electricity Supply to Retailers",
        "rate": "5%",
        "quantity": 123,
        "salesTaxApplicable": 50,
        "totalValues": 1050,
        **PETROLEUM_SRO,
    },
    "SN014": {"saleType": "Gas to CNG stations", "quantity": 123, "totalValues": 1180},
    "SN015": {
        "saleType": "Mobile Phones",
        "quantity": 123,
        "valueSalesExcludingST": 1234,
        "salesTaxApplicable": "#222.12",
        "sroScheduleNo": "NINTH SCHEDULE",
        "sroItemSerialNo": "1(A)",
        "totalValues": "#1456.12",
    },
    "SN016": {
        "saleType": "Processing/Conversion of Goods",
        "rate": "5%",
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 5,
        "totalValues": 105,
    },
    "SN017": {
        "saleType": "Goods (FED in ST Mode)",
        "rate": "8%",
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 8,
        "totalValues": 108,
    },
    "SN018": {
        "saleType": "Services (FED in ST Mode)",
        "rate": "8%",
        "quantity": 20,
        "salesTaxApplicable": 80,
        "totalValues": 1080,
    },
    "SN019": {
        "saleType": "Services",
        "hsCode": "0101.2900",
        "rate": "5%",
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 5,
        "sroScheduleNo": "ICTO TABLE I",
        "sroItemSerialNo": "1(ii)(ii)(a)",
        "totalValues": 105,
    },
    "SN020": {
        "saleType": "Electric Vehicle",
        "hsCode": "0101.2900",
        "rate": "1%",
        "quantity": 122,
        "salesTaxApplicable": 10,
        "sroScheduleNo": "6th Schd Table III",
        "sroItemSerialNo": "20",
        "totalValues": 1010,
    },
    "SN021": {
        "saleType": "Cement /Concrete Block",
        "rate": "Rs.3",
        "quantity": 12,
        "valueSalesExcludingST": 123,
        "salesTaxApplicable": 36,
        "totalValues": 159,
    },
    "SN022": {
        "saleType": "Potassium Chlorate",
        "hsCode": "3104.2000",
        "rate": "18% along with rupees 60 per kilogram",
        "uoM": "KG",
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 78,
        "sroItemSerialNo": "56",
        "totalValues": 178,
        **EIGHTH,
    },
    "SN023": {
        "saleType": "CNG Sales",
        "rate": "Rs.200",
        "quantity": 123,
        "valueSalesExcludingST": 234,
        "salesTaxApplicable": 24600,
        "sroScheduleNo": "581(1)/2024",
        "sroItemSerialNo": "Region-I",
        "totalValues": 24834,
    },
    "SN024": {
        "saleType": "Goods as per SRO.297(|)/2023",
        "rate": "25%",
        "quantity": 123,
        "salesTaxApplicable": 250,
        "sroScheduleNo": "297(I)/2023-Table-I",
        "sroItemSerialNo": "12",
        "totalValues": 1250,
    },
    "SN025": {
        "saleType": "Non-Adjustable Supplies",
        "rate": "0%",
        "valueSalesExcludingST": 100,
        "salesTaxApplicable": 0,
        "sroItemSerialNo": "81",
        "totalValues": 100,
        **EIGHTH,
    },
    "SN026": {"quantity": 123, "totalValues": 1180},
    "SN027": {
        "valueSalesExcludingST": "#84.75",
        "fixedNotifiedValueOrRetailPrice": 100,
        "salesTaxApplicable": 18,
        "totalValues": "#102.75",
        **THIRD,
    },
    "SN028": {
        "valueSalesExcludingST": "#99.01",
        "fixedNotifiedValueOrRetailPrice": 100,
        "salesTaxApplicable": "#0.99",
        "sroItemSerialNo": "70",
        "totalValues": 100,
        **REDUCED,
    },
}

# What FBR answers to a sales tax that is wrong, where it is not 0104.
TAX_CODES = {
    **dict.fromkeys(("SN008", "SN027"), "0102"),
    "SN022": "0103",
    **dict.fromkeys(("SN021", "SN023"), "0105"),
}


def body(scenario, line_changes=None, **changes):
    """The lawful body of a scenario, with changes in its line and its header."""
    buyer = {"buyerRegistrationType": "Unregistered", "buyerNTNCNIC": GONE}
    buyer = {} if scenario in REGISTERED else buyer
    line = item(**LINES[scenario] | (line_changes or {}))
    return invoice(line, scenarioId=scenario, **buyer | changes)
