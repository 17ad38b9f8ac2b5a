"""One root for every error that this package raises about what came from outside.

Mistakes of our own are asserted; the outside's mistakes are one of these.
"""


class ProtocolError(Exception):
    """Root: what the other side sent, or what a file holds, cannot be used."""


class MalformedError(ProtocolError):
    """The bytes do not have the shape that PROTOCOL.md gives them."""


class LimitError(ProtocolError):
    """A length, count or depth is over the limit named in ``protocol.limits``."""


class VersionError(ProtocolError):
    """The other side speaks a protocol version that this side does not."""


class SignatureError(ProtocolError):
    """A signature or a session MAC does not fit its bytes or its sender."""


class ReplayError(ProtocolError):
    """A nonce, counter or revision was seen before, or is lower than the highest seen."""


class SequenceError(ProtocolError):
    """Facts do not follow the last received one: a gap, a wrong chain hash, or another node_epoch."""


class ForkError(SequenceError):
    """Two different facts carry one (node, node_epoch, seq): both are kept and an alarm is raised (I11)."""


class StaleBaseError(ProtocolError):
    """A delta does not start where this side stands; ask again from the revision held."""


class UnknownRecordError(ProtocolError):
    """A required record kind is not known here: the old View stays (design.md section 4)."""


class UnknownMessageError(ProtocolError):
    """A message kind is not known here; the sender is told, the session stays."""


class StateError(ProtocolError):
    """A message that has no place in the present state of the conversation."""


class ScheduleError(ProtocolError):
    """A schedule row is impossible: an unknown zone, a period outside the day, too many periods."""


class PlanError(ProtocolError):
    """A plan of rounds cannot be walked or judged as it stands."""
