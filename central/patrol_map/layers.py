"""What can lie on a map: checkpoints of the patrol, doors. Each sort is placed by those who may set it, and shown by its own page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from central.access.model import Door
from central.db import Model
from central.patrol.model import Checkpoint
from central.patrol_map.model import DoorPlace, MapPlace
from central.routes import SubSystem
from central.sites.scope import Scope
from central.web.i18n import LazyText, lazy


class Thing(msgspec.Struct, frozen=True):
    """Something that can be placed."""

    id: int
    number: int
    name: str
    location: str


class Layer(msgspec.Struct, frozen=True):
    """One sort of things: where their places are kept, who sets them, and what pages and audit call them."""

    name: str
    places: type[Model]
    column: Any
    """The thing in a row of ``places``."""
    right: SubSystem
    things: Callable[[Scope, int], list[Thing]]
    """Those in use of an estate that the operator sees, in order. Inside ``db``."""
    path: str
    """Behind the address of the map: where they are placed."""
    action: str
    one: LazyText
    add: LazyText
    heading: LazyText
    empty: LazyText
    empty_hint: LazyText
    list_path: str
    list_title: LazyText
    unknown: str


def _checkpoints(scope: Scope, site_id: int) -> list[Thing]:
    query = Checkpoint.select().where(Checkpoint.active & (Checkpoint.site == site_id))
    query = scope.filter(query).order_by(Checkpoint.number)
    return [Thing(one.id, one.number, one.name, one.location) for one in query]


def _doors(scope: Scope, site_id: int) -> list[Thing]:
    query = scope.filter(Door.select().where(Door.enabled & (Door.site == site_id))).order_by(Door.id)
    return [Thing(one.id, one.id, one.label, one.location) for one in query]


CHECKPOINTS: Final = Layer(
    name="checkpoints",
    places=MapPlace,
    column=MapPlace.checkpoint,
    right="patrol",
    things=_checkpoints,
    path="",
    action="patrol.map_places",
    one=lazy("Checkpoint"),
    add=lazy("Add a checkpoint here…"),
    heading=lazy("Checkpoints on the map"),
    empty=lazy("No checkpoint yet"),
    empty_hint=lazy(
        "A checkpoint is a reader at which a guard shows the card on a round, or a location card."
    ),
    list_path="/patrol/checkpoints",
    list_title=lazy("Checkpoints"),
    unknown="There is no such checkpoint.",
)
DOORS: Final = Layer(
    name="doors",
    places=DoorPlace,
    column=DoorPlace.door,
    right="access",
    things=_doors,
    path="/doors",
    action="access.plan_places",
    one=lazy("Door"),
    add=lazy("Add a door here…"),
    heading=lazy("Doors on the map"),
    empty=lazy("No door yet"),
    empty_hint=lazy("A door in use of this estate can be placed here."),
    list_path="/doors",
    list_title=lazy("Doors"),
    unknown="There is no such door.",
)
LAYERS: Final = (CHECKPOINTS, DOORS)
