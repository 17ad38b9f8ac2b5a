"""Cards that are decided together get what each of them would get by itself, from the View that the device really holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from central.access import rows as access_rows
from central.access.card_groups import CardGroups
from central.access.explain import SOME_PIN, presentation
from central.access.model import AccessPoint, Door, Schedule
from central.access.openers import BESIDE, openers_of, openings_of
from central.cards.credentials import TIER
from central.cards.model import CardCredential
from central.nodes.model import Device
from central.sync import publish
from central.sync.model import DeviceScope, PublishedRow, RowTag
from central.sync.storage import read_heads, rows_of_scope
from protocol.card_layout.credential import Medium
from protocol.decide import Instant, PointState, decide
from protocol.ids import CardKey, Stream, Tier, credential_key, uid_key
from protocol.reasons import DISABLING, is_granted
from protocol.records import (
    CardFlag,
    CardRow,
    Change,
    HoursRow,
    Kind,
    RestrictionRow,
    UsesRow,
    put,
    without_holder,
)
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.support.estate import NOON, Estate, card_row, later
from tests.support.thorough import THOROUGH

DISABLING_FIRST = min(DISABLING)
CARDS = 40
TIMES = [NOON, NOON.replace(hour=14), later(days=40)]
CHOICES: dict[str, list[Any]] = {
    "is_there": [True, True, True, True, False],
    "valid_from_s": [0, 0, int(later(days=30).timestamp())],
    "valid_until_s": [0, 0, int(NOON.timestamp())],
    "issue_no": [1, 2],
    "levels": [(), (1,), (2,), (1, 2), (1, 99)],
    "flags": [
        CardFlag.NONE,
        CardFlag.NONE,
        CardFlag.NEEDS_ESCORT,
        CardFlag.MAY_ESCORT,
        CardFlag.DURESS,
        CardFlag.ACCESS_CLOSED,
    ],
    "limited": [False, False, "gate", "desk"],
    "uses_max": [0, 0, 2],
    "used": [((1, 1),), ((1, 2),), ((1, 1), (2, 1))],
    "hours": [None, None, (0b1111111, 8 * 60, 11 * 60), (0b1111111, 8 * 60, 23 * 60)],
    "pin": [True, False],
    "dead": [None, None, None, 1, 2],
    "medium": list(Medium),
    "is_random": [False, False, False, True],
    "reported": [False, False, True],
}
"""What a card may be like. ``dead``: on the hotlist through that issue, put there by a device if ``reported``."""


class Published:
    """Rows of cards as they might be published. Most cards are alike but for one thing, so that forgetting it shows."""

    def __init__(self, estate: Estate, seed: int) -> None:
        self._estate, self._random = estate, random.Random(seed)
        self.ids: list[int] = []
        self.keys: dict[int, list[CardKey]] = {}
        self.handed_over: set[int] = set()
        plain = {name: values[0] for name, values in CHOICES.items()}
        self._likes = [{**plain, "uses_max": 2, "levels": (1,)}, self._any()]

    def _any(self) -> dict[str, Any]:
        return {name: self._random.choice(values) for name, values in CHOICES.items()}

    def begin(self) -> None:
        """Doors with their rules, readers, levels, and the cards with nothing yet."""
        estate = self._estate
        Schedule.update(periods=[[0b1111111, 8 * 60, 18 * 60]]).execute()
        pin = self._random.choice([None, estate.office_hours, ALWAYS])
        Door.update(persons=self._random.choice([1, 1, 2]), pin_schedule=pin).execute()
        AccessPoint.update(tier_min=self._random.choice(list(Tier)).value).where(
            AccessPoint.id == estate.exit
        ).execute()
        publish.schedule_changed(estate.office_hours)
        publish.device_changed(estate.gate_device)
        publish.device_changed(estate.desk_device)
        for level in (estate.level, estate.office_level):
            publish.level_changed(level)
        for number in range(CARDS):
            values = {"site": estate.site, "organisation": estate.organisation, "card_no": f"{number:04d}"}
            self.ids.append(card_row(**values).id)

    def shuffle(self, numbers: list[int]) -> None:
        """Give these cards other rows, or none."""
        revision = publish.Revision()
        for number in set(numbers) - self.handed_over:
            like = {**self._random.choice(self._likes)}
            other = self._random.choice(["medium"] if number % 6 == 0 else list(CHOICES))
            like[other] = self._random.choice(CHOICES[other])
            self._publish(revision, number, like, self._keys_of(number, like))
        revision.announce()

    def hand_over(self, giver: int, taker: int) -> None:
        """A key becomes that of another card, which loses its own; nothing else is published of the former card."""
        revision = publish.Revision()
        self.handed_over = {giver, taker}
        keys, self.keys[giver] = self.keys.get(giver, []), []
        for key in keys:
            for kind in (Kind.CARD, Kind.USES, Kind.HOURS, Kind.PIN):
                self._set(revision, kind, key, b"", set(), taker)
        self._publish(revision, taker, self._likes[0], keys)
        revision.announce()

    @staticmethod
    def _keys_of(number: int, like: dict[str, Any]) -> list[CardKey]:
        """A third have a credential, half of these beside the UID; what is written anew has another number."""
        uid = (
            b"\x08" + number.to_bytes(3, "big")
            if like["is_random"]
            else number.to_bytes(4, "big") + b"\1\2\3"
        )
        credential = credential_key(bytes(6) + bytes((like["medium"].value, number)))
        return {0: [credential], 3: [credential, uid_key(uid)]}.get(number % 6, [uid_key(uid)])

    def _publish(
        self, revision: publish.Revision, number: int, like: dict[str, Any], keys: list[CardKey]
    ) -> None:
        site, limited = f"site:{self._estate.site}", like["limited"]
        for former in self.keys.get(number, []):
            if former not in keys:
                for kind in (Kind.CARD, Kind.USES, Kind.HOURS, Kind.PIN):
                    self._set(revision, kind, former, b"", set(), number)
        self.keys[number] = keys
        if any(key[:1] == b"C" for key in keys):
            CardCredential.delete().where(CardCredential.card == number).execute()
            CardCredential.create(
                card=number,
                medium=like["medium"].value,
                seq=1,
                generation=1,
                issuer_version=1,
                written_at=NOON,
            )
        names = ("valid_from_s", "valid_until_s", "issue_no", "levels", "flags")
        row = CardRow(holder=number, **{name: like[name] for name in names})
        tags = {f"level:{level}" for level in row.levels}
        if limited:
            device = self._estate.gate_device if limited == "gate" else self._estate.desk_device
            tags = {f"device:{device}"}
        dead = like["dead"] and RestrictionRow(DISABLING_FIRST, like["dead"], number)
        for key in keys:
            uses = UsesRow(number, row.issue_no, like["uses_max"], like["used"])
            own: dict[Kind, Any] = {
                Kind.CARD: row,
                Kind.USES: uses if like["uses_max"] else None,
                Kind.HOURS: HoursRow((like["hours"],)) if like["hours"] else None,
            }
            for kind, value in own.items():
                body = put(key, value).body if value is not None and like["is_there"] else b""
                self._set(revision, kind, key, body, tags, number)
            pin_tags = {f"{publish.PIN_TAG}{tag}" for tag in tags}
            pin = SOME_PIN if like["pin"] and like["is_there"] else b""
            self._set(revision, Kind.PIN, key, pin, pin_tags, number)
            body = put(key, dead).body if dead else b""
            self._set(revision, Kind.RESTRICTION, key, body, {site}, 0 if like["reported"] else number)

    def _set(
        self, revision: publish.Revision, kind: Kind, key: bytes, body: bytes, tags: set[str], number: int
    ) -> None:
        owner = f"card:{number}" if number else "reported"
        publish.set_body(revision, f"site:{self._estate.site}", kind, key, body, tags, owner)

    def one_by_one(self, point: AccessPoint, at: datetime) -> dict[int, Any]:
        """What ``decide`` says to each card that stands in the View of the device."""
        view = View()
        changes = [
            row
            for stream in (Stream.ACCESS, Stream.RESTRICTIONS)
            for row in rows_of_scope(point.device.name, stream)
        ]
        changes += access_rows.readable_zone_rows(point.device_id)
        scope = DeviceScope.get_by_id(point.device_id).tags
        pins = PublishedRow.select(PublishedRow.kind, PublishedRow.key, PublishedRow.body).join(RowTag)
        pins = pins.where((PublishedRow.kind == Kind.PIN.value) & RowTag.tag.in_(scope) & ~RowTag.removed)
        changes += [Change(kind, bytes(key), bytes(body)) for kind, key, body in pins.tuples() if body]
        view = view.apply(changes, read_heads())
        at_point = view.access_points.get(point.id)
        if at_point is None:
            return {}
        now, found = Instant(int(at.timestamp() * 1_000)), {}
        for number in self.ids:
            keys = [key for key in sorted(self.keys.get(number, [])) if view.card(key) is not None]
            if not keys:
                continue
            row = view.card(keys[0])
            assert row is not None
            written = CardCredential.get_or_none(CardCredential.card == number)
            tier = TIER[Medium(written.medium)] if keys[0][:1] == b"C" and written else Tier.UID_ONLY
            uid = next((key[1:] for key in keys if key[:1] == b"U"), None)
            shown = presentation(keys[0], view, uid=uid, issue_no=row.issue_no, tier=tier)
            found[number] = decide(shown, view, at_point, PointState(mode=at_point.mode), now)
        return found


@pytest.mark.parametrize("seed", range(6 if THOROUGH else 2))
def test_together_is_as_one_by_one_also_after_changes(estate: Estate, seed: int) -> None:
    """The groups are kept from one question to the next, and follow what is published.

    Planted breaks that turn it red, each tried: ``_add`` without the restriction, the uses, the hours, the random UID, the limit
    to devices or the medium in the shape; ``_changed_since`` without one of the streams, or without who had the key before;
    ``_drop`` leaving the card in its group; ``changes_for`` without PINs.
    """
    published, kept = Published(estate, seed), CardGroups()
    estate.write(published.begin)
    shuffler = random.Random(seed)
    points: list[Callable[[], AccessPoint]] = [
        lambda: AccessPoint.get_by_id(estate.entrance),
        lambda: AccessPoint.get_by_id(estate.exit),
    ]
    for turn in range(5):
        if turn == 3:
            estate.write(published.hand_over, *shuffler.sample(published.ids, 2))
        else:
            some = published.ids if turn == 0 else shuffler.sample(published.ids, 5)
            estate.write(published.shuffle, some)
        for at in TIMES:
            for point in points:
                singly = estate.read(lambda point=point, at=at: published.one_by_one(point(), at))
                together = estate.read(lambda point=point, at=at: openers_of(point(), at, kept))
                assert {card: (way.reason, way.schedule) for card, way in together.items()} == {
                    card: (decision.reason, decision.schedule)
                    for card, decision in singly.items()
                    if is_granted(decision.reason) or decision.reason in BESIDE
                }
                ways = estate.read(openings_of, published.ids, at)
                number = estate.read(point).id
                here = {card: way.reason for card, way in ways if way.point_id == number}
                assert here == {card: singly[card].reason for card in here}
                assert together.keys() <= here.keys()
        device = estate.read(lambda: Device.get_by_id(estate.gate_device).site_id)
        with_groups = estate.read(lambda device=device: _members(kept, device))
        assert sorted(with_groups) == sorted(set(with_groups)), "each card is in one group"


@pytest.mark.parametrize("change", ["used up", "another key"])
def test_who_leaves_a_group_takes_nothing_from_the_others(estate: Estate, change: str) -> None:
    """The card whose rows stand for its group is used up, or its key becomes that of a card that is.

    Planted break: let the rows of a card that has gone stand for those that stay.
    """
    published, kept = Published(estate, 0), CardGroups()
    estate.write(published.begin)
    estate.write(lambda: Door.update(persons=1, pin_schedule=None).execute() and None)
    estate.write(publish.device_changed, estate.gate_device)
    alike = {**{name: values[0] for name, values in CHOICES.items()}, "levels": (1,), "uses_max": 2}
    used_up = ((1, 2),)
    *all_alike, last = published.ids[:4]

    def put_rows(number: int, keys: list[CardKey] | None = None, **values: Any) -> None:
        like, revision = {**alike, **values}, publish.Revision()
        published._publish(revision, number, like, keys or published._keys_of(number, like))
        revision.announce()

    def opening() -> set[int]:
        return set(openers_of(AccessPoint.get_by_id(estate.entrance), NOON, kept))

    for number in all_alike:
        estate.write(put_rows, number)
    assert estate.read(opening) == set(all_alike)
    for who in all_alike:  # whichever stands for the group
        if change == "used up":
            estate.write(put_rows, who, used=used_up)
            assert estate.read(opening) == set(all_alike) - {who}
        else:
            keys = published.keys[who]
            estate.write(put_rows, who, [uid_key(bytes((4, who, 9, 9, 9, 9, 9)))])
            estate.write(put_rows, last, keys, used=used_up)
            assert estate.read(opening) == set(all_alike)
            published.keys[last] = []
        estate.write(put_rows, who)
        assert estate.read(opening) == set(all_alike)


def _members(kept: CardGroups, site: int) -> list[int]:
    with kept.of(site) as groups:
        return [card for group in groups for card in group.cards]


@pytest.mark.parametrize("holder", [1, 127, 128, 255, 256, 65_535, 65_536, 2**31 + 5])
def test_rows_of_two_holders_are_the_same_without_them(holder: int) -> None:
    """Planted break: one width too little in ``_AFTER_NUMBER``."""
    rows = [CardRow(number, 7, 70_000, 1, (1, 2, 300), CardFlag.DURESS, 3) for number in (holder, 9)]
    assert len({without_holder(put(uid_key(b"\4\1\2\3"), row).body) for row in rows}) == 1
