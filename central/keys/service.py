"""Acts on card keys: begin, exchange, end, bring back, zones. Runs inside ``db.write``, each with its audit row.

What is in force is published in the transaction that changed it, so devices hear of it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from central.access.model import AccessPoint
from central.audit import SYSTEM, Actor
from central.cards import keys_in_force
from central.cards.keys_in_force import KeysInForce, Part
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.keys.model import Zone
from central.nodes.model import Device
from central.sync import key_rows, publish
from protocol.limits import ZONES_MAX

FIRST_ZONE: Final = 0


def begin(centre: Centre) -> None:
    """Find master and keys in force, or make them at the first run; publish them.

    :raises StorageError: the master of the keys in force is not there. Devices keep what they have.
    """
    is_first_run = keys_in_force.current() is None
    master, state = keys_in_force.begin(centre.keys.folder, centre.clock.now())
    if is_first_run:
        Zone.create(number=FIRST_ZONE, name="", created_at=centre.clock.now())
        centre.audit.record(SYSTEM, "keys.begin", "keys", "", after={"master": master.fingerprint})
    key_rows.keys_changed(state, master, centre.keys)


def exchange(centre: Centre, actor: Actor, part: Part) -> None:
    """A new version in front; the one before it stays until :func:`end_old`.

    :raises ConflictError: the last exchange is not over. :raises InvalidInputError: there is no such key.
    :raises StorageError: the master is not there.
    """
    _change(centre, actor, "keys.rotate", part, keys_in_force.rotate)


def end_old(centre: Centre, actor: Actor, part: Part) -> None:
    """End the older version: cards that still have it open nothing from now on (of the issuer's: cannot be rewritten).

    :raises ConflictError: there is one version only. :raises InvalidInputError, StorageError: as :func:`exchange`.
    """
    _change(centre, actor, "keys.retire", part, keys_in_force.retire)


def _change(
    centre: Centre,
    actor: Actor,
    action: str,
    part: Part,
    act: Callable[[KeysInForce, Part], KeysInForce],
) -> None:
    master, state = keys_in_force.begin(centre.keys.folder, centre.clock.now())
    if not state.versions(part):
        raise InvalidInputError("There is no such key.")
    after = act(state, part)
    keys_in_force.keep(after, centre.clock.now())
    key_rows.keys_changed(after, master, centre.keys)
    before_row, after_row = ({"versions": list(each.versions(part))} for each in (state, after))
    centre.audit.record(actor, action, "key", str(part), before_row, after_row)


def print_code(centre: Centre, actor: Actor) -> str:
    """The code of the master for the safe; from then on it is not shown again.

    :raises ConflictError: it was printed before. :raises StorageError: the master is not there.
    """
    master, _state = keys_in_force.begin(centre.keys.folder, centre.clock.now())
    code = keys_in_force.print_once(master, centre.clock.now())
    centre.audit.record(actor, "keys.print", "keys", "", after={"master": master.fingerprint})
    return code


def bring_back(centre: Centre, actor: Actor, code: str) -> None:
    """Put the master back from its printed code, and publish whatever devices could not be given without it.

    :raises InvalidInputError: the code was misread, or is another site's. :raises StorageError: there is a master already.
    """
    master = keys_in_force.bring_back(centre.keys.folder, code)
    state = keys_in_force.current()
    if state is not None:
        key_rows.keys_changed(state, master, centre.keys)
    centre.audit.record(actor, "keys.bring_back", "keys", "", after={"master": master.fingerprint})


# -- zones ------------------------------------------------------------------------------------------------------------


def make_zone(centre: Centre, actor: Actor, name: str, points: Collection[int] = ()) -> int:
    """A new zone with its first read key, and the readers that stand in it from now on; its number.

    :raises ConflictError: the name is taken, or there are sixteen. :raises InvalidInputError: there is no such reader.
    :raises StorageError: the master is not there.
    """
    master, state = keys_in_force.begin(centre.keys.folder, centre.clock.now())
    number = next((number for number in range(ZONES_MAX) if number not in state.zones), None)
    if number is None:
        raise ConflictError("There are sixteen zones already.")
    _check_name(name)
    after = keys_in_force.rotate(state, number)
    keys_in_force.keep(after, centre.clock.now())
    Zone.create(number=number, name=name, created_at=centre.clock.now())
    key_rows.keys_changed(after, master, centre.keys)
    _put_readers(number, points)
    after_row = {"name": name, "readers": readers_of(number)}
    centre.audit.record(actor, "keys.zone_create", "zone", number, after=after_row)
    return number


def change_zone(centre: Centre, actor: Actor, number: int, name: str, points: Collection[int]) -> None:
    """Name a zone, and say which readers stand in it; those that no longer do fall back to zone 0.

    Their devices get the keys of their zones and lose the others, with the next breath.

    :raises ConflictError: the name is taken. :raises InvalidInputError: there is no such reader.
    """
    zone = Zone.get_by_id(number)
    before = {"name": zone.name, "readers": readers_of(number)}
    if name != zone.name:
        _check_name(name)
        zone.name = name
        zone.save()
    _put_readers(number, points)
    after = {"name": zone.name, "readers": readers_of(number)}
    centre.audit.record(actor, "keys.zone_change", "zone", number, before, after)


def _put_readers(number: int, points: Collection[int]) -> None:
    wanted, old = set(points), set(readers_of(number))
    if AccessPoint.select().where(AccessPoint.id.in_(sorted(wanted))).count() != len(wanted):
        raise InvalidInputError("There is no such reader.")
    left = old - wanted if number != FIRST_ZONE else set()
    AccessPoint.update(zone=number).where(AccessPoint.id.in_(sorted(wanted))).execute()
    AccessPoint.update(zone=FIRST_ZONE).where(AccessPoint.id.in_(sorted(left))).execute()
    moved = sorted(left | wanted - old)
    sites = Device.select(Device.site).join(AccessPoint).where(AccessPoint.id.in_(moved)).distinct()
    publish.zones_changed(sorted(site_id for (site_id,) in sites.tuples()))


def readers_of(number: int) -> list[int]:
    """Readers that stand in a zone."""
    query = AccessPoint.select(AccessPoint.id).where(AccessPoint.zone == number).order_by(AccessPoint.id)
    return [point for (point,) in query.tuples()]


def _check_name(name: str) -> None:
    if Zone.select().where(Zone.name == name).exists():
        raise ConflictError("There is a zone with this name already.")
