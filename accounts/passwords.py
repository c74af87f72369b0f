"""What a password must be: long. Source: security contract 2; OWASP ASVS 5.0, 6.2."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

SHORTEST: Final = 12
LONGEST: Final = 128
_PRODUCT: Final = ("smartinvoicing", "smart invoicing")


class LengthBetween:
    def validate(self, password: str, user: Any = None) -> None:
        if not SHORTEST <= len(password) <= LONGEST:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        return _("Use %(least)d to %(most)d characters; a sentence is easiest to remember.") % {
            "least": SHORTEST,
            "most": LONGEST,
        }


class NoProductWords:
    def validate(self, password: str, user: Any = None) -> None:
        if any(word in password.lower() for word in _PRODUCT):
            raise ValidationError(self.get_help_text(), code="password_product_word")

    def get_help_text(self) -> str:
        return _("Do not use the name of this service in your password.")
