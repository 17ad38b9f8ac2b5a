"""Who can open this door? One estate with 50,000 cards in use: the first page, the next, and after a card was changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.access.card_groups import CardGroups
from central.access.model import AccessLevel, LevelEntry
from central.access.opener_pages import OPENERS, OPENINGS, Asker
from central.bulk import insert_rows
from central.cards.model import Card, CardIntake
from central.cards.rules import Holding, Origin
from central.sites.scope import Grant, Scope
from central.sync import publish
from central.sync.model import PublishedRow, RowTag
from central.web.catalogue import Language
from central.web.cursors import encode_cursor
from central.web.fields import Choice
from central.web.i18n import use
from protocol.ids import Stream, uid_key
from protocol.records import CardRow, Kind, put
from protocol.schedule import ALWAYS
from tests.bench.measure import Row, each_cpu_us, percentile
from tests.support.estate import NOON, Estate

CARDS: Final = 50_000
LEVELS: Final = 20
TIMES: Final = 20
GOAL_MS: Final = 100.0


def fill(estate: Estate) -> None:
    """Each card with one or two of twenty levels that all have the gate; a fifth of them is over."""
    levels = [estate.level, estate.office_level]
    for number in range(LEVELS):
        level = AccessLevel.create(site=estate.site, name=f"楼{number}").id
        LevelEntry.create(level=level, point=estate.entrance, schedule=ALWAYS)
        levels.append(level)
    publish.device_changed(estate.gate_device)
    publish.schedule_changed(estate.office_hours)
    for level in levels:
        publish.level_changed(level)
    place = {"site": estate.site, "organisation": estate.organisation}
    intake = CardIntake.create(
        **place, origin=Origin.FIRST_ISSUE.value, cards_count=CARDS, first_no="1", last_no=str(CARDS), at=NOON
    )
    shuffled = random.Random(7)
    cards: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    tags: list[dict[str, Any]] = []
    first = PublishedRow.select().order_by(PublishedRow.id.desc()).get().id + 1
    for number in range(1, CARDS + 1):
        own = tuple(sorted(shuffled.sample(levels, shuffled.choice((1, 1, 2)))))
        until_s = int(NOON.timestamp()) + shuffled.choice((-1, 1, 1, 1, 1)) * 86_400
        uid = bytes((4, *number.to_bytes(6, "big")))
        change = put(uid_key(uid), CardRow(number, 0, until_s, 1, own))
        cards.append(
            {
                "id": number, **place, "intake": intake, "card_no": f"{number:08d}", "uid": uid, "issue_no": 1,
                "holding": Holding.IN_USE.value, "reasons": [], "holder_unit": f"{number}室", "uses_max": 0, "in_transit": False,
                "created_at": NOON, "changed_at": NOON, "version": 1,
            }
        )  # fmt: skip
        rows.append(
            {
                "id": first + number, "space": f"site:{estate.site}", "kind": Kind.CARD.value, "key": change.key,
                "stream": Stream.ACCESS.value, "body": change.body, "revision": 1, "owner": f"card:{number}",
            }
        )  # fmt: skip
        tags += [{"row": first + number, "tag": f"level:{level}", "removed": False} for level in own]
    for model, made in ((Card, cards), (PublishedRow, rows), (RowTag, tags)):
        insert_rows(model, made)


def timed(estate: Estate, ask: Callable[[], Any], times: int) -> list[float]:
    """Milliseconds of CPU of each: nothing waits here."""
    return [us / 1_000 for us in each_cpu_us(estate.db.call_read, [ask] * times)]


def measured(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each question."""
    estate = Estate(folder)
    use(Language.EN, ZoneInfo("Asia/Shanghai"))
    estate.db.call_write(fill, estate)
    asker = Asker(Scope.of([Grant()]), NOON, True, CardGroups())
    choices = {"reader": [Choice(str(estate.entrance), "东门进")]}
    asked = {"reader": str(estate.entrance), "at": "2026-07-01T12:00"}

    def page(**more: str) -> Any:
        return OPENERS.view({**asked, **more}, choices).fetch(asker)

    found = {"cold": timed(estate, page, 1), "first": timed(estate, page, TIMES)}
    found["next"] = timed(estate, lambda: page(after=encode_cursor((20_000, 20_000))), TIMES)
    found["changed"] = []
    for number in range(1, TIMES + 1):
        estate.db.call_write(publish.cards_changed, [number])
        found["changed"] += timed(estate, page, 1)
    found["card"] = timed(estate, lambda: OPENINGS.view({**asked, "q": "00000777"}, {}).fetch(asker), TIMES)
    estate.close()
    return found


def rows() -> list[Row]:
    """The first page and page turns are at most 100 ms; the first question after a start reads every card once."""
    with TemporaryDirectory(prefix="onecard-bench-") as name:
        found = measured(Path(name))
    made = []
    for key, text in (
        ("first", "who can open: first page"),
        ("next", "who can open: another page"),
        ("changed", "who can open: after a card was changed"),
        ("card", "which doors does a card open"),
    ):
        p50 = percentile(found[key], 50)
        goal = f"<= {GOAL_MS:.0f} ms"
        made.append(Row(f"{text}, p50", "ms", p50, None, None, goal, p50 <= GOAL_MS, f"{CARDS:,} cards"))
    cold = found["cold"][0]
    made.append(Row("who can open: first since the start", "ms", cold, None, None, "reported", None))
    return made
