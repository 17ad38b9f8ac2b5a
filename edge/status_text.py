"""The status of a node in words, for the installer who stands before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.i18n import _


def lines(status: Mapping[str, Any]) -> list[str]:
    """What ``Report.status`` means, in the language in use."""
    storage, configuration = status["storage"], status["configuration"]
    revisions = configuration["config_epoch"], configuration["restrictions"], configuration["access"]
    unsent = max(0, storage["last_seq"] - storage["acked_through"])
    text = [
        _(
            "Device %(name)s, release %(software)s, running for %(uptime)s",
            uptime=_span(status["uptime_s"]),
            **_pick(status, "name", "software"),
        ),
        _("Time: %(trust)s", trust=_trust(status["clock"])),
        _(
            "Storage: %(state)s, %(free)s MiB free",
            state=_storage(storage["state"]),
            free=storage["free_mib"],
        ),
        _(
            "Records: %(last)s in all, %(unsent)s not yet uploaded, kept from %(first)s on",
            last=storage["last_seq"],
            unsent=unsent,
            first=storage["first_seq"],
        ),
        _(
            "Configuration: revision %(revision)s, %(cards)s cards",
            revision=".".join(str(number) for number in revisions),
            cards=configuration["cards"],
        ),
        _("Centre: %(state)s", state=_link(status["link"])),
    ]
    if (update := status.get("update")) is not None and update["state"] != "none":
        text.append(_update(update))
    if configuration["problem"]:
        text.append(
            _("Configuration cannot be stored or read: %(problem)s", problem=configuration["problem"])
        )
    for reader in status["readers"]:
        names = ", ".join(reader["points"].values()) or _("not set up at the centre")
        text.append(
            _(
                "Reader %(unit)s (%(names)s): %(state)s, %(chip)s",
                unit=reader["unit"],
                names=names,
                state=_reader(reader["state"]),
                chip=reader["chip"],
            )
        )
        if reader["fault"] or reader["last_error"]:
            text.append("    " + (reader["fault"] or reader["last_error"]))
    for label, unit in status["doors_without_lock"].items():
        text.append(
            _(
                "Door %(label)s has NO LOCK: output %(unit)s is not on this board, or another door has it",
                label=label,
                unit=unit,
            )
            if unit
            else _("Door %(label)s has NO LOCK: no output of this board is left for it", label=label)
        )
    for alarm in status["alarms"]:
        text.append(
            _(
                "ALARM: %(alarm)s (door or reader %(where)s) %(detail)s",
                alarm=_alarm(alarm["alarm"]),
                where=alarm["where"] or "-",
                detail=alarm["detail"],
            )
        )
    for part, detail in status["trouble"].items():
        text.append(_trouble(part, detail))
    return text


def _pick(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _span(seconds: int) -> str:
    if seconds < 3_600:
        return _("%(minutes)s min", minutes=seconds // 60)
    if seconds < 86_400:
        return _("%(hours)s h %(minutes)s min", hours=seconds // 3_600, minutes=seconds % 3_600 // 60)
    return _("%(days)s d %(hours)s h", days=seconds // 86_400, hours=seconds % 86_400 // 3_600)


def _trust(clock: Mapping[str, Any]) -> str:
    match clock["trust"]:
        case "trusted":
            return _(
                "trusted (%(source)s, error below %(error)s ms)",
                source=clock["source"],
                error=clock["error_ms"],
            )
        case "holdover":
            return _("kept from earlier (error below %(error)s ms)", error=clock["error_ms"])
        case "floor_only":
            return _("not trusted; only a time that has passed is known")
        case _other:
            return _("unknown")


def _storage(state: str) -> str:
    return {"usable": _("usable"), "slow": _("slow"), "unusable": _("UNUSABLE")}.get(state, state)


def _reader(state: str) -> str:
    return {"working": _("working"), "recovering": _("recovering"), "faulted": _("FAULT")}.get(state, state)


def _alarm(name: str) -> str:
    """The words of the centre's pages."""
    return {
        "forced_open": _("Door forced open"),
        "held_open_soon": _("Door will soon be open too long"),
        "held_open": _("Door open too long"),
        "wrong_tries": _("Too many wrong tries at a reader"),
        "reader_fault": _("Reader fault"),
        "tamper": _("Device opened or moved"),
        "fire": _("Fire input"),
        "storage_unusable": _("Device cannot record"),
        "storage_low": _("Device storage nearly full"),
        "clock_untrusted": _("Device does not know the time"),
        "temperature": _("Device too hot"),
        "exit_stuck": _("Exit button stuck: door stays released"),
    }.get(name, name)


def _link(link: Mapping[str, Any]) -> str:
    match link.get("state"):
        case "off":
            return _("none is set up; the node works offline")
        case "not_enrolled" if link.get("fingerprint"):
            return _(
                "not joined yet: %(detail)s (board %(board)s, fingerprint %(fingerprint)s)",
                detail=link.get("detail") or "-",
                board=link["board"] or "-",
                fingerprint=link["fingerprint"],
            )
        case "not_enrolled":
            return _("not joined yet: %(detail)s", detail=link.get("detail") or "-")
        case "online":
            return _("connected")
        case _other:
            return _("no connection: %(detail)s", detail=link.get("detail") or "-")


def _trouble(part: str, detail: str) -> str:
    if part == "outbox":
        return _(
            "The records were damaged and are kept as %(name)s; join the centre anew with a new ticket",
            name=detail,
        )
    return f"{part}: {detail}"


def _update(update: Mapping[str, Any]) -> str:
    version = update["version"]
    match update["state"]:
        case "downloading":
            return _(
                "New version %(version)s: %(percent)s %% fetched", version=version, percent=update["percent"]
            )
        case "ready":
            return _("New version %(version)s: waits for a quiet moment to start", version=version)
        case "on_trial":
            return _("New version %(version)s: ON TRIAL, not kept for good yet", version=version)
        case "kept":
            return _("New version %(version)s: kept", version=version)
        case "rolled_back":
            return _("New version %(version)s: ROLLED BACK, %(reason)s", version=version, reason=_why(update))
        case _refused:
            return _("New version %(version)s: not taken, %(reason)s", version=version, reason=_why(update))


def _why(update: Mapping[str, Any]) -> str:
    reason: str = update["reason"]
    return {
        "crashed": _("it ended by itself again and again"),
        "no_sync": _("the centre was there and no sync came about"),
        "reader": _("a reader stopped working"),
        "relay": _("an output of the board did not obey"),
        "damaged": _("it is damaged or not signed with the release key"),
        "wrong_machine": _("it is for another machine or another Python"),
        "too_old": _("it is older than may take the place of this one"),
        "no_room": _("the medium has too little room"),
        "storage": _("the medium could not be written"),
    }.get(reason, reason)
