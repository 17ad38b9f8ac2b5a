"""`make bench`: measure, print the table, write build/bench.json. Never part of `make test`: a busy machine is no bug."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench import configuration, decisions, node, openers, patrol, reader, site, start, swipes
from tests.bench.measure import Row

SUITES = {
    "decisions": decisions.rows,
    "swipes": swipes.rows,
    "configuration": configuration.rows,
    "reader": reader.rows,
    "start": start.rows,
    "node": node.rows,
    "patrol": patrol.rows,
    "openers": openers.rows,
    "site": site.rows,
}


def table(rows: list[Row]) -> str:
    """The rows for a terminal."""
    lines = [f"{'':<46}{'ours':>12}{'limit':>12}{'plain':>12}{'x limit':>9}{'plain x':>9}  goal"]
    for row in rows:
        numbers = [f"{value:,.2f}" if value is not None else "-" for value in (row.ours, row.limit, row.peer)]
        found = row.as_json()
        ratios = [
            f"{found[name]:.2f}" if found[name] is not None else "-"
            for name in ("ours_to_limit", "peer_to_ours")
        ]
        word = {True: "met", False: "NOT MET", None: "reported"}[row.met]
        lines.append(
            f"{row.name + ' [' + row.unit + ']':<46}{numbers[0]:>12}{numbers[1]:>12}{numbers[2]:>12}"
            f"{ratios[0]:>9}{ratios[1]:>9}  {row.goal}: {word}"
        )
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Run the named suites, or all. Always 0: the table is for people to judge."""
    rows = [row for name, suite in SUITES.items() if not names or name in names for row in suite()]
    print(table(rows))
    build = Path(__file__).parents[2] / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(
        json.dumps([row.as_json() for row in rows], indent=1) + "\n", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
