"""What allauth asks us: where to go, how addresses and secrets are written, when a mail leaves."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from axes.helpers import get_client_ip_address
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import policies, policy_gate, selectors
from accounts.models import AnswerChannel, User
from smartinvoicing import clock, crypto

# A person is of no one business.
_SECRETS: Final = {"tenant_id": "", "place": "mfa_authenticator/data"}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's answers, where the house has others."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """A member goes to work, our people to their desk; who has no business yet opens one."""
        if request.user.is_authenticated and request.user.is_staff:
            return reverse("admin:index")
        if request.user.is_authenticated and selectors.memberships_of(request.user.pk):
            return reverse("invoices:dashboard")
        return reverse("accounts:welcome")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return self.get_login_redirect_url(request)

    def clean_email(self, email: str) -> str:
        cleaned: str = super().clean_email(email.strip().lower())
        return cleaned

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody can accept what is not published."""
        return bool(policies.to_accept("", clock.now()))

    @transaction.atomic
    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Make the account, with the name and the acceptances that the form asks for."""
        user.name = form.cleaned_data.get("name", "")
        saved: User = super().save_user(request, user, form, commit)
        for version in form.versions:
            policies.accept(
                saved,
                version,
                at=clock.now(),
                address=get_client_ip_address(request) or "",
                channel=AnswerChannel.SIGN_UP,
            )
        return saved

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, and note whether a text of ours has changed meanwhile."""
        super().login(request, user)
        policy_gate.note(request, user, at=clock.now())

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """After the commit: a slow mail server holds no transaction open, no mail tells of what
        was rolled back, and the answer is the same whether or not the mail could leave.
        """
        known = {
            "request": self.request,
            "email": email,
            "current_site": get_current_site(self.request),
        }
        message = self.render_mail(template_prefix, email, known | context)
        transaction.on_commit(message.send, robust=True)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals what the codes of second factors are made from, before allauth stores it."""

    def encrypt(self, text: str) -> str:
        return b64encode(crypto.seal(text, **_SECRETS)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What `encrypt` was given.

        Raises: CannotOpen when no key of this installation fits.
        """
        return crypto.unseal(b64decode(encrypted_text), **_SECRETS)
