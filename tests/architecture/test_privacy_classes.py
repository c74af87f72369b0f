"""Each model says what is personal in it; each table is on a map or on a list."""

import psycopg2
import pytest
from django.apps import apps
from django.db import connection, models

from accounts.models import User
from privacy import inventory, others
from smartinvoicing.classified import BASES, SUBJECTS, Category, Retention, Unclassified
from tests.architecture import source

OURS = [model for app in source.APPS for model in apps.get_app_config(app).get_models()]


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


def tables_of(cursor):
    """All that can hold a row; a partition counts with its whole."""
    cursor.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')"
        " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
    )
    return {name for (name,) in cursor.fetchall()}


def test_each_table_is_on_the_map_or_on_the_list(db):
    with connection.cursor() as cursor:
        assert tables_of(cursor) == inventory.tables()


def test_a_table_that_nobody_wrote_down_is_found(db, owner_url):
    line = psycopg2.connect(owner_url)
    cursor = line.cursor()
    try:
        cursor.execute("CREATE TABLE forgotten (email text)")

        assert tables_of(cursor) - inventory.tables() == {"forgotten"}
    finally:
        line.rollback()
        line.close()


def test_the_list_of_others_names_no_table_that_is_gone():
    installed = {model._meta.label for model in inventory.mapped_models()}

    assert others.MODELS.keys() <= installed


def test_every_field_of_every_installed_model_is_on_the_map():
    said = {(entry.model, entry.field) for entry in inventory.fields()}
    real = {
        (model._meta.label, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in [*model._meta.concrete_fields, *model._meta.local_many_to_many]
    }

    assert said == real
    assert {label.split(".")[0] for label, _ in said} > set(source.APPS)


@pytest.mark.parametrize("word", ["personal", "plain"])
def test_one_annotation_less_and_the_map_is_refused(monkeypatch, word):
    """The twin: the same reading, with one word about one field taken away."""
    said = getattr(User.Privacy, word)
    rest = dict(list(said.items())[1:]) if isinstance(said, dict) else said[1:]
    monkeypatch.setattr(User.Privacy, word, rest)

    with pytest.raises(Unclassified, match=r"accounts\.User: \w+"):
        list(inventory.entries_of(User))


def test_a_model_of_others_that_nobody_looked_at_is_refused(monkeypatch):
    kept = {label: said for label, said in others.MODELS.items() if label != "mfa.Authenticator"}
    monkeypatch.setattr(others, "MODELS", kept)

    with pytest.raises(Unclassified, match=r"mfa\.Authenticator"):
        list(inventory.entries_of(apps.get_model("mfa", "Authenticator")))


def test_no_secret_is_ever_exported_or_shown():
    secrets = [e for e in inventory.fields() if e.category is Category.CREDENTIAL]

    assert len(secrets) > 10
    assert [e for e in secrets if e.is_exported or e.mask != "never"] == []
