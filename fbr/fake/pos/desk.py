"""The desk of the POS service: whose bill it is, whether it stands, and under which number."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fbr.fake import answers
from fbr.fake.answers import Document, Reply
from fbr.fake.document import Fields, Malformed, read
from fbr.fake.faults import POS_BARE_INTEGER, Play
from fbr.fake.ledger import Bill, Request
from fbr.fake.manners import GROSS_LINE, TWENTY_DIGITS, Manners
from fbr.fake.pos import answers as pos_answers
from fbr.fake.pos.numbers import fiscal_number, variety
from fbr.fake.pos.rules import BillCase, History, judge
from fbr.fake.register import SANDBOX, Holder, Till


def addressed(request: Request, holder: Holder | None) -> Request:
    """The request with what its body tells of till and bill, for the ledger; right or wrong."""
    try:
        fields = read(request.body)
    except Malformed:
        return request
    number, usin = fields.number("POSID"), fields.raw("USIN")
    pos_id = int(number) if number is not None else None
    till = holder.tills.get(pos_id) if holder and pos_id is not None else None
    return replace(
        request,
        pos_id=pos_id,
        usin=usin if isinstance(usin, str) else None,
        seller=till.seller if till else request.seller,
    )


def judged(
    fields: Fields,
    *,
    tills: Mapping[int, Till],
    environment: str,
    manners: Manners,
    history: History,
) -> tuple[Reply, Bill | None]:
    """The refusal of a bill, or the bill to record."""
    case = BillCase(
        fields=fields,
        tills=tills,
        environment=environment,
        is_gross=manners.pos_amounts == GROSS_LINE,
        history=history,
    )
    refusal = judge(case)
    if refusal:
        document = pos_answers.refused(
            refusal.code,
            refusal.errors,
            shape="text" if refusal.errors else "null",
            as_number=manners.pos_code == "int",
        )
        return answers.reply(document), None
    # FBR has no key for a bill: the same USIN twice is recorded twice.
    return answers.reply({}), case.bill()


def manners_of(manners: Manners, play: Play | None) -> Manners:
    """The manners of one answer, under a fault that chooses some of them."""
    if play is None or play.fault != POS_BARE_INTEGER:
        return manners
    return replace(manners, pos_number=TWENTY_DIGITS, pos_answer=pos_answers.INTEGER)


def numbered(bill: Bill, *, serial: int, at: datetime, manners: Manners) -> tuple[str, Document]:
    """A fiscal number for a bill, at Pakistan time `at`, and the answer that gives it."""
    form, answer, code = variety(manners, serial)
    number = fiscal_number(
        form, pos_id=bill.pos_id, at=at, serial=serial, is_test=bill.environment == SANDBOX
    )
    given = pos_answers.ACCEPTED if code == "int" else str(pos_answers.ACCEPTED)
    return number, pos_answers.accepted(number=number, form=answer, code=given)
