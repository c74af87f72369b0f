"""`roles_and_permissions.csv` was read by a person; a change of a right changes it too."""

import csv
from pathlib import Path
from uuid import uuid4

import pytest

from accounts.access import MAY, Actor, allow
from accounts.enums import Permission, Role
from smartinvoicing.errors import NotAllowed

REVIEWED = list(csv.DictReader(Path(__file__).with_name("roles_and_permissions.csv").open()))
PAIRS = [
    (Role(role), Permission(row["permission"]), row[role] == "yes")
    for row in REVIEWED
    for role in Role.values
]


def test_the_reviewed_table_names_every_permission_and_role():
    assert [row["permission"] for row in REVIEWED] == Permission.values
    assert list(REVIEWED[0]) == ["permission", *Role.values, "key"]
    assert {word for row in REVIEWED for name, word in row.items() if name != "permission"} == {
        "yes",
        "no",
    }


@pytest.mark.parametrize(("role", "permission", "may"), PAIRS)
def test_each_role_may_what_was_reviewed(role, permission, may):
    actor = Actor.person(uuid4(), role)

    assert actor.may(permission) is may
    assert (permission in MAY[role]) is may


@pytest.mark.parametrize("row", REVIEWED, ids=lambda row: row["permission"])
def test_a_key_may_what_was_reviewed_and_no_more(row):
    actor = Actor.key(uuid4(), Permission.values)

    assert actor.may(Permission(row["permission"])) is (row["key"] == "yes")


def test_a_key_without_scopes_may_nothing():
    assert Actor.key(uuid4(), []).permissions == frozenset()


def test_allow_says_what_is_missing():
    with pytest.raises(NotAllowed) as refused:
        allow(Actor.person(uuid4(), Role.VIEWER), Permission.MANAGE_KEYS)

    assert refused.value.details == {"permission": "manage_keys"}
    assert refused.value.http_status == 403


def test_actors_are_named_by_kind_and_id():
    pk = uuid4()

    assert Actor.person(pk, Role.OWNER).name == f"user:{pk}"
    assert Actor.key(pk, []).name == f"key:{pk}"
    assert Actor.system("fbr.send").name == "system:fbr.send"
