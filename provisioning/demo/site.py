"""The sample site: an estate with three devices, people, and a card for every case that a guard meets.

Written straight into a new database through the centre's own functions, before the centre starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from central import settings
from central.access import entitlement
from central.access.model import AccessLevel, AccessPoint, LevelEntry, Schedule
from central.cards import acts
from central.cards.acts import By, Terms
from central.cards.model import CardClass
from central.faces.sample import make_template
from central.nodes import service as devices
from central.nodes.service import DeviceInput
from central.people import service as people
from central.people.service import PersonInput
from central.purse import life_cycle
from central.purse import service as purse
from central.purse.rules import Means
from central.security.links import Purpose, make_link
from central.security.model import ApiToken, Operator, OperatorGrant, OperatorRole
from central.security.roles import create_built_in
from central.security.sessions import hash_token, new_token
from central.security.tokens import PREFIX
from central.sites.model import Organisation, Site
from central.sync import publish
from protocol.schedule import ALWAYS
from provisioning.demo import attendance, patrol
from provisioning.texts import N_

ZONE: Final = "Asia/Shanghai"
ACCESS: Final = entitlement.Levels.name
"""Importing the levels also makes them known to the cards: without them a card opens no door."""
FOLLOWS_CARDS: Final = life_cycle.follow
"""And importing this opens a purse with each card."""
PAID_IN_FEN: Final = 5_000
"""What the people of the sample site have paid in, each."""


@dataclass(frozen=True)
class DemoDevice:
    """A device of the site, and the ticket by which it joins."""

    name: str
    label: str
    readers: tuple[str, ...]
    board: str
    role: str
    ticket: str
    has_door: bool = True


@dataclass(frozen=True)
class DemoCard:
    """A card of the virtual tap page. ``what``: a message id of what it is."""

    what: str
    kind: str
    uid: str
    holder: str = ""


@dataclass(frozen=True)
class DemoSite:
    """What the demo needs to know of what it has made."""

    login_path: str
    token: str
    """Of the tap page, which reads the newest events as any other program does."""
    devices: tuple[DemoDevice, ...]
    cards: tuple[DemoCard, ...]


_DEVICES: Final = (
    ("east-gate", 1, "东门", "东区入口", "door_both", ("门外", "门内")),
    ("hall", 2, "大堂", "1 栋大堂", "door", ("门外",)),
    ("card-desk", 3, "发卡台", "管理中心", "issuer", ("发卡器",)),
)
_PEOPLE: Final = (
    ("0101", "林晓梅", "owner", "", "1栋", "101", "classic1k", "04A1B2C3D4E5F6", N_("A resident's card")),
    ("0102", "周大勇", "owner", "", "1栋", "102", "classic1k", "04A1B2C3D4E5F7", N_("A card to report lost")),
    (
        "0201",
        "何静",
        "staff",
        "客户服务组",
        "",
        "",
        "classic1k",
        "9C3A5E21",
        N_("A staff card (office hours)"),
    ),
    ("0301", "马师傅", "contractor", "装修队", "", "", "classic1k", "04B1B2C3D4E501", N_("An expired card")),
)
_OTHERS: Final = (
    DemoCard(N_("A new card"), "classic1k", "04C0FFEE000001"),
    DemoCard(N_("A stranger's card"), "uid", "A1B2C3D4"),
    DemoCard(N_("A card with a random number"), "random", "08000001"),
    DemoCard(N_("A copy of the resident's card (magic card)"), "magic1k", "04A1B2C3D4E5F6"),
)


def make(now: datetime, password_hash: str, login_valid_s: int, has_patrol: bool = False) -> DemoSite:
    """Make the site; inside ``db.write`` of an empty database.

    :param password_hash: of the demo operator's password, made anew for each demo.
    :param has_patrol: with guards and what they walk by, and with a time clock for staff.
    """
    organisation = Organisation.create(name="和谐物业（示例）", created_at=now)
    site = Site.create(name="锦绣花园（示例）", zone=ZONE, created_at=now)
    settings.put("organisation_name", organisation.name, now)
    settings.put("zone", ZONE, now)
    settings.put("setup_done", True, now)
    if Schedule.get_or_none(Schedule.id == ALWAYS) is None:
        Schedule.create(id=ALWAYS, name="Always")
    office = Schedule.create(site=site.id, name="办公时间", periods=[[0b0011111, 8 * 60, 18 * 60]])
    made = []
    for name, number, label, location, purpose, readers in _DEVICES:
        device = devices.create(
            DeviceInput(
                site=site.id,
                organisation=organisation.id,
                name=name,
                number=number,
                label=label,
                location=location,
                purpose=purpose,
            ),
            now,
        )
        for point, reader in zip(
            AccessPoint.select().where(AccessPoint.device == device.id, AccessPoint.door.is_null(False)),
            readers,
            strict=False,
        ):
            AccessPoint.update(label=label.removesuffix("门") + reader).where(
                AccessPoint.id == point.id
            ).execute()
        role = "issuer" if purpose == "issuer" else "door"
        ticket = devices.new_ticket(device.id, now)
        made.append(DemoDevice(name, label, readers, "simulated", role, ticket, role == "door"))
    if has_patrol:
        for part in (patrol, attendance):
            ticket = part.make_device(site.id, organisation.id, now)
            name, _number, label, _location, readers = part.DEVICE
            made.append(DemoDevice(name, label, readers, "simulated", "door", ticket, has_door=False))
    levels = {
        "all": _level(site.id, "业主", ALWAYS),
        "office": _level(site.id, "办公", office.id),
    }
    if has_patrol:
        levels["staff"] = attendance.make_level(site.id)
    make_template(now)
    publish.everything_changed(site.id)
    people = (*_PEOPLE, *(patrol.GUARDS if has_patrol else ()))
    cards = tuple(_person(site.id, organisation.id, levels, row, now) for row in people)
    if has_patrol:
        patrol.make_patrol(site.id, organisation.id, now, ZONE)
    operator = _operator(now, password_hash)
    link = make_link(Purpose.LOGIN, operator, now, login_valid_s)
    return DemoSite(link, _token(operator, now), tuple(made), (*cards, *_OTHERS))


def _level(site_id: int, name: str, schedule_id: int) -> int:
    level = AccessLevel.create(site=site_id, name=name)
    for point in AccessPoint.select().where(AccessPoint.door.is_null(False)):
        LevelEntry.create(level=level.id, point=point.id, schedule=schedule_id)
    return int(level.id)


def _person(
    site_id: int, organisation_id: int, levels: dict[str, int], row: tuple[str, ...], now: datetime
) -> DemoCard:
    number, name, kind, department, building, unit, chip, uid, what = row
    given = PersonInput(
        site=site_id,
        organisation=organisation_id,
        kind=kind,  # type: ignore[arg-type]  # one of the closed list
        number=number,
        name=name,
        department=department,
        building=building,
        unit=unit,
    )
    person = people.create(given, now)
    card_class = CardClass.get_or_none((CardClass.site == site_id) & (CardClass.name == "普通卡"))
    if card_class is None:
        card_class = CardClass.create(site=site_id, name="普通卡", active_max_count=3)
    expired = kind == "contractor"
    rights = [levels["office" if department == "客户服务组" else "all"]]
    if kind == "staff" and "staff" in levels:
        rights.append(levels["staff"])
    by = By(None, "示例", now)
    terms = Terms(
        card_class_id=card_class.id,
        valid_from=now - timedelta(days=30),
        valid_until=now - timedelta(days=1) if expired else now + timedelta(days=365),
        entitlements={ACCESS: rights},
    )
    change = acts.issue(by, bytes.fromhex(uid), f"{int(number):08d}", person, terms)
    publish.card_changed(change.card.id)
    if not expired:
        purse.top_up(by, change.card, PAID_IN_FEN, Means.BANK, f"demo:{number}")
    return DemoCard(what, chip, uid, name)


def _operator(now: datetime, password_hash: str) -> Operator:
    roles = create_built_in()
    operator = Operator.create(
        number="0001", name="管理员", password_hash=password_hash, created_at=now, changed_at=now
    )
    OperatorRole.create(operator=operator, role=roles["administrator"])
    OperatorGrant.create(operator=operator)
    return operator


def _token(operator: Operator, now: datetime) -> str:
    token = PREFIX + new_token()
    ApiToken.create(
        name="虚拟刷卡",
        token_hash=hash_token(token),
        permissions=[["access", "view"]],
        grants=[[None, None]],
        created_by=operator,
        created_at=now,
    )
    return token
