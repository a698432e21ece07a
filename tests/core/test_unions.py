import dataclasses
import inspect
from types import ModuleType
from typing import get_args

import pytest

from myna.core import commands, errors, events

PARTS = {events.TranscriptPart, events.UsedMemory}


def classes(module: ModuleType) -> set[type]:
    return {value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__}


@pytest.mark.parametrize(("module", "union"), [(commands, commands.Command), (events, events.Event)])
def test_the_unions_are_closed_and_their_members_frozen_and_slotted(module: ModuleType, union: object) -> None:
    assert set(get_args(union)) == classes(module) - PARTS
    for member in classes(module):
        assert dataclasses.is_dataclass(member)
        assert getattr(member, "__dataclass_params__").frozen  # noqa: B009 - private to dataclasses, in no stub
        assert "__slots__" in vars(member)


OF_NO_TURN = {events.MessageAdded, events.MessageDeleted, events.ReplyTruncated, events.Refused, events.LevelsHeard}


def test_every_event_of_a_turn_carries_its_id_first() -> None:
    for event in set(get_args(events.Event)) - OF_NO_TURN:
        assert next(iter(inspect.signature(event).parameters)) == "turn_id"


def test_every_error_has_a_code_of_its_own_and_stands_in_the_tree() -> None:
    codes = [error.code for error in classes(errors) if issubclass(error, errors.MynaError)]
    assert len(codes) == len(classes(errors))
    assert len(set(codes)) == len(codes)
    for error in classes(errors):
        assert error.__name__ in (errors.__doc__ or "")


def test_an_error_says_what_to_do() -> None:
    error = errors.BadAudio("x.wav is empty.", hint="Record it again.")
    assert str(error) == "x.wav is empty. Record it again."
