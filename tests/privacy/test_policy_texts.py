"""Our texts: made from settings and tables, saying no more than a program can keep."""

import re

import pytest
from django.db import connection

from accounts.models import PolicyKind
from privacy import inventory, policy_facts, policy_words
from privacy.models import DeskTask
from privacy.services import exporting, policies, policy_texts
from privacy.services.policy_texts import Text
from tests import factories

pytestmark = pytest.mark.django_db
EVERY = [(kind, each) for kind in PolicyKind.values for each in policy_texts.languages_of(kind)]


def text(body, kind="terms"):
    return Text(kind=kind, language="en", title="t", body=body)


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_each_text_may_be_published(kind, language):
    assert policy_texts.problems_of(policy_texts.write(kind, language)) == []


def test_every_text_is_in_english_and_the_privacy_policy_in_urdu_too():
    assert {kind for kind, language in EVERY if language == "en"} == set(PolicyKind.values)
    assert ("privacy", "ur") in EVERY


@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_promise_has_one_sentence(language):
    found = policy_texts.promises_in(policy_texts.write("privacy", language).body)

    assert sorted(found) == sorted(policy_texts.PROMISES)
    assert len(policy_texts.PROMISES) == 70


def test_the_page_of_promises_can_find_each():
    assert {policy_texts.where_is(each) for each in policy_texts.PROMISES} == {"privacy"}
    with pytest.raises(LookupError):
        policy_texts.where_is("S99")


def test_twin_a_promise_that_is_left_out_is_found():
    whole = policy_texts.write("privacy", "en")
    torn = text(whole.body.replace('id="S33"', 'id="gone"'), "privacy")

    assert policy_texts.problems_of(torn) == ["S33 is not said"]


@pytest.mark.parametrize(
    "words",
    [
        "Your data is 100% secure.",
        "We guarantee that.",
        "It is absolutely safe.",
        "No leak at any point, whatsoever.",
        "Never under any circumstances.",
        "It is not outsourced in any form.",
        "It is always secure.",
        "یہ سو فیصد محفوظ ہے",
    ],
)
def test_words_that_nobody_can_keep_are_refused(words):
    assert policy_texts.problems_of(text(f"<p>{words}</p>")) != []


def test_twin_without_the_list_of_words_they_pass(monkeypatch):
    monkeypatch.setattr(policy_words, "ABSOLUTE", re.compile(r"(?!)"))

    assert policy_texts.problems_of(text("<p>We guarantee that.</p>")) == []


def test_a_number_of_no_setting_is_refused():
    assert policy_texts.problems_of(text("<p>within 91 days</p>")) == [
        "91 is no number of the settings"
    ]
    assert policy_texts.problems_of(text("<p>within 90 days</p>")) == []


def test_twin_a_number_that_becomes_a_setting_passes(monkeypatch):
    known = policy_facts.numbers()
    monkeypatch.setattr(policy_facts, "numbers", lambda: known | {"promise_days": 91})

    assert policy_texts.problems_of(text("<p>within 91 days</p>")) == []


TEMPLATES = sorted(policy_texts.FOLDER.glob("*/*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_template_says_a_number_itself(path):
    assert policy_texts.typed_numbers(path.read_text()) == []


def test_twin_a_number_in_a_template_is_found():
    source = '<p id="S33">for 7 years and {{ promise_days }} days</p>'

    assert policy_texts.typed_numbers(source) == ["7"]


def test_the_numbers_are_those_of_the_program(settings):
    settings.BACKUP_KEPT_DAYS = 21
    settings.PRIVACY_EMAIL = "rights@sample.example"

    body = policy_texts.plain(policy_texts.write("privacy", "en").body)

    assert "the last backup with it is gone 21 days after that" in body
    assert "rights@sample.example" in body
    assert "We keep them for 7 years" in body
    assert "for 6 years after the end of their tax period (Sales Tax Act 1990, s. 24)" in body


def test_a_value_that_somebody_set_cannot_be_markup(settings):
    settings.COMPANY_NAME = "<script>alert(1)</script>"

    assert "<script" not in policy_texts.write("terms", "en").body


def test_the_annex_tells_of_everybody_of_whom_we_hold_something():
    rows = policy_texts.annex("en")

    said = {row["subject"] for row in rows}
    assert said == {
        policy_words.SUBJECTS["en"][each.subject] for each in inventory.personal_fields()
    }
    assert len(policy_texts.annex("ur")) == len(rows)


def test_what_differs_is_shown_line_by_line():
    diff = policy_texts.difference("<p>a</p><p>b</p>", "<p>a</p><p>c</p>")

    lines = policy_texts.marked(diff)
    assert [(e["text"], e["is_new"], e["is_gone"]) for e in lines if e["text"]] == [
        ("a", False, False),
        ("b", False, True),
        ("c", True, False),
    ]


# --- an installation by itself ----------------------------------------------------------------


def test_a_fresh_installation_has_all_texts_and_a_second_call_adds_none():
    first = factories.make_policies()

    assert {(each.kind, each.language) for each in first} == set(EVERY)
    assert factories.make_policies() == []
    assert {each.is_material for each in first} == {False}


def test_a_text_that_is_no_longer_true_is_a_task_of_the_desk(settings):
    factories.make_policies()
    assert policies.watch(at=factories.AT) == []

    settings.BACKUP_KEPT_DAYS = 21

    assert policies.watch(at=factories.AT) == ["privacy"]
    assert DeskTask.objects.get().key == "privacy"
    settings.BACKUP_KEPT_DAYS = 35
    assert policies.watch(at=factories.AT) == []
    assert DeskTask.objects.get().done_at == factories.AT


# --- numbers that hold elsewhere --------------------------------------------------------------


def test_a_link_to_an_export_lasts_as_long_as_the_text_says():
    assert exporting.DAYS.days == policy_facts.EXPORT_DAYS


def test_the_access_log_is_cut_when_the_text_says():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('accounts_keep_access_log'::regproc)")
        [(body,)] = cursor.fetchall()

    assert set(re.findall(r"interval '(\d+) days'", body)) >= {
        str(policy_facts.ADDRESS_DAYS),
        str(policy_facts.ACCESS_LOG_DAYS),
    }
