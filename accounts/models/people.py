"""People, and the businesses they work in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.tenancy import TenantModel
from smartinvoicing import clock
from smartinvoicing.classified import Category, Mask, OnErase, Recipient, Retention
from smartinvoicing.ids import uuid7


class People(BaseUserManager["User"]):
    """Makes users by e-mail address; one address, one person, whatever its capitals."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in. What they may do stands on their memberships."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    is_staff = models.BooleanField(_("works for SmartInvoicing"), default=False)
    is_active = models.BooleanField(_("may sign in"), default=True)
    date_joined = models.DateTimeField(_("since"), default=clock.now)

    objects: ClassVar[People] = People()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        on_erase = OnErase.TOMBSTONE
        recipients = {"email": (Recipient.HOSTING, Recipient.MAIL)}
        personal = {
            "email": Category.CONTACT,
            "name": Category.IDENTITY,
            "password": Category.CREDENTIAL,
            "last_login": Category.TECHNICAL,
        }
        plain = (
            "id",
            "is_staff",
            "is_active",
            "is_superuser",
            "date_joined",
            "groups",
            "user_permissions",
        )

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name or self.email


class Membership(TenantModel):
    """One person in one business, with one role."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role)
    since = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant", "user"], name="accounts_membership_once"),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        mask = {"role": Mask.SHOWN}
        personal = {"user": Category.IDENTITY, "role": Category.TECHNICAL}
        plain = ("id", "tenant", "since")

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"


class Invitation(TenantModel):
    """A seat kept for an e-mail address until it is taken, withdrawn or too old."""

    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=12, choices=Role)
    secret_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Privacy:
        retention = Retention.TMP
        subject = "invitee"
        basis = "contract"
        recipients = {"email": (Recipient.HOSTING, Recipient.MAIL)}
        personal = {
            "email": Category.CONTACT,
            "secret_hash": Category.CREDENTIAL,
            "invited_by": Category.IDENTITY,
        }
        plain = ("id", "tenant", "role", "invited_at", "expires_at")

    def __str__(self) -> str:
        return f"invitation {self.pk}"
