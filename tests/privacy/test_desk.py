"""Tasks of the desk and alarms: once, in order, caught up with when the scheduler stood."""

from datetime import timedelta

import pytest
from django.utils.module_loading import import_string

from privacy.models import Alarm, DeskTask
from privacy.services import alarms, desk
from smartinvoicing.ids import uuid7
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def heard(monkeypatch):
    """What was heard, as (step, seconds late); `fail` names a step that cannot be heard."""
    steps = []
    steps_that_fail = set()

    def hear(alarm, *, at):
        if alarm.step in steps_that_fail:
            raise RuntimeError(alarm.step)
        steps.append((alarm.step, alarm.late_s))

    monkeypatch.setattr(alarms, "import_string", lambda path: hear)
    hear.steps, hear.fail = steps, steps_that_fail
    return hear


def set_three(about):
    for hours in (1, 2, 3):
        alarms.set_alarm("breach", about, str(hours), due_at=NOON + hours * HOUR)


def test_each_sounds_once_and_says_how_late_it_is(heard):
    set_three(uuid7())

    assert alarms.sound_due(at=NOON + 2 * HOUR) == 2
    assert alarms.sound_due(at=NOON + 2 * HOUR) == 0
    assert heard.steps == [("1", 3600), ("2", 0)]


def test_what_is_silenced_does_not_sound(heard):
    about = uuid7()
    set_three(about)
    alarms.silence("breach", about, at=NOON, steps=["1"])

    alarms.sound_due(at=NOON + 9 * HOUR)

    assert [step for step, _late in heard.steps] == ["2", "3"]


def test_one_that_fails_keeps_no_other_back_and_is_tried_again(heard):
    set_three(uuid7())
    heard.fail.add("1")

    assert alarms.sound_due(at=NOON + 9 * HOUR) == 2
    heard.fail.clear()
    assert alarms.sound_due(at=NOON + 9 * HOUR) == 1


def test_one_that_repeats_sounds_until_it_is_silenced(heard):
    about = uuid7()
    alarms.set_alarm("breach", about, "x", due_at=NOON, repeat=HOUR)

    for hours in (0, 1, 2):
        alarms.sound_due(at=NOON + hours * HOUR)
    alarms.silence("breach", about, at=NOON)
    alarms.sound_due(at=NOON + 5 * HOUR)

    assert Alarm.objects.get().times == 3


def test_each_kind_of_alarm_has_somebody_who_hears_it():
    for path in alarms.HEARD_BY.values():
        assert callable(import_string(path))


def test_a_task_is_open_once_and_can_come_back():
    for _ in range(2):
        desk.open_task("hold_review", "a", title="Look at it", at=NOON)
    assert desk.done("hold_review", "a", at=NOON)
    assert not desk.done("hold_review", "a", at=NOON)
    desk.open_task("hold_review", "a", title="Look again", at=NOON)

    assert [task.title for task in desk.red_list()] == ["Look again"]
    assert DeskTask.objects.count() == 2
