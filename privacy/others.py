"""What tables of other people's packages hold, in the words of our own models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from smartinvoicing.classified import Category, OnErase, Recipient, Retention, Use


@dataclass(frozen=True, kw_only=True)
class Said:
    """A `class Privacy` for a model that is not ours."""

    retention: Retention
    subject: str = "none"
    basis: str = "none"
    personal: Mapping[str, Category]
    plain: tuple[str, ...]
    subjects: Mapping[str, str] | None = None
    purposes: tuple[Use, ...] | None = None
    on_erase: OnErase | Mapping[str, OnErase] | None = None
    export: bool | Mapping[str, bool] | None = None
    recipients: Mapping[str, tuple[Recipient, ...]] | None = None


def _frame(*plain: str) -> Said:
    """Of the framework itself: about nobody."""
    return Said(retention=Retention.REFERENCE, personal={}, plain=plain)


def _visit(*plain: str, **more: Category) -> Said:
    """A sign-in, tried or done."""
    return Said(
        retention=Retention.SEC,
        subject="visitor",
        basis="legitimate interest",
        personal={
            "username": Category.CONTACT,
            "ip_address": Category.TECHNICAL,
            "user_agent": Category.TECHNICAL,
            **more,
        },
        plain=("id", "http_accept", "path_info", "attempt_time", *plain),
    )


def _right(what: str) -> Said:
    """Which groups and rights of Django a person of ours has. Our roles stand elsewhere."""
    return Said(
        retention=Retention.ACC,
        subject="staff",
        basis="legitimate interest",
        personal={"user": Category.IDENTITY},
        plain=("id", what),
    )


# By model label, each of its fields.
MODELS: Final[Mapping[str, Said]] = {
    "account.EmailAddress": Said(
        retention=Retention.ACC,
        subject="user",
        basis="contract",
        personal={"user": Category.IDENTITY, "email": Category.CONTACT},
        plain=("id", "verified", "primary"),
        recipients={"email": (Recipient.HOSTING, Recipient.MAIL)},
    ),
    "account.EmailConfirmation": Said(
        retention=Retention.TMP,
        subject="user",
        basis="contract",
        personal={"email_address": Category.IDENTITY, "key": Category.CREDENTIAL},
        plain=("id", "created", "sent"),
    ),
    "accounts.User_groups": _right("group"),
    "accounts.User_user_permissions": _right("permission"),
    "admin.LogEntry": Said(
        retention=Retention.REG,
        subject="staff",
        basis="legitimate interest",
        personal={
            "user": Category.IDENTITY,
            "object_repr": Category.CONTENT,
            "change_message": Category.CONTENT,
        },
        plain=("id", "action_time", "content_type", "object_id", "action_flag"),
        on_erase={"object_repr": OnErase.DELETE, "change_message": OnErase.DELETE},
    ),
    "auth.Group": _frame("id", "name", "permissions"),
    "auth.Group_permissions": _frame("id", "group", "permission"),
    "auth.Permission": _frame("id", "name", "content_type", "codename"),
    "axes.AccessAttempt": _visit(
        "failures_since_start", get_data=Category.CONTENT, post_data=Category.CONTENT
    ),
    "axes.AccessAttemptExpiration": _frame("access_attempt", "expires_at"),
    "axes.AccessFailureLog": _visit("locked_out"),
    "axes.AccessLog": _visit("logout_time", session_hash=Category.CREDENTIAL),
    "contenttypes.ContentType": _frame("id", "app_label", "model"),
    "mfa.Authenticator": Said(
        retention=Retention.ACC,
        subject="user",
        basis="contract",
        personal={"user": Category.IDENTITY, "data": Category.CREDENTIAL},
        plain=("id", "type", "created_at", "last_used_at"),
        purposes=(Use.SECURITY,),
    ),
    "sessions.Session": Said(
        retention=Retention.TMP,
        subject="user",
        basis="contract",
        personal={"session_key": Category.CREDENTIAL, "session_data": Category.CREDENTIAL},
        plain=("expire_date",),
        purposes=(Use.SECURITY,),
    ),
    "usersessions.UserSession": Said(
        retention=Retention.SEC,
        subject="user",
        basis="legitimate interest",
        personal={
            "user": Category.IDENTITY,
            "ip": Category.TECHNICAL,
            "user_agent": Category.TECHNICAL,
            "session_key": Category.CREDENTIAL,
            "data": Category.TECHNICAL,
        },
        plain=("id", "created_at", "last_seen_at"),
    ),
}

# Tables without a model, and without a word about anybody.
BARE: Final = frozenset({"django_migrations"})


def said_of(label: str) -> Any:
    """The words about one model; None where nobody has said anything."""
    return MODELS.get(label)
