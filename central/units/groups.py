"""Devices that one sub-system looks after, and how its pages speak of them: patrol units, door controllers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from central.nodes.model import Device
from central.routes import SubSystem
from central.sites.scope import Scope
from central.web.i18n import LazyText


@dataclass(frozen=True)
class Group:
    """See the module. ``ids`` and ``query`` run inside ``db``; the rows of a query have the columns of ``nodes.standing``.

    ``path``: of the list; a device has its number after it, acts stand under ``/act`` and ``/acts``. ``step_up``: acts ask
    for the password once more (T10). ``explained``: what each act does, in words.
    """

    path: str
    sub_system: SubSystem
    help_section: str
    title: LazyText
    one: LazyText
    everyone: LazyText
    heading: LazyText
    explained: tuple[LazyText, ...]
    nothing: tuple[LazyText, LazyText, str, LazyText]
    ids: Callable[[], Collection[int]]
    query: Callable[[Scope], Any]
    step_up: bool = False

    def device(self, scope: Scope, number: int) -> Device:
        """One of them, in the scope.

        :raises NotFoundError: there is none.
        """
        found: Device = scope.get(Device, number)
        if found.id not in self.ids():
            scope.get(Device, 0)  # there is no such device
        return found
