"""The built-in roles, as data: which sub-system, which verbs. Administrators may change them on the roles page.

They follow the stations of the source (17): card centre with patrol, doors, personnel, canteen, fees; beside them the
guard, the manager who reads everything, and the installer who sets up devices. What opens a door by hand asks for
("access", "approve"): a guard may do it, without being able to change who has a right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from central.routes import SUB_SYSTEMS, VERBS, Pair, SubSystem, Verb
from central.security.model import Role
from central.web.i18n import LazyText, lazy

ADMINISTRATOR: Final = "administrator"
_VIEW: Final[tuple[Verb, ...]] = ("view",)
_WORK: Final[tuple[Verb, ...]] = ("view", "edit")
_READ: Final[tuple[Verb, ...]] = ("view", "export")
_ALL: Final = VERBS

TITLES: Final[dict[str, LazyText]] = {
    ADMINISTRATOR: lazy("Administrator"),
    "card_centre": lazy("Card centre"),
    "doors": lazy("Doors"),
    "personnel": lazy("Personnel"),
    "canteen": lazy("Canteen"),
    "fees": lazy("Fee collection"),
    "guard": lazy("Security guard"),
    "night_guard": lazy("Duty guard at night"),
    "manager": lazy("Manager"),
    "installer": lazy("Installer"),
    "figures": lazy("Figures only"),
}

BUILT_IN: Final[dict[str, Mapping[SubSystem, tuple[Verb, ...]]]] = {
    ADMINISTRATOR: dict.fromkeys(SUB_SYSTEMS, _ALL),
    "card_centre": {
        "cards": _ALL,
        "losses": _WORK,
        "people": ("view", "edit", "export"),
        "duty": _ALL,
        "personal": _VIEW,
        "purse": _WORK,
        "patrol": _ALL,
        "access": _READ,
        "nodes": _VIEW,
        "sites": _VIEW,
        "system": _VIEW,
    },
    "doors": {
        "access": _ALL,
        "nodes": _WORK,
        "cards": _WORK,
        "people": _VIEW,
        "duty": _ALL,
        "sites": _VIEW,
        "system": _VIEW,
    },
    "personnel": {
        "people": ("view", "edit", "export"),
        "personal": ("view", "export", "approve"),
        "attendance": _ALL,
        "cards": _VIEW,
        "sites": _VIEW,
        "system": _VIEW,
    },
    "canteen": {"purse": _ALL, "people": _VIEW, "cards": _VIEW, "system": _VIEW},
    "fees": {"fees": _ALL, "people": _VIEW, "parking": _VIEW, "system": _VIEW},
    "guard": {
        "access": ("view", "approve"),
        "patrol": _VIEW,
        "parking": _VIEW,
        "cards": _VIEW,
        "people": _VIEW,
        "duty": _WORK,
        "nodes": _VIEW,
        "system": _VIEW,
    },
    "night_guard": {"losses": _WORK},
    "manager": dict.fromkeys((name for name in SUB_SYSTEMS if name not in ("keys", "personal")), _READ),
    "installer": {"nodes": _WORK, "duty": _WORK, "access": _VIEW, "sites": _VIEW, "system": _VIEW},
    "figures": {"figures": _READ},
}
assert BUILT_IN.keys() == TITLES.keys()


def pairs_of(role: Mapping[SubSystem, tuple[Verb, ...]]) -> list[Pair]:
    """The (sub-system, verb) pairs of a built-in role, sorted."""
    return sorted((sub_system, verb) for sub_system, verbs in role.items() for verb in verbs)


def create_built_in() -> dict[str, Role]:
    """Make the built-in roles that are not there yet; inside ``db.write``. Those that were changed stay changed."""
    for key, role in BUILT_IN.items():
        Role.insert(
            key=key, title=TITLES[key].message, built_in=True, permissions=pairs_of(role)
        ).on_conflict_ignore().execute()
    return {role.key: role for role in Role.select().where(Role.key.in_(list(BUILT_IN)))}


def title_of(role: Role) -> str:
    """The title as shown: translated for a built-in role, as typed for another."""
    return str(TITLES[role.key]) if role.key in TITLES else str(role.title)
