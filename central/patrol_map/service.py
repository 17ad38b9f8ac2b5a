"""Acts on maps, each with its audit row. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.patrol.model import Checkpoint
from central.patrol_map.layers import CHECKPOINTS, Layer
from central.patrol_map.model import MapPicture, PatrolMap
from central.patrol_map.pictures import GRID_PX, Picture
from central.patrol_map.places import Places, percent
from central.sites.places import check_place
from central.sites.scope import Scope

MAPS_MAX: Final = 100
"""Maps of one estate."""


def checkpoints_of(scope: Scope, site_id: int) -> list[Checkpoint]:
    """The checkpoints in use of an estate that the operator sees, by number."""
    query = (
        Checkpoint.select()
        .where(Checkpoint.active & (Checkpoint.site == site_id))
        .order_by(Checkpoint.number)
    )
    return list(scope.filter(query))


def places_on(found: PatrolMap, layer: Layer = CHECKPOINTS) -> Places:
    """What of a layer lies where on a map."""
    places: Any = layer.places
    rows = places.select(layer.column, places.x_permille, places.y_permille)
    return {row[0]: (row[1], row[2]) for row in rows.where(places.map == found.id).tuples()}


def create(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    name: str,
    site_id: int,
    organisation_id: int,
    at: datetime,
) -> PatrolMap:
    """A map with an empty grid.

    :raises ConflictError: the name is another map's, or the estate has too many maps.
    :raises InvalidInputError: there is no such estate or organisation for this operator.
    """
    check_place(scope, site_id, organisation_id)
    if PatrolMap.select().where(PatrolMap.site == site_id).count() >= MAPS_MAX:
        raise ConflictError("The estate has too many maps. Remove one first.")
    _check_name(site_id, name)
    width_px, height_px = GRID_PX
    made = PatrolMap.create(
        site=site_id,
        organisation=organisation_id,
        name=name,
        width_px=width_px,
        height_px=height_px,
        changed_at=at,
    )
    _audit(centre, actor, "patrol.map_create", made, None, {"name": name})
    return made


def rename(centre: Centre, scope: Scope, actor: Actor, map_id: int, name: str, at: datetime) -> None:
    """Call a map otherwise.

    :raises ConflictError: the name is another map's.
    """
    found = _changeable(scope, map_id)
    _check_name(found.site_id, name, map_id)
    before = found.name
    found.name = name
    _save(found, at)
    _audit(centre, actor, "patrol.map_rename", found, {"name": before}, {"name": name})


def set_places(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    map_id: int,
    seen: int | None,
    places: Places,
    at: datetime,
    layer: Layer = CHECKPOINTS,
) -> None:
    """Lay the things of a layer that the operator sees so, and only so; those of others stay where they are.

    :raises ConflictError: somebody has changed the map meanwhile.
    :raises InvalidInputError: one of them is not one of the estate that the operator sees.
    """
    found = _changeable(scope, map_id)
    if seen != found.version:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    known = {one.id: one.number for one in layer.things(scope, found.site_id)}
    if not places.keys() <= known.keys():
        raise InvalidInputError(layer.unknown)
    kept = places_on(found, layer)
    before = {number: place for number, place in kept.items() if number in known}
    if before == places:
        return
    table: Any = layer.places
    table.delete().where((table.map == map_id) & layer.column.in_(sorted(known))).execute()
    for thing_id, (x, y) in sorted(places.items()):
        table.create(map=map_id, x_permille=x, y_permille=y, **{layer.column.name: thing_id})
    _save(found, at)
    _audit(centre, actor, layer.action, found, _said(found, before, known), _said(found, places, known))


def set_picture(
    centre: Centre, scope: Scope, actor: Actor, map_id: int, picture: Picture | None, at: datetime
) -> None:
    """Lay a picture under a map; None: an empty grid again. Checkpoints keep their places in percent."""
    found = _changeable(scope, map_id)
    before = found.digest
    MapPicture.delete().where(MapPicture.map == map_id).execute()
    found.digest, (found.width_px, found.height_px) = "", GRID_PX
    if picture is not None:
        found.digest, found.width_px, found.height_px = picture.digest, picture.width_px, picture.height_px
        MapPicture.create(map=map_id, image=picture.image)
    _save(found, at)
    rows = ({"name": found.name, "picture": digest} for digest in (before, found.digest))
    _audit(centre, actor, "patrol.map_picture", found, *rows)


def remove(centre: Centre, scope: Scope, actor: Actor, map_id: int) -> None:
    """Take a map away. Its checkpoints and everything recorded at them stay."""
    found = _changeable(scope, map_id)
    numbers = {one.id: one.number for one in checkpoints_of(scope, found.site_id)}
    _audit(centre, actor, "patrol.map_remove", found, _said(found, places_on(found), numbers), None)
    found.delete_instance()


def picture_of(scope: Scope, map_id: int) -> tuple[str, bytes] | None:
    """Digest and JPEG of a map's picture, None without one. Inside ``db.read``."""
    found = scope.get(PatrolMap, map_id)
    row = MapPicture.get_or_none(MapPicture.map == map_id)
    return None if row is None else (found.digest, bytes(row.image))


def _changeable(scope: Scope, map_id: int) -> PatrolMap:
    found = scope.get(PatrolMap, map_id)
    check_place(scope, found.site_id, found.organisation_id)
    return found


def _check_name(site_id: int, name: str, map_id: int = 0) -> None:
    same = (PatrolMap.site == site_id) & (PatrolMap.name == name) & (PatrolMap.id != map_id)
    if PatrolMap.select().where(same).exists():
        raise ConflictError("There is a map with this name already.")


def _save(found: PatrolMap, at: datetime) -> None:
    found.version += 1
    found.changed_at = at
    found.save()


def _said(
    found: PatrolMap, places: Mapping[int, tuple[int, int]], numbers: Mapping[int, int]
) -> dict[str, Any]:
    """For the audit: what lies there by its number, places in percent."""
    known = {one: place for one, place in places.items() if one in numbers}
    lines = {numbers[one]: f"{percent(x)}/{percent(y)}" for one, (x, y) in known.items()}
    return {"name": found.name, "places": [f"{number}: {lines[number]}" for number in sorted(lines)]}


def _audit(centre: Centre, actor: Actor, action: str, found: PatrolMap, before: Any, after: Any) -> None:
    centre.audit.record(
        actor,
        action,
        "patrol_map",
        found.id,
        before,
        after,
        site_id=found.site_id,
        organisation_id=found.organisation_id,
    )
