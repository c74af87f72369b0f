"""What each fault makes of the answer that FBR would have given.

Nothing here records or forgets: the ledger was written before.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from fbr.fake import answers
from fbr.fake.answers import Document, Manner, Reply
from fbr.fake.pos import spoiling as pos_spoiling
from fbr.fake.refusals import Refusal
from fbr.fake.scene import Scene


def spoil(scene: Scene) -> Reply:
    """The reply that goes out under the fault; a fault of the other service spoils nothing."""
    bodies = pos_spoiling.SPOILERS if scene.is_bill else _BODIES
    fault = scene.play.fault
    return (bodies.get(fault) or _WIRE.get(fault) or _plain)(scene)


def _plain(scene: Scene) -> Reply:
    return scene.plain


def _drip(scene: Scene) -> Reply:
    params = scene.play.params
    return replace(
        scene.plain,
        manner=Manner.DRIP,
        piece=max(1, params["piece_bytes"]),
        pause_s=params["every_ms"] / 1000,
    )


def _flood(scene: Scene) -> Reply:
    length = scene.play.params["bytes"]
    return replace(scene.plain, manner=Manner.FLOOD, length=length, body=b"")


def _silence(scene: Scene) -> Reply:
    pause_s = scene.play.params["for_ms"] / 1000
    return Reply(status=None, manner=Manner.SILENCE, pause_s=pause_s)


def _reset(_scene: Scene) -> Reply:
    return Reply(status=None, manner=Manner.RESET)


def _close(_scene: Scene) -> Reply:
    return Reply(status=None, manner=Manner.CLOSE)


def _page(scene: Scene) -> Reply:
    status = 200 if scene.play.fault == "html_200" else int(scene.play.fault)
    return answers.html(status)


def _empty(_scene: Scene) -> Reply:
    return Reply(status=200)


def _list(_scene: Scene) -> Reply:
    return answers.reply(["Valid"])


def _half(scene: Scene) -> Reply:
    whole = scene.plain.body
    is_cut = scene.play.params["transfer"]
    manner = Manner.CUT if is_cut else Manner.SEND
    return replace(scene.plain, body=whole[: len(whole) // 2], manner=manner, length=len(whole))


def _report(scene: Scene) -> Reply:
    return answers.report(int(scene.play.fault))


def _unauthorized(_scene: Scene) -> Reply:
    return answers.fault(900901)


def _forbidden(_scene: Scene) -> Reply:
    return answers.fault(900908)


def _throttled(scene: Scene) -> Reply:
    after = scene.play.params["retry_after"]
    headers = (("Retry-After", after),) if after else ()
    return replace(answers.fault(900802), headers=headers)


def _gateway_fault(scene: Scene) -> Reply:
    params = scene.play.params
    return answers.fault(params["code"], status=params["status"] or None, in_xml=params["xml"])


def _invalid(scene: Scene) -> Reply:
    params = scene.play.params
    refusal = Refusal(params["code"])
    if params["line"]:
        lines = _refused_at(params["line"], refusal, scene.lines)
        return answers.reply(answers.refused_lines(lines, dated=scene.dated, outer=params["outer"]))
    document = answers.refused(refusal, dated=scene.dated)
    if params["statuses"] == "missing":
        del document["validationResponse"]["invoiceStatuses"]
    if params["statuses"] == "empty":
        document["validationResponse"]["invoiceStatuses"] = []
    return answers.reply(document)


def _refused_at(line: int, refusal: Refusal, lines: int) -> list[Refusal | None]:
    return [refusal if number == min(line, lines) else None for number in range(1, lines + 1)]


def _on_acceptance(change: Callable[[Scene, Document], None]) -> Callable[[Scene], Reply]:
    """A fault that twists the answer to a recorded invoice, and leaves other answers alone."""

    def spoiler(scene: Scene) -> Reply:
        if scene.accepted is None:
            return scene.plain
        document = copy.deepcopy(scene.accepted)
        change(scene, document)
        return answers.reply(document)

    return spoiler


def _blank_number(_scene: Scene, document: Document) -> None:
    document["invoiceNumber"] = ""


def _null_number(_scene: Scene, document: Document) -> None:
    document["invoiceNumber"] = None


def _repeated_number(scene: Scene, document: Document) -> None:
    number = scene.earlier_number or document["invoiceNumber"]
    document["invoiceNumber"] = number
    for line, status in enumerate(document["validationResponse"]["invoiceStatuses"], start=1):
        status["invoiceNo"] = f"{number}-{line}"


def _missing_lines(_scene: Scene, document: Document) -> None:
    document["validationResponse"]["invoiceStatuses"].pop()


def _number_and_refusal(scene: Scene, document: Document) -> None:
    params = scene.play.params
    refusal = Refusal(params["code"])
    if params["line"]:
        lines = _refused_at(params["line"], refusal, scene.lines)
        document |= answers.refused_lines(lines, dated=scene.dated)
    else:
        document |= answers.refused(refusal, dated=scene.dated)


def _numeric_status(scene: Scene, document: Document) -> None:
    code = 0 if scene.play.params["form"] == "int" else 0.0
    validation = document["validationResponse"]
    validation["statusCode"] = code
    for line, status in enumerate(validation["invoiceStatuses"], start=1):
        status |= {"itemSNo": line, "statusCode": code, "errorCode": None}


_WIRE: Final[Mapping[str, Callable[[Scene], Reply]]] = {
    **dict.fromkeys(("ok", "slow", "latency_ramp"), _plain),
    **dict.fromkeys(("accept_then_silence", "silence"), _silence),
    **dict.fromkeys(("accept_then_reset", "reset_before"), _reset),
    **dict.fromkeys(("accept_then_close", "tls_abort"), _close),
    **dict.fromkeys(("html_200", "500", "502", "503", "504"), _page),
    **dict.fromkeys(("400", "404", "405", "413", "415"), _report),
    "401": _unauthorized,
    "403": _forbidden,
    "429": _throttled,
    "drip": _drip,
    "big_body": _flood,
    "empty_200": _empty,
    "not_an_object": _list,
    "half_json": _half,
    "gateway_fault": _gateway_fault,
}
_BODIES: Final[Mapping[str, Callable[[Scene], Reply]]] = {
    "invalid": _invalid,
    "blank_number": _on_acceptance(_blank_number),
    "null_number": _on_acceptance(_null_number),
    "repeated_number": _on_acceptance(_repeated_number),
    "missing_lines": _on_acceptance(_missing_lines),
    "number_and_refusal": _on_acceptance(_number_and_refusal),
    "numeric_status": _on_acceptance(_numeric_status),
}
