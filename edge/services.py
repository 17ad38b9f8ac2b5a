"""What runs beside the doors, made once the first decision is possible: status socket, control line, centre, calendar."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.cache.outbox import Outbox
from edge.clock import MachineTime
from edge.config import NodeConfig
from edge.node import Node
from edge.parts import Service
from edge.report import Report
from edge.status import StatusServer

if TYPE_CHECKING:
    from edge.emulated import Emulation

LAUNCHED: Final = "ONECARD_LAUNCHED"
"""Set by the launcher to where releases stand. It alone can put one back: without it none is taken."""
_log: Final = logging.getLogger(__name__)


async def services_of(
    node: Node,
    config: NodeConfig,
    outbox: Outbox,
    time: MachineTime,
    emulation: Emulation | None,
    *,
    has_status: bool = True,
) -> list[Service]:
    """The services of this node, in the order in which they are to be started.

    :param has_status: False where there are no unix sockets.
    """
    report = Report(node, config.name)
    services: list[Service] = []
    sync_now, load = _nothing, None
    if config.centre or config.serial is not None:
        from edge.membership import Membership

        membership = Membership(node, config, outbox, report)
        if config.release_key and (home := os.environ.get(LAUNCHED)):
            from edge.update.updates import Updates

            report.updates = membership.updates = Updates(
                node, Path(home), config.data_dir, config.release_key, config.update_trial_s, membership
            )
            services.append(report.updates)
        services.append(membership)
        sync_now, load = membership.sync_now, membership.load
        if emulation is not None:
            emulation.membership = membership
    if has_status:
        services.insert(0, StatusServer(config.status_socket, report.status, load))
    if emulation is not None:
        services.insert(0, emulation)

    from edge.jobs import Jobs

    def nightly() -> None:
        node.upkeep.prove(node.recorder.call)

    jobs = Jobs(
        node.keeper,
        time,
        lambda: node.configuration.view.calendar.zone,
        sync_now,
        nightly,
        period_s=config.period_s,
    )
    node.upkeep.rebuild_jobs = jobs.rebuild
    node.upkeep.pace_jobs = jobs.pace
    services.append(jobs)
    return services


def _nothing() -> None:
    """There is no centre to sync with."""
