"""One of everything that goes over the wire, with fixed values: what the golden bytes are made of."""

from __future__ import annotations

from protocol.basis import Basis, Used
from protocol.card_layout.credential import Medium
from protocol.columns import pack
from protocol.decide import Trust
from protocol.door_rows import Passback
from protocol.facts import (
    CHAIN_START,
    AccessFact,
    Alarm,
    AlarmFact,
    Body,
    BootFact,
    ClearedFact,
    ClockFact,
    CommandFact,
    CommandResult,
    ConfigFact,
    Content,
    DoorEvent,
    DoorFact,
    Entry,
    ExitFact,
    Fact,
    FactKind,
    InspectionFact,
    MemoryGrantsFact,
    Outcome,
    OutcomeFact,
    PatrolEvent,
    PunchFact,
    PurchaseFact,
    ScanFact,
    ScanResult,
    Supply,
    TestFact,
    WriteFact,
    WriteResult,
    chained,
    encode_body,
)
from protocol.ids import Stream, Tier, uid_key
from protocol.messages import (
    Applied,
    BackedUp,
    CancelWrite,
    CannotApply,
    ClearRecords,
    Delta,
    Enrol,
    Enrolled,
    FactAck,
    Health,
    Hello,
    HotlistReport,
    Message,
    MessageKind,
    Nudge,
    Ping,
    Poll,
    PollReply,
    Pong,
    Pull,
    ReaderState,
    RefusalCode,
    Refused,
    ReleaseOffer,
    ReleasePart,
    ReleasePull,
    RemoteOpen,
    SetMode,
    SetTime,
    SnapshotPart,
    TestNode,
    Welcome,
    WriteCard,
)
from protocol.pin import PinCheck
from protocol.reasons import Reason
from protocol.records import (
    AreaRow,
    BalanceRow,
    CardFlag,
    CardRow,
    Change,
    CheckpointRow,
    ClockPolicy,
    DeskRow,
    DoorRow,
    DoorRulesRow,
    EventCardRow,
    GuardRow,
    HoursRow,
    IssuerKeyRow,
    Kind,
    LevelRow,
    Mode,
    PinRow,
    PlaceRow,
    PointRow,
    PresenceRow,
    PunchStatus,
    ReadKeyRow,
    RestrictionRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    StaleRightsRow,
    StoragePolicy,
    TillRow,
    TimeClockRow,
    UsesRow,
    delete,
    put,
)
from protocol.updating import UpdateReason, UpdateState, UpdateWord

CARD = uid_key(bytes.fromhex("04a1b2c3d4e5f6"))
OTHER_CARD = uid_key(bytes.fromhex("11223344"))
REVISIONS = Revisions(3, 41, 1_205, 7)
SALT = bytes(range(16))
NONCE = bytes(range(16, 32))
KEY = bytes(range(32, 64))
HASH = bytes(range(64, 80))
UTC_MS = 1_790_000_000_000
BOOTTIME_MS = 123_456

ROWS: dict[Kind, Change] = {
    Kind.RESTRICTION: put(CARD, RestrictionRow(Reason.CARD_LOST, 2, 1_790_000_000)),
    Kind.STALE_RIGHTS: put(CARD, StaleRightsRow(1_206)),
    Kind.CARD: put(CARD, CardRow(77, 1_700_000_000, 1_800_000_000, 2, (20, 21), CardFlag.EXTENDED_OPEN)),
    Kind.USES: put(CARD, UsesRow(5, 2, 3, ((11, 1),))),
    Kind.HOURS: put(CARD, HoursRow(((32_767, 540, 720), (32_767, 840, 1_080)))),
    Kind.LEVEL: put(20, LevelRow(((11, 1), (12, 30)))),
    Kind.SCHEDULE: put(30, ScheduleRow(((31, 480, 1_080), (96, 1_320, 360)))),
    Kind.SPECIAL_DAY: put(739_525, SpecialDayRow(1)),
    Kind.POINT: put(11, PointRow("东门 进", 1, 1, False, Tier.UID_ONLY)),
    Kind.DOOR: put(
        1,
        DoorRow(
            "东门",
            Mode.NORMAL,
            30,
            5_000,
            15_000,
            30_000,
            10_000,
            StoragePolicy.DENY,
            ClockPolicy.HOME,
            True,
            2,
            31,
            32,
        ),
    ),
    Kind.SITE: put(0, SiteRow("Asia/Shanghai", "春江花园")),
    Kind.READ_KEY: put(0x0203, ReadKeyRow(HASH)),
    Kind.ISSUER_KEY: put(4, IssuerKeyRow(KEY)),
    Kind.DESK: put(0, DeskRow("COM1", 115_200, "和谐物业")),
    Kind.CHECKPOINT: put(11, CheckpointRow(3, 1_790_080_000, True, 3_600)),
    Kind.GUARD: put(CARD, GuardRow(((3, 1_790_000_000, 300, 300, 600, 900),))),
    Kind.PLACE: put(OTHER_CARD, PlaceRow(4)),
    Kind.TIME_CLOCK: put(11, TimeClockRow(PunchStatus.OUT)),
    Kind.TILL: put(
        12,
        TillRow(
            ((1, 390, 540, 500, 1), (2, 660, 810, 1_500, 0)),
            ((2, 7, 1_200),),
            5_000,
            10_000,
            6,
            10,
            180,
            259_200,
            86_400,
            3_000,
            200_000,
        ),
    ),
    Kind.BALANCE: put(
        CARD, BalanceRow(70_000, 3, -250, 1_780_000_000, 7, ((12, 4_500, 1_500), (13, 800, 0)))
    ),
    Kind.DOOR_RULES: put(1, DoorRulesRow(5, 6, 3, 2, True, 30, True)),
    Kind.PIN: put(CARD, PinRow(KEY, SALT, 13)),
    Kind.AREA: put(5, AreaRow(Passback.TIMED, 90, 240, 1_790_000_000, 25, True, True)),
    Kind.PRESENCE: put(70_000, PresenceRow(5, UTC_MS, 11, 1_790_000_000)),
    Kind.EVENT_CARD: put(OTHER_CARD, EventCardRow(PatrolEvent.HELP)),
}

BODIES: dict[FactKind, Body] = {
    FactKind.ACCESS: AccessFact(
        11,
        Reason.GRANTED,
        REVISIONS,
        Tier.UID_ONLY,
        2,
        30,
        5_000,
        floor_s=1_790_000_000,
        basis=Basis(Used.CREDENTIAL | Used.INSIDE, PinCheck.RIGHT, 4, UTC_MS, 1_790_000_000, 9_000),
    ),
    FactKind.OUTCOME: OutcomeFact(1, Outcome.RELEASED, 5, 1_790_000_000),
    FactKind.EXIT: ExitFact(1, 5_000),
    FactKind.DOOR: DoorFact(1, DoorEvent.MODE_CHANGED, Mode.LOCKED, 22),
    FactKind.ALARM: AlarmFact(Alarm.HELD_OPEN, True, 1, "30 s"),
    FactKind.COMMAND: CommandFact(9_001, 1, CommandResult.DONE, 5_000),
    FactKind.CLOCK: ClockFact("centre", UTC_MS, BOOTTIME_MS, UTC_MS - 90_000, 12),
    FactKind.BOOT: BootFact("b7f4", "0.1.0", UTC_MS - 86_400_000, True),
    FactKind.CONFIG: ConfigFact(REVISIONS),
    FactKind.MEMORY_GRANTS: MemoryGrantsFact(1, 3),
    FactKind.WRITE: WriteFact(2**40 + 7, 12, WriteResult.WRITTEN, 3),
    FactKind.INSPECTION: InspectionFact(12, 1, Content.CREDENTIAL, 0x08, False, bytes(range(32)), True),
    FactKind.SCAN: ScanFact(
        11, 3, ScanResult.LATE, REVISIONS, Tier.AES, 2, 1_790_000_000, PatrolEvent.FAULT, 7, True, True
    ),
    FactKind.TEST: TestFact(
        2**42 + 7,
        ((1, 11, True, "known 0x92"), (2, 0, False, "not seen yet")),
        True,
        900,
        41,
        480,
        470,
        -1_250,
        15,
        4_000,
        Supply.BATTERY,
        83,
        51,
        REVISIONS,
        (("led_red.1", True), ("lock.1", True), ("buzzer.1", False)),
        (("contact.1", False), ("rex.1", True)),
    ),
    FactKind.CLEARED: ClearedFact(2**42 + 9, CommandResult.NOT_CONFIRMED, 0, 41),
    FactKind.PUNCH: PunchFact(
        31, Reason.GRANTED, REVISIONS, PunchStatus.IN, True, Tier.AES, 2, 30, 1_780_000_000
    ),
    FactKind.PURCHASE: PurchaseFact(
        12,
        Reason.GRANTED,
        REVISIONS,
        1_500,
        4_250,
        1_780_000_000,
        3,
        17,
        0,
        True,
        2,
        Tier.AES,
        30,
        1_780_000_000,
    ),
}


def entries() -> list[Entry]:
    """One fact of every kind, chained."""
    made: list[Entry] = []
    head = CHAIN_START
    for seq, body in enumerate(BODIES.values(), start=1):
        kind, encoded = encode_body(body)
        personal = CARD if kind is FactKind.ACCESS else b""
        boottime_ms = BOOTTIME_MS + 1_000 * seq
        fact = Fact(seq, kind, 4, boottime_ms, UTC_MS + boottime_ms, Trust.TRUSTED, encoded, personal)
        made.append(chained(head, fact, SALT))
        head = made[-1].hash
    return made


MESSAGES: dict[MessageKind, Message] = {
    MessageKind.ENROL: Enrol("T7K2", "east-gate", KEY, "100000008a2b3c4d", b"", SALT, NONCE, 1, bytes(64)),
    MessageKind.ENROLLED: Enrolled(
        "east-gate", 2, 3, KEY, KEY[::-1], 30, "east-gate", UTC_MS, NONCE, bytes(32)
    ),
    MessageKind.HELLO: Hello(
        (1,),
        "east-gate",
        2,
        REVISIONS,
        (HASH, b"", b""),
        1,
        9,
        HASH,
        4,
        BOOTTIME_MS,
        "0.1.0",
        (1, 2, 10),
        Trust.HOLDOVER,
        KEY,
        NONCE,
    ),
    MessageKind.WELCOME: Welcome(
        bytes(range(8)),
        KEY,
        NONCE,
        1,
        BOOTTIME_MS,
        UTC_MS,
        30,
        "east-gate",
        REVISIONS,
        9,
        HASH,
        (1, 2, 10),
        88,
        KEY,
        True,
        (HASH, b"", b""),
    ),
    MessageKind.REFUSED: Refused(RefusalCode.BUSY, MessageKind.HELLO, HASH, 20),
    MessageKind.POLL: Poll(
        REVISIONS,
        BOOTTIME_MS,
        NONCE,
        9,
        Health(
            True, 900, 0, ((11, ReaderState.WORKING),), 51, 40, 3_600, Trust.TRUSTED, 12, 0, ((1, True, 700),)
        ),
    ),
    MessageKind.POLL_REPLY: PollReply(BOOTTIME_MS, UTC_MS, REVISIONS, 45, 600),
    MessageKind.PULL: Pull(Stream.ACCESS, 3, 0, True, 1_205, 2),
    MessageKind.DELTA: Delta(
        "east-gate",
        Stream.RESTRICTIONS,
        3,
        40,
        41,
        UTC_MS,
        HASH,
        (ROWS[Kind.RESTRICTION], delete(Kind.RESTRICTION, OTHER_CARD)),
    ),
    MessageKind.SNAPSHOT_PART: SnapshotPart(
        "east-gate", Stream.ACCESS, 3, 1_205, 0, 2, UTC_MS, HASH, (ROWS[Kind.CARD], ROWS[Kind.LEVEL])
    ),
    MessageKind.APPLIED: Applied(REVISIONS, True, (HASH, HASH, HASH)),
    MessageKind.CANNOT_APPLY: CannotApply(Stream.ACCESS, 1_206, (17,)),
    MessageKind.HOTLIST_REPORT: HotlistReport(REVISIONS, 0, 1, (ROWS[Kind.RESTRICTION],)),
    MessageKind.FACT_BATCH: pack(2, CHAIN_START, entries()[:2]),
    MessageKind.FACT_ACK: FactAck(2, 9, HASH),
    MessageKind.BACKED_UP: BackedUp("east-gate", 2, 9, HASH, UTC_MS),
    MessageKind.NUDGE: Nudge(REVISIONS),
    MessageKind.PING: Ping(NONCE, BOOTTIME_MS, 40, UTC_MS),
    MessageKind.PONG: Pong(BOOTTIME_MS, UTC_MS, UTC_MS - 900, 7),
    MessageKind.HEALTH: Health(
        False,
        12,
        480,
        ((11, ReaderState.FAULTED),),
        71,
        55,
        60,
        Trust.NONE,
        0,
        2,
        ((1, False, 60_000), (2, True, 3_000)),
        41,
        -1_250,
        update=UpdateWord(3, "0.2.0", UpdateState.ROLLED_BACK, 9_000_000, UpdateReason.NO_SYNC),
        contacts=((1, False), (2, True)),
    ),
    MessageKind.RELEASE_OFFER: ReleaseOffer(3, "0.2.0", 9_000_000, bytes(range(32))),
    MessageKind.RELEASE_PULL: ReleasePull(3, 65_536),
    MessageKind.RELEASE_PART: ReleasePart(3, 65_536, b"a part"),
    MessageKind.REMOTE_OPEN: RemoteOpen(9_001, "east-gate", NONCE, UTC_MS, 1, 5_000),
    MessageKind.SET_MODE: SetMode(9_002, "east-gate", NONCE, UTC_MS, 1, Mode.LOCKED_DOWN),
    MessageKind.TEST_NODE: TestNode(9_003, "east-gate", NONCE, UTC_MS, 11),
    MessageKind.SET_TIME: SetTime(9_004, "east-gate", NONCE, UTC_MS),
    MessageKind.WRITE_CARD: WriteCard(
        2**40 + 7,
        "card-desk",
        NONCE,
        UTC_MS,
        bytes.fromhex("04A1B2C3"),
        Medium.CLASSIC,
        0b1,
        bytes(96),
        bytes(range(96)),
        120,
    ),
    MessageKind.CANCEL_WRITE: CancelWrite(2**40 + 8, "card-desk", NONCE, UTC_MS, 2**40 + 7),
    MessageKind.CLEAR_RECORDS: ClearRecords(2**42 + 9, "east-gate", NONCE, UTC_MS, 2, 480, HASH),
}
