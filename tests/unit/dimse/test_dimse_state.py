"""The table of `hilum.dimse.upper.state` against PS3.8 Table 9-10, cell by cell."""

import json
from pathlib import Path

import pytest

from hilum.dimse.upper.state import Action, Input, Role, State, transition
from hilum.kernel.errors import LocalProtocolError

# Event number: {state number: "ACTION>next state"}, "a|b" where the action chooses.
CELLS = json.loads((Path(__file__).parent / "ps3.8_table_9-10.json").read_text())
FILLED = [
    (Input(int(event)), State(int(state)), cell)
    for event, row in CELLS.items()
    for state, cell in row.items()
]
EMPTY = [
    (happened, state)
    for happened in Input
    for state in State
    if str(state.value) not in CELLS[str(happened.value)]
]


def test_the_copy_of_the_table_is_complete():
    assert len(FILLED) == 123
    assert len(EMPTY) == len(Input) * len(State) - 123


@pytest.mark.parametrize(("happened", "state", "cell"), FILLED)
@pytest.mark.parametrize("role", Role)
def test_every_cell_is_that_of_the_standard(happened, state, cell, role):
    action, states = cell.split(">")
    allowed = {State(int(number)) for number in states.split("|")}

    found_action, found_state = transition(state, happened, role)

    assert found_action is Action(action)
    assert found_state in allowed


def test_a_release_collision_depends_on_the_role():
    happened, state = Input.RELEASE_REQUEST_PDU, State.AWAITING_RELEASE_REPLY

    assert transition(state, happened, Role.REQUESTOR)[1] is State.COLLISION_REQUESTOR_LOCAL
    assert transition(state, happened, Role.ACCEPTOR)[1] is State.COLLISION_ACCEPTOR_REPLY


def test_a_request_is_always_indicated_because_negotiation_rejects_for_the_provider():
    for role in Role:
        found = transition(State.AWAITING_REQUEST, Input.REQUEST_PDU, role)

        assert found == (Action.AE_6, State.AWAITING_LOCAL_ANSWER)


@pytest.mark.parametrize(("happened", "state"), EMPTY)
@pytest.mark.parametrize("role", Role)
def test_every_empty_cell_is_a_bug_of_the_caller(happened, state, role):
    with pytest.raises(LocalProtocolError, match=f"Evt{happened.value} in Sta{state.value}"):
        transition(state, happened, role)
