"""What each fault makes of an answer of the POS service; faults of the wire are elsewhere.

Nothing here records or forgets: the ledger was written before.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fbr.fake import answers
from fbr.fake.answers import Document, Reply
from fbr.fake.pos import answers as pos_answers
from fbr.fake.scene import Scene

SOMETHING: Final = "The bill could not be processed."


def _on_acceptance(change: Callable[[Scene, Document], Document]) -> Callable[[Scene], Reply]:
    """A fault that twists the answer to a recorded bill, and leaves other answers alone."""

    def spoiler(scene: Scene) -> Reply:
        if scene.accepted is None:
            return scene.plain
        return answers.reply(change(scene, dict(scene.accepted)))

    return spoiler


def _with_number(number: Callable[[Scene], Any]) -> Callable[[Scene], Reply]:
    return _on_acceptance(
        lambda scene, document: document | {pos_answers.number_key(document): number(scene)}
    )


def _earlier(scene: Scene) -> Any:
    document = scene.accepted or {}
    return scene.earlier_number or document[pos_answers.number_key(document)]


def _numeric_code(scene: Scene, document: Document) -> Document:
    is_whole = scene.play.params["form"] == "int"
    return document | {"Code": pos_answers.ACCEPTED if is_whole else float(pos_answers.ACCEPTED)}


def _text_code(_scene: Scene, document: Document) -> Document:
    return document | {"Code": str(pos_answers.ACCEPTED)}


def _number_and_refusal(_scene: Scene, document: Document) -> Document:
    words = {"Code": "102", "Response": pos_answers.WORDS[102], "Errors": SOMETHING}
    return document | words


def _errors(scene: Scene) -> Reply:
    """`Errors` in another shape: with words on a refusal, empty on an acceptance."""
    document = json.loads(scene.plain.body)
    if "Code" not in document:
        return scene.plain
    params = scene.play.params
    words = SOMETHING if params["filled"] else ""
    if scene.accepted is None:
        words = document.get("Errors") or SOMETHING
    return answers.reply(pos_answers.with_errors(document, words, params["shape"]))


def _refusal(scene: Scene) -> Reply:
    params = scene.play.params
    return answers.reply(pos_answers.refused(params["code"], SOMETHING, shape=params["shape"]))


def _invalid(_scene: Scene) -> Reply:
    return answers.reply(pos_answers.refused(102, SOMETHING))


SPOILERS: Final[Mapping[str, Callable[[Scene], Reply]]] = {
    "invalid": _invalid,
    "blank_number": _with_number(lambda _scene: ""),
    "null_number": _with_number(lambda _scene: None),
    "repeated_number": _with_number(_earlier),
    "number_and_refusal": _on_acceptance(_number_and_refusal),
    "numeric_status": _on_acceptance(_numeric_code),
    "pos_text_code": _on_acceptance(_text_code),
    "pos_not_available": _with_number(lambda _scene: pos_answers.NOT_AVAILABLE),
    "pos_echoed_usin": _with_number(lambda scene: scene.usin),
    "pos_errors": _errors,
    "pos_refusal": _refusal,
}
