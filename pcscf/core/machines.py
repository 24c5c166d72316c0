"""The transaction state machines, as tables (RFC 3261 17, RFC 6026 7).

A table says, for a state and an input, the next state and what to do. An input that a
table does not have in a state changes nothing.
"""

from enum import Enum, auto


class State(Enum):
    """States of all four machines (RFC 3261 figures 5 to 8, RFC 6026 figures 3 to 5)."""

    TRYING = auto()  # a client that has heard nothing (an INVITE's is Calling), a silent server
    PROCEEDING = auto()
    CANCEL_WAITS = auto()  # INVITE client: to be cancelled, once a 1xx allows it (RFC 3261 9.1)
    CANCELLED = auto()  # INVITE client: its CANCEL is out, a final response is due
    ACCEPTED = auto()  # INVITE: a 2xx has passed, more may follow (RFC 6026)
    COMPLETED = auto()
    CONFIRMED = auto()  # INVITE server: the ACK has come, its copies are absorbed
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a transaction."""

    REQUEST = auto()  # the request again (server)
    ACK = auto()  # of the same transaction (INVITE server)
    PROVISIONAL = auto()  # a 1xx, from the user (server) or the network (client)
    SUCCESS = auto()  # a 2xx
    FAILURE = auto()  # a 3xx to 6xx
    CANCEL = auto()  # the user wants an end of it (INVITE client)
    RETRANSMIT = auto()  # timers A, E (client), G (server)
    TIMEOUT = auto()  # timers B, C, D, F, K, M (client), H, I, J, L (server)
    UNSENT = auto()  # the request did not leave (client)
    CLOSED = auto()  # the connection it was sent on has ended (client)


class Action(Enum):
    """What to do on the way to the next state."""

    NONE = auto()
    SEND = auto()  # send for the first time, or once more
    TELL = auto()  # hand the response to the transaction user
    CANCEL = auto()  # send a CANCEL (RFC 3261 9.1)
    ACKNOWLEDGE = auto()  # send the ACK (RFC 3261 17.1.1.3)
    ACKNOWLEDGE_AND_TELL = auto()
    GIVE_UP = auto()  # tell the transaction user that there will be no response


Table = dict[tuple[State, Input], tuple[State, Action]]

_T, _P, _W, _K = State.TRYING, State.PROCEEDING, State.CANCEL_WAITS, State.CANCELLED
_A, _C, _F, _X = State.ACCEPTED, State.COMPLETED, State.CONFIRMED, State.TERMINATED

# RFC 3261 17.2.2, figure 8
SERVER: Table = {
    (_T, Input.PROVISIONAL): (_P, Action.SEND),
    (_T, Input.SUCCESS): (_C, Action.SEND),
    (_T, Input.FAILURE): (_C, Action.SEND),
    (_P, Input.REQUEST): (_P, Action.SEND),
    (_P, Input.PROVISIONAL): (_P, Action.SEND),
    (_P, Input.SUCCESS): (_C, Action.SEND),
    (_P, Input.FAILURE): (_C, Action.SEND),
    (_C, Input.REQUEST): (_C, Action.SEND),
    (_C, Input.TIMEOUT): (_X, Action.NONE),
}

# RFC 3261 17.1.2, figure 6
CLIENT: Table = {
    (_T, Input.RETRANSMIT): (_T, Action.SEND),
    (_T, Input.PROVISIONAL): (_P, Action.TELL),
    (_T, Input.SUCCESS): (_C, Action.TELL),
    (_T, Input.FAILURE): (_C, Action.TELL),
    (_T, Input.TIMEOUT): (_X, Action.GIVE_UP),
    (_T, Input.UNSENT): (_X, Action.GIVE_UP),
    # Not behind a 1xx: the request arrived, and its answer may open a connection (RFC 3261 18.2.2).
    (_T, Input.CLOSED): (_X, Action.GIVE_UP),
    (_P, Input.RETRANSMIT): (_P, Action.SEND),
    (_P, Input.PROVISIONAL): (_P, Action.TELL),
    (_P, Input.SUCCESS): (_C, Action.TELL),
    (_P, Input.FAILURE): (_C, Action.TELL),
    (_P, Input.TIMEOUT): (_X, Action.GIVE_UP),
    (_P, Input.UNSENT): (_X, Action.GIVE_UP),
    (_C, Input.TIMEOUT): (_X, Action.NONE),
}

# RFC 6026 7.1, figure 3; it begins in PROCEEDING, with a 100
INVITE_SERVER: Table = {
    (_P, Input.REQUEST): (_P, Action.SEND),
    (_P, Input.PROVISIONAL): (_P, Action.SEND),
    (_P, Input.SUCCESS): (_A, Action.SEND),
    (_P, Input.FAILURE): (_C, Action.SEND),
    (_A, Input.SUCCESS): (_A, Action.SEND),  # copies, and those of other branches of a fork
    (_A, Input.TIMEOUT): (_X, Action.NONE),
    (_C, Input.REQUEST): (_C, Action.SEND),
    (_C, Input.RETRANSMIT): (_C, Action.SEND),
    (_C, Input.ACK): (_F, Action.NONE),
    (_C, Input.TIMEOUT): (_X, Action.NONE),
    (_F, Input.TIMEOUT): (_X, Action.NONE),
}

# RFC 6026 7.2, figure 5; with the proxy's CANCEL and timer C (RFC 3261 9.1, 16.8)
INVITE_CLIENT: Table = {
    (_T, Input.RETRANSMIT): (_T, Action.SEND),
    (_T, Input.PROVISIONAL): (_P, Action.TELL),
    (_T, Input.SUCCESS): (_A, Action.TELL),
    (_T, Input.FAILURE): (_C, Action.ACKNOWLEDGE_AND_TELL),
    (_T, Input.CANCEL): (_W, Action.NONE),
    (_T, Input.TIMEOUT): (_X, Action.GIVE_UP),
    (_T, Input.UNSENT): (_X, Action.GIVE_UP),
    (_T, Input.CLOSED): (_X, Action.GIVE_UP),
    (_W, Input.RETRANSMIT): (_W, Action.SEND),
    (_W, Input.PROVISIONAL): (_K, Action.CANCEL),
    (_W, Input.SUCCESS): (_A, Action.TELL),
    (_W, Input.FAILURE): (_C, Action.ACKNOWLEDGE_AND_TELL),
    (_W, Input.TIMEOUT): (_X, Action.GIVE_UP),
    (_W, Input.UNSENT): (_X, Action.GIVE_UP),
    (_W, Input.CLOSED): (_X, Action.GIVE_UP),
    (_P, Input.PROVISIONAL): (_P, Action.TELL),
    (_P, Input.SUCCESS): (_A, Action.TELL),
    (_P, Input.FAILURE): (_C, Action.ACKNOWLEDGE_AND_TELL),
    (_P, Input.CANCEL): (_K, Action.CANCEL),
    (_P, Input.TIMEOUT): (_K, Action.CANCEL),  # timer C
    (_K, Input.PROVISIONAL): (_K, Action.TELL),
    (_K, Input.SUCCESS): (_A, Action.TELL),
    (_K, Input.FAILURE): (_C, Action.ACKNOWLEDGE_AND_TELL),
    (_K, Input.TIMEOUT): (_X, Action.GIVE_UP),
    (_A, Input.SUCCESS): (_A, Action.TELL),
    (_A, Input.TIMEOUT): (_X, Action.NONE),
    (_C, Input.FAILURE): (_C, Action.ACKNOWLEDGE),
    (_C, Input.TIMEOUT): (_X, Action.NONE),
}


def kind_of(status: int) -> Input:
    """Say which input a response is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
