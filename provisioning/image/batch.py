"""Many devices from one list: a CSV file with a heading, one device a line.

Columns: ``node`` and ``ticket`` (a path, from the folder of the list) are needed; ``site``, ``address``, ``gateway``,
``dns`` (with spaces between) and ``role`` may be there and go before what the command line says. Every line is checked
before the first image is made.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

from provisioning.image import network as net
from provisioning.image import seed as seeds
from provisioning.image.errors import ImageError, RefusedError
from provisioning.image.seed import Given, Seed
from provisioning.texts import N_

NEEDED: Final = ("node", "ticket")
COLUMNS: Final = (*NEEDED, "site", "address", "gateway", "dns", "role")
ROWS_MAX: Final = 1_000


def read(path: Path, common: Given) -> list[Seed]:
    """One seed for each line.

    :raises RefusedError: the first thing that is wrong, with its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedError(
            N_("%(path)s is no CSV file in UTF-8: %(error)s"), path=path, error=error
        ) from error
    columns = set(rows[0]) if rows else set()
    if not rows or len(rows) > ROWS_MAX or not set(NEEDED) <= columns or not columns <= set(COLUMNS):
        raise RefusedError(
            N_("%(path)s: needs 1 to %(most)s lines, the columns %(needed)s, and no others than %(known)s."),
            path=path,
            most=ROWS_MAX,
            needed=", ".join(NEEDED),
            known=", ".join(COLUMNS),
        )
    found: list[Seed] = []
    addresses: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        try:
            seed = seeds.make(
                _given({key: (value or "").strip() for key, value in row.items()}, path.parent, common)
            )
            address = seed.network.address.partition("/")[0]
            if address and addresses.setdefault(address, seed.config.name) != seed.config.name:
                raise RefusedError(N_("%(address)s is given twice."), address=address)
            if seed.host_name in {other.host_name for other in found}:
                raise RefusedError(
                    N_("%(node)s is given twice, or under a like name."), node=seed.config.name
                )
            if seed.ticket_id in {other.ticket_id for other in found}:
                raise RefusedError(N_("The ticket %(ticket)s is given twice."), ticket=seed.ticket_id)
        except ImageError as error:
            raise AtLineError(path, line, error) from error
        except OSError as error:
            raise AtLineError(
                path, line, RefusedError(N_("%(path)s: %(error)s"), path=error.filename, error=error.strerror)
            ) from error
        found.append(seed)
    return found


class AtLineError(RefusedError):
    """Something is wrong in one line of the list."""

    def __init__(self, path: Path, line: int, cause: ImageError) -> None:
        super().__init__(N_("%(path)s, line %(line)s: %(cause)s"), path=path, line=line, cause=cause)
        self.cause = cause

    def text(self, _: object) -> str:
        assert callable(_)
        return str(_(self.message, **{**self.values, "cause": self.cause.text(_)}))


def _given(row: dict[str, str], folder: Path, common: Given) -> Given:
    changed = {
        key: value
        for key, value in (
            ("address", row.get("address", "")),
            ("gateway", row.get("gateway", "")),
            ("dns", tuple(row.get("dns", "").split())),
        )
        if value
    }
    network = replace(common.network, **changed)  # type: ignore[arg-type]  # each of its own type
    net.check(network)
    return replace(
        common,
        node=row["node"],
        ticket_file=folder / row["ticket"],
        site=row.get("site") or common.site,
        role=row.get("role") or common.role,
        network=network,
    )
