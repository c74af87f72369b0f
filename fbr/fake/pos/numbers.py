"""The fiscal numbers that the POS service gives, in the forms seen.

Every form begins with the POSID and tells the moment; the serial makes it differ from the others.
"""

from datetime import datetime
from itertools import product
from typing import Final

from fbr.fake.manners import LETTERS, TWENTY_DIGITS, VARIED, Manners
from fbr.fake.pos.answers import COMPONENT, INTEGER, TEXT

TEST_MARK: Final = "*test*"

_FIRST_YEAR: Final = 2021
_PLAIN_DAYS: Final = 6
# What FBR varies from bill to bill: form of the number, of the answer, of the code.
_VARIETIES: Final = tuple(
    (number, answer, code)
    for number, answer, code in product(
        (LETTERS, TWENTY_DIGITS), (COMPONENT, INTEGER, TEXT), ("text", "int")
    )
    if (number, answer) != (LETTERS, INTEGER)
)


def variety(manners: Manners, serial: int) -> tuple[str, str, str]:
    """How bill `serial` is answered: form of its number, of the answer, of the code."""
    wanted = (manners.pos_number, manners.pos_answer, manners.pos_code)
    known = [
        tuple(wish if wish != VARIED else given for wish, given in zip(wanted, given_, strict=True))
        for given_ in _VARIETIES
    ]
    fitting = [one for one in known if one[:2] != (LETTERS, INTEGER)]
    number, answer, code = fitting[serial % len(fitting)]
    return number, answer, code


def fiscal_number(form: str, *, pos_id: int, at: datetime, serial: int, is_test: bool) -> str:
    """The number of one bill, at Pakistan time `at`."""
    if form == TWENTY_DIGITS:
        return f"{pos_id}{at:%Y%m%d}{serial % 10**6:06d}"
    if form != LETTERS:
        return f"{pos_id}{at:%y%m%d%H%M%S}{serial % 1000:03d}"
    day = str(at.day) if at.day <= _PLAIN_DAYS else _letter(at.day - _PLAIN_DAYS)
    hour = _letter(at.hour) if at.hour else "0"
    when = f"{_letter(at.year - _FIRST_YEAR + 1)}{_letter(at.month)}{day}{hour}"
    number = f"{pos_id}{when}{at.minute}{at.second}{serial % 10**6:06d}"
    return number + TEST_MARK if is_test else number


def _letter(position: int) -> str:
    """1 is A."""
    return chr(ord("A") + position - 1)
