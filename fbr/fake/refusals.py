"""One reason to refuse, by FBR's code, with FBR's text for it."""

from dataclasses import dataclass

from fbr.fake import lists


@dataclass(frozen=True)
class Refusal:
    """A code of FBR's table, and the box it is about where the text should name it."""

    code: str
    field: str = ""

    @property
    def message(self) -> str:
        """FBR's wording, with the name of the box after it."""
        text = lists.CODES.get(self.code, "Refused.")
        return f"{text} {self.field}" if self.field else text
