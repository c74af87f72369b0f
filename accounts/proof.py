"""Which e-mail addresses a person has proved to be theirs. allauth keeps the proofs."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import User


def has_proved(user: User, email: str) -> bool:
    """A link that was mailed to `email` was opened by `user`."""
    proofs = EmailAddress.objects.filter(user_id=user.pk, email=email.strip().lower())
    return bool(proofs.filter(verified=True).exists())
