"""Each model says what is personal in it; each table is on a map or on a list."""

import pytest
from django.apps import apps
from django.db import connection, models

from smartinvoicing.classified import Category, Retention
from tests.architecture import source

OURS = [model for app in source.APPS for model in apps.get_app_config(app).get_models()]
SUBJECTS = {
    "user",
    "owner",
    "buyer",
    "invitee",
    "staff",
    "recipient",
    "visitor",
    "requester",
    "none",
}
BASES = {"contract", "law", "consent", "legitimate interest", "tenant's instruction", "none"}

# Tables of others, with what is personal in them and where its end is decided. The data map of
# `privacy` will take its rows from here; a table that is on neither list fails the build.
OTHERS = {
    "account_emailaddress": "addresses of users; with the account",
    "account_emailconfirmation": "keys of addresses; with the address",
    "auth_group": "nothing",
    "auth_group_permissions": "nothing",
    "auth_permission": "nothing",
    "axes_accessattempt": "name, address and browser of a sign-in that failed; thirteen months",
    "axes_accessattemptexpiration": "nothing",
    "axes_accessfailurelog": "the same",
    "axes_accesslog": "name, address and browser of a sign-in; thirteen months",
    "django_admin_log": "who changed what at the staff desk; seven years",
    "django_content_type": "nothing",
    "django_migrations": "nothing",
    "django_session": "the session of a user; with its end",
    "mfa_authenticator": "secrets of second factors; with the account",
    "usersessions_usersession": "address and browser of a session; with its end",
    # between our users and Django's groups and permissions
    "accounts_user_groups": "which groups staff are in; with the account",
    "accounts_user_user_permissions": "what staff may do; with the account",
}


def concrete(model):
    """The fields that a row really holds, and its many-to-many fields."""
    own = [field.name for field in model._meta.concrete_fields]
    return own + [field.name for field in model._meta.local_many_to_many]


def test_we_have_models():
    assert len(OURS) > 20


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_each_field_is_personal_or_plain(model):
    privacy = model.__dict__.get("Privacy")  # its own, not one that it inherited

    assert privacy is not None
    assert sorted([*privacy.personal, *privacy.plain]) == sorted(concrete(model))


def test_each_class_uses_the_words_of_the_contract():
    wrong = {
        model._meta.label: (privacy.retention, privacy.subject, privacy.basis, category)
        for model in OURS
        if (privacy := model.Privacy)
        for category in [*privacy.personal.values(), Category.IDENTITY]
        if not isinstance(privacy.retention, Retention)
        or not isinstance(category, Category)
        or privacy.subject not in SUBJECTS
        or privacy.basis not in BASES
    }

    assert wrong == {}


def test_whoever_has_no_subject_has_nothing_personal():
    assert [
        model._meta.label
        for model in OURS
        if model.Privacy.subject == "none" and model.Privacy.personal
    ] == []


def test_what_sounds_personal_is_personal():
    """A net below the plan: a name that means a person or a secret is never called plain."""
    telling = ("email", "phone", "cnic", "address", "password", "token", "secret", "ip_address")
    plain = [
        f"{model._meta.label}.{name}"
        for model in OURS
        for name in model.Privacy.plain
        if any(word in name for word in telling)
        and not isinstance(model._meta.get_field(name), models.ForeignKey)
    ]

    assert plain == []


def test_each_table_is_on_the_map_or_on_the_list(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')"
            " AND c.relnamespace = 'public'::regnamespace"
        )
        tables = {name for (name,) in cursor.fetchall()}

    assert tables == {model._meta.db_table for model in OURS} | OTHERS.keys()
