"""Where a holder is, when several devices lead to an area and each has seen a part of it: the written rule. Pure.

A passage becomes known at other devices through the centre. Both ends merge alike, whatever the order in which passages
come and however late:

1. The later passage wins, by the time at which the holder went through and not by that at which it was told.
2. Of one device the order is always known. Passages at two devices less than ``ORDER_SURE_MS`` apart are in no order, because
   clocks differ: if they lead into different areas, it is not known where the holder is.
3. A passage that was recorded while the clock was not trusted happened at some time before it was received (at the device that
   recorded it: after what that device recorded before). Until a passage later than that, it is not known where the holder is.
4. Who had a door released when its device lost power may have gone through or not: it is not known where he is.
5. An operator who has the place of one holder forgotten makes it unknown for every passage up to that moment.

Of whom it is not known where he is, the next passage is noted and never refused (``rules.passback``): "soft once".

**Cut off.** An area with doors of several devices is hard only where everything that its other devices recorded until at most
``FRESH_MS`` ago is known, and never without a live connection to the centre. Else it is soft, at this device, and the record
says that it was soft because cut off: somebody may have come out elsewhere. So whoever came out more than ``FRESH_MS`` ago is
never refused for a passage that is on its way, however slow a line is; one who shows his card within that time may have to
show it again. Nothing here waits for the network, and a reader that leads out refuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from protocol.door_rows import PresenceRow
from protocol.limits import CLOCK_ROUND_TRIP_MAX_MS
from protocol.rules.passback import UNKNOWN, Place

FRESH_MS: Final = 15_000
"""So old may be what is known of the other devices of an area: three pings, two of which lie one behind the other."""
RECORDED_WITHIN_MS: Final = 1_000
"""What happened at a device so long ago has a seq there, or its storage is unusable (``Record.within_ms``)."""
ORDER_SURE_MS: Final = 2 * CLOCK_ROUND_TRIP_MAX_MS
"""Two clocks that were set by the centre differ by at most half a round trip each; as much again for what they drift since."""
NOT_SURE_MS: Final = 0
"""The time of a passage that was recorded while the clock was not trusted."""


DEVICES_MAX: Final = 8
"""Of so many devices, those where he was latest, a holder's last passage is remembered."""


class Passage(Struct, frozen=True, order=True):
    """Somebody went through: when, at which device, by which of its records (node_epoch and seq), into which area, at which
    reader, and the last reset of places that the device knew of.
    """

    at_ms: int
    device: int
    node_epoch: int
    seq: int
    area: int
    point: int
    reset_no: int = 0


def last_ones(passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """What has to be remembered of a holder's passages, in the order of their time: the last one at each device (1, 2).

    The same whether it is worked out from all of them or step by step, in whatever order devices are heard.
    """
    last: dict[int, Passage] = {}
    for passage in passages:
        known = last.get(passage.device)
        if known is None or (passage.node_epoch, passage.seq) >= (known.node_epoch, known.seq):
            last[passage.device] = passage
    return tuple(sorted(last.values())[-DEVICES_MAX:])


def place_of(passages: tuple[Passage, ...], unknown_until_ms: int) -> PresenceRow | None:
    """Where the holder is by his ``last_ones`` (1 to 5); None where nothing was ever told of him.

    :param unknown_until_ms: passages up to this moment say nothing (3 to 5); 0 for none.
    """
    if not passages or passages[-1].at_ms <= unknown_until_ms:
        return PresenceRow(UNKNOWN, unknown_until_ms) if unknown_until_ms else None
    last = passages[-1]
    if any(last.at_ms - each.at_ms < ORDER_SURE_MS and each.area != last.area for each in passages):
        return PresenceRow(UNKNOWN, last.at_ms)
    return PresenceRow(last.area, last.at_ms, last.point, last.reset_no)


def here(own: Place | None, told: PresenceRow | None, *, is_echo: bool) -> Place | None:
    """Where the holder is by what this device recorded itself and by what it was told; None where that is not known.

    :param is_echo: what was told is a passage at this very device.
    """
    place = _later(own, told, is_echo=is_echo)
    return None if place is None or place.area == UNKNOWN else place


def _later(own: Place | None, told: PresenceRow | None, *, is_echo: bool) -> Place | None:
    if told is None or (own is not None and is_echo):
        return own
    there = Place(told.area, told.at_ms, told.reset_no)
    if own is None:
        return there
    if own.at_ms == NOT_SURE_MS:
        return None
    if abs(own.at_ms - there.at_ms) < ORDER_SURE_MS:
        return own if own.area == there.area else None
    return own if own.at_ms > there.at_ms else there
