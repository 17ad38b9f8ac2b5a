"""The tables of PROTOCOL.md as the code has them. ``python -m tests.wire.protocol_tables`` prints them."""

from __future__ import annotations

from enum import IntEnum

import msgspec
from msgspec import inspect

from protocol.basis import Used
from protocol.card_layout.credential import Medium
from protocol.card_layout.keys import Purpose
from protocol.decide import Trust
from protocol.door_rows import Passback
from protocol.facts import (
    BODY_TYPE,
    Alarm,
    CommandResult,
    Content,
    DoorEvent,
    Outcome,
    PatrolEvent,
    ScanResult,
    Supply,
    WriteResult,
)
from protocol.ids import Stream, SubSystem, Tier
from protocol.messages import MESSAGE_TYPE, ReaderState, RefusalCode
from protocol.pin import PinCheck
from protocol.reasons import Reason
from protocol.records import ROW_TYPE, STREAM_OF, CardFlag, ClockPolicy, Mode, PunchStatus, StoragePolicy
from protocol.seals import FROM_NODE, SEAL, Seal
from protocol.updating import UpdateReason, UpdateState

CODES: tuple[type[IntEnum], ...] = (
    Seal,
    Stream,
    Tier,
    SubSystem,
    Trust,
    Mode,
    StoragePolicy,
    ClockPolicy,
    CardFlag,
    Passback,
    Reason,
    Outcome,
    Used,
    PinCheck,
    DoorEvent,
    Alarm,
    CommandResult,
    WriteResult,
    Content,
    ScanResult,
    PatrolEvent,
    PunchStatus,
    Supply,
    Medium,
    Purpose,
    ReaderState,
    RefusalCode,
    UpdateState,
    UpdateReason,
)


def notation(kind: inspect.Type) -> str:
    """A type as PROTOCOL.md writes it."""
    match kind:
        case inspect.BoolType():
            return "bool"
        case inspect.NoneType():
            return "nil"
        case inspect.IntType():
            low, high = kind.ge, kind.le
            names = {(0, 2**32 - 1): "u32", (0, 2**63 - 1): "u63", (None, None): "int"}
            return names.get((low, high), f"int {low}..{high}")
        case inspect.StrType():
            return f"text{_lengths(kind)}"
        case inspect.BytesType():
            return f"bytes{_lengths(kind)}"
        case inspect.EnumType():
            return kind.cls.__name__
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.VarTupleType():
            return f"[{notation(kind.item_type)}]{_lengths(kind)}"
        case inspect.TupleType():
            return "[" + ", ".join(map(notation, kind.item_types)) + "]"
        case inspect.UnionType():
            return " or ".join(map(notation, kind.types))
        case _:
            raise AssertionError(f"no notation for {kind}")


def _lengths(kind: inspect.StrType | inspect.BytesType | inspect.VarTupleType) -> str:
    low, high = kind.min_length or 0, kind.max_length
    if high is None:
        return ""
    return f"({low})" if low == high else f"({low}..{high})"


def fields(struct: type[msgspec.Struct]) -> str:
    """The fields of a struct in their order: what stands in the last column."""
    parts = []
    for field in inspect.type_info(struct).fields:
        optional = "" if field.required else "?"
        parts.append(f"{field.name}{optional}: {notation(field.type)}")
    return "; ".join(parts)


def messages() -> list[str]:
    return [
        f"| {kind.value} | `{struct.__name__}` | {'up' if kind in FROM_NODE else 'down'} | {SEAL[kind].name.lower()} "
        f"| {fields(struct)} |"
        for kind, struct in MESSAGE_TYPE.items()
    ]


def rows() -> list[str]:
    return [
        f"| {kind.value} | `{struct.__name__}` | {STREAM_OF[kind].name.lower()} | {fields(struct)} |"
        for kind, struct in ROW_TYPE.items()
    ]


def facts() -> list[str]:
    return [
        f"| {kind.value} | `{struct.__name__}` | {fields(struct)} |" for kind, struct in BODY_TYPE.items()
    ]


def codes() -> list[str]:
    return [
        f"| `{code.__name__}` | {', '.join(f'{member.value} {member.name}' for member in code)} |"
        for code in CODES
    ]


if __name__ == "__main__":
    for table in (messages(), rows(), facts(), codes()):
        print("\n".join(table), end="\n\n")
