"""The two lookups of a taxpayer, which take a JSON body.

Source: PRAL DI API v1.12, sections 5.11 (statl) and 5.12 (Get_Reg_Type).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from fbr.fake.answers import Document
from fbr.fake.document import Fields, Malformed
from fbr.fake.register import Register

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _status(fields: Fields, register: Register) -> Document:
    if not _DATE.fullmatch(fields.text("date")):
        raise Malformed("date must be yyyy-MM-dd")
    number = fields.text("regno")
    if register.is_active(number):
        return {"status code": "00", "status": "Active"}
    code = "02" if register.is_registered(number) else "01"
    return {"status code": code, "status": "In-Active"}


def _registration(fields: Fields, register: Register) -> Document:
    number = fields.text("Registration_No")
    is_registered = register.is_registered(number)
    return {
        "statuscode": "00" if is_registered else "01",
        "REGISTRATION_NO": number,
        "REGISTRATION_TYPE": "Registered" if is_registered else "unregistered",
    }


LOOKUPS: Final[Mapping[str, Callable[[Fields, Register], Document]]] = {
    "/dist/v1/statl": _status,
    "/dist/v1/Get_Reg_Type": _registration,
}
