"""The audit trail in words: what was done, on what kind of thing, and a change as one readable line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from central.cards.money import Kind
from central.cards.words import ACT_TEXT
from central.fields import canonical_json
from central.security.audit_fields import FIELDS, VALUES
from central.web.formats import money
from central.web.i18n import LazyText, lazy

AMOUNTS: Final = frozenset(kind.value for kind in Kind)
"""Amounts of acts on cards, in fen."""

ACTIONS: Final[dict[str, LazyText]] = {
    "refused": lazy("Tried without the right"),
    "access.acknowledge": lazy("Acknowledged an alarm"),
    "access.area_change": lazy("Changed an area"),
    "access.area_create": lazy("Made an area"),
    "access.area_delete": lazy("Deleted an area"),
    "access.area_reset": lazy("Had everybody's place in an area forgotten"),
    "access.clear_mode": lazy("Ended a door mode set by hand"),
    "access.sound": lazy("Switched the alarm sound on or off"),
    "access.door_change": lazy("Changed a door"),
    "access.export": lazy("Exported door records"),
    "access.level_change": lazy("Changed an access level"),
    "access.level_create": lazy("Made an access level"),
    "access.open": lazy("Opened a door from here"),
    "access.controller_type": lazy("Set the type of a door controller"),
    "access.paging_again": lazy("Had a message about alarms sent again"),
    "access.paging_contact": lazy("Entered or changed a contact for alarms"),
    "access.paging_delete": lazy("Deleted a contact or a rule for alarms"),
    "access.paging_rule": lazy("Entered or changed a rule for messages about alarms"),
    "access.paging_test": lazy("Sent a test message"),
    "access.purge": lazy("Purged door records"),
    "access.retention": lazy("Set how long door records are kept"),
    "access.timing": lazy("Changed the settings of the doors"),
    "access.reader_change": lazy("Changed a reader"),
    "access.schedule_change": lazy("Changed a schedule"),
    "access.schedule_create": lazy("Made a schedule"),
    "access.set_mode": lazy("Set a door mode by hand"),
    "access.special_day_delete": lazy("Took a special day out"),
    "access.special_days": lazy("Entered special days"),
    "audit.export": lazy("Exported the audit trail"),
    "bulk.approve": lazy("Approved a bulk act"),
    "bulk.enter": lazy("Entered a bulk act"),
    "bulk.export": lazy("Exported the report of a bulk act"),
    "bulk.limit": lazy("Set what needs approval"),
    "bulk.stop": lazy("Stopped a bulk act"),
    "attendance.export": lazy("Exported punches"),
    "cards.class_change": lazy("Changed a card class"),
    "cards.class_create": lazy("Made a card class"),
    "cards.face_change": lazy("Changed a card face"),
    "cards.face_create": lazy("Made a card face"),
    "cards.face_archive": lazy("Took an archive copy of card faces"),
    "cards.face_print": lazy("Printed card faces"),
    "cards.face_settings": lazy("Changed what a card face is for"),
    "cards.certificate": lazy("Certified that a lost card is dead"),
    "cards.export": lazy("Exported cards"),
    "cards.numbering": lazy("Chose how cards are numbered"),
    "cards.numbering_check": lazy("Checked how cards are numbered"),
    "cards.move_in": lazy("Began a move-in"),
    "cards.move_in_desk": lazy("Opened or closed a desk of a move-in"),
    "cards.move_in_print": lazy("Printed labels or receipts of a move-in"),
    "cards.move_in_sign": lazy("Handed a unit its cards"),
    "cards.move_in_take_out": lazy("Took a card out of a bag"),
    "cards.permit": lazy("Made a contractor's permit"),
    "cards.permit_carried": lazy("A permit goes on under the next household"),
    "cards.permit_ended": lazy("Ended a permit before its time"),
    "cards.permit_paid": lazy("Took the deposit of a permit"),
    "cards.permit_refunded": lazy("Refunded the deposit of a permit"),
    "cards.permit_worker": lazy("Added a worker to a permit"),
    "cards.slip": lazy("Printed a slip"),
    "cards.unit_exception": lazy("Allowed a unit more cards"),
    "cards.write_cancelled": lazy("Cancelled the writing of a card"),
    "cards.write_ordered": lazy("Ordered a card to be written"),
    "cards.unit_exception_ended": lazy("Ended an exception for more cards"),
    "cards.unit_limit": lazy("Set how many cards a unit may have"),
    **{f"cards.{act.value}": text for act, text in ACT_TEXT.items()},
    "forms.change": lazy("Changed a form"),
    "forms.create": lazy("Made a form"),
    "forms.print": lazy("Printed a paper into a form"),
    "forms.printer": lazy("Changed a printer for forms"),
    "forms.scan": lazy("Changed the scan of an empty form"),
    "forms.settings": lazy("Changed what a form is for"),
    "imports.apply": lazy("Imported a file"),
    "imports.check": lazy("Uploaded a file to be checked"),
    "imports.undo": lazy("Rolled an import back"),
    "keys.begin": lazy("Made the master key of the cards"),
    "keys.bring_back": lazy("Brought the master key of the cards back"),
    "keys.print": lazy("Printed the code of the master key"),
    "keys.retire": lazy("Ended an old card key"),
    "keys.rotate": lazy("Exchanged a card key"),
    "keys.zone_change": lazy("Changed a key zone"),
    "keys.zone_create": lazy("Made a key zone"),
    "patrol.carried_change": lazy("Changed a carried unit"),
    "patrol.carried_create": lazy("Entered a carried unit"),
    "patrol.carried_delete": lazy("Took a carried unit away"),
    "patrol.checkpoint_change": lazy("Changed a checkpoint"),
    "patrol.checkpoint_create": lazy("Entered a checkpoint"),
    "patrol.event_card_change": lazy("Changed an event card"),
    "patrol.event_card_create": lazy("Entered an event card"),
    "patrol.event_card_delete": lazy("Took an event card away"),
    "patrol.export": lazy("Exported a list of the patrol"),
    "patrol.force_mark": lazy("Closed the time of a patrol unit"),
    "patrol.guard_change": lazy("Changed a guard"),
    "patrol.guard_create": lazy("Entered a guard"),
    "patrol.map_create": lazy("Made a patrol map"),
    "patrol.map_picture": lazy("Changed the picture of a patrol map"),
    "patrol.map_places": lazy("Placed checkpoints on a patrol map"),
    "patrol.map_remove": lazy("Removed a patrol map"),
    "patrol.map_rename": lazy("Renamed a patrol map"),
    "patrol.route_change": lazy("Planned a patrol route anew"),
    "patrol.route_create": lazy("Planned a patrol route"),
    "patrol.route_delete": lazy("Took a patrol route away"),
    "patrol.late_proof": lazy("Late scans proved visits that were missed"),
    "patrol.limits": lazy("Set when scans are doubted"),
    "patrol.purge": lazy("Purged patrol records"),
    "patrol.relief": lazy("Entered a relief guard"),
    "patrol.relief_withdraw": lazy("Withdrew a relief guard"),
    "patrol.way": lazy("Set the shortest time of a way"),
    "takeover.device": lazy("Took a device over"),
    "takeover.enter": lazy("Entered cards of the old system"),
    "takeover.export": lazy("Exported the take-over"),
    "takeover.sign": lazy("Signed the opening balance"),
    "tills.change": lazy("Changed how a till sells"),
    "tills.create": lazy("Set up a till"),
    "tills.export": lazy("Exported purchases"),
    "units.bring": lazy("Brought in the records of a patrol unit"),
    "units.cancel": lazy("Cancelled an act on a unit"),
    "units.clear": lazy("Cleared records of a unit"),
    "units.kind": lazy("Set the type of a patrol unit"),
    "units.load": lazy("Loaded a unit"),
    "units.set_time": lazy("Asked a unit to set its clock"),
    "units.test": lazy("Tested a unit"),
    "nodes.closed_identity": lazy("A replaced or revoked device connected"),
    "nodes.create": lazy("Entered a device"),
    "nodes.enable": lazy("Switched a device on or off"),
    "nodes.pull": lazy("Read the records of devices"),
    "nodes.records_differ": lazy("Two different records under one number"),
    "nodes.replace": lazy("Made an SD card that replaces a device"),
    "nodes.reported_keep": lazy("Kept a reported card dead"),
    "nodes.reported_lift": lazy("Let a reported card work again"),
    "nodes.release_bring": lazy("Brought a new version of the devices' program"),
    "nodes.release_remove": lazy("Removed a version of the devices' program"),
    "nodes.rollout_go_on": lazy("Went on with an update"),
    "nodes.rollout_pause": lazy("Paused an update"),
    "nodes.rollout_start": lazy("Began an update of devices"),
    "nodes.rollout_stop": lazy("Stopped an update"),
    "nodes.rollout_try_again": lazy("Let a device try an update again"),
    "nodes.revoke": lazy("Revoked a device"),
    "nodes.ticket": lazy("Made an SD card for a device"),
    "nodes.ticket_reused": lazy("A used join ticket was tried by another device"),
    "operators.change": lazy("Changed an operator"),
    "operators.create": lazy("Made an operator"),
    "operators.disable": lazy("Disabled an operator"),
    "operators.enable": lazy("Enabled an operator"),
    "operators.language": lazy("Chose a language"),
    "operators.login_link": lazy("Made a sign-in link on the server"),
    "operators.password_by_link": lazy("Chose a password by a link"),
    "operators.password_change": lazy("Changed the own password"),
    "operators.password_link": lazy("Made a link for a new password"),
    "operators.role_change": lazy("Changed a role"),
    "operators.role_create": lazy("Made a role"),
    "operators.sessions_end": lazy("Signed out everywhere else"),
    "operators.sign_in": lazy("Signed in"),
    "operators.sign_out": lazy("Signed out"),
    "operators.slowed_down": lazy("Too many wrong passwords"),
    "operators.token_create": lazy("Made a token for a program"),
    "operators.token_revoke": lazy("Revoked the token of a program"),
    "operators.totp_remove": lazy("Took the phone code off"),
    "operators.totp_set": lazy("Set up a phone code"),
    "operators.paging_way": lazy("Entered the mail server or the SMS gateway"),
    "operators.webhook_again": lazy("Had given-up events sent again"),
    "operators.webhook_delete": lazy("Deleted an address for events"),
    "operators.webhook_put": lazy("Entered or changed an address for events"),
    "operators.webhook_secret": lazy("Made a new secret for an address"),
    "operators.webhook_test": lazy("Sent a test event"),
    "people.change": lazy("Changed a person"),
    "people.create": lazy("Entered a person"),
    "people.data_out": lazy("Took out everything held on a person"),
    "people.erase": lazy("Erased a person"),
    "people.erase_old": lazy("Erased a person whose time had passed"),
    "people.export": lazy("Exported people"),
    "people.depart": lazy("Let a person leave, with the cards"),
    "people.move": lazy("Moved a person to another organisation, with the cards"),
    "people.export_full": lazy("Exported people with whole numbers"),
    "people.visit": lazy("Entered a visitor"),
    "people.visit_cancel": lazy("Called a visit off"),
    "people.visit_change": lazy("Changed a visit"),
    "people.reveal": lazy("Looked at whole numbers of a person"),
    "people.debt": lazy("Entered a debt"),
    "people.debt_settled": lazy("Settled a debt"),
    "people.debt_stays": lazy("Debt stays with its debtor"),
    "people.hand_over": lazy("Changed the owner or tenant of a unit"),
    "people.join": lazy("Somebody came to live in a unit"),
    "people.lease": lazy("Extended a lease"),
    "people.leave": lazy("Somebody left a unit"),
    "people.meter": lazy("Read a meter"),
    "people.plate": lazy("Entered a number plate"),
    "people.plate_end": lazy("Ended a number plate"),
    "people.plate_longer": lazy("Extended a number plate"),
    "people.plate_move": lazy("Moved a number plate to another unit"),
    "people.release": lazy("Made a goods release slip"),
    "people.release_left": lazy("Confirmed that goods have left"),
    "people.release_void": lazy("Made a goods release slip void"),
    "people.unit_change": lazy("Changed a unit"),
    "people.unit_create": lazy("Entered a unit"),
    "people.photo_remove": lazy("Deleted a photo"),
    "people.photo_set": lazy("Set a photo"),
    "people.photos_import": lazy("Took over photos of many people"),
    "purse.allowance": lazy("Gave an allowance"),
    "purse.allowance_clear": lazy("Cleared an allowance"),
    "purse.bring": lazy("Booked cash to or from the bank"),
    "purse.count": lazy("Counted a drawer"),
    "purse.count_discard": lazy("Withdrew the count of a drawer"),
    "purse.count_sign": lazy("Signed the count of a drawer"),
    "purse.drawer_open": lazy("Opened a drawer"),
    "purse.export": lazy("Exported stored value"),
    "purse.limits": lazy("Changed the limits of purses"),
    "purse.pay_out": lazy("Paid out what is owed back"),
    "purse.refund": lazy("Paid back from a purse"),
    "purse.refund_approve": lazy("Approved a refund"),
    "purse.refund_refuse": lazy("Refused or withdrew a refund"),
    "purse.reverse": lazy("Reversed a booking"),
    "purse.slip": lazy("Printed a receipt of stored value"),
    "purse.top_up": lazy("Topped up a card"),
    "sites.change": lazy("Changed an estate or organisation"),
    "sites.create": lazy("Made an estate or organisation"),
    "stock.count": lazy("Counted the cards of a desk"),
    "stock.desk_change": lazy("Changed a card desk"),
    "stock.desk_create": lazy("Made a card desk"),
    "stock.desk_work": lazy("Works at a card desk"),
    "stock.give_up": lazy("Gave up cards that did not arrive"),
    "stock.intake": lazy("Entered bought cards"),
    "stock.receive": lazy("Confirmed the arrival of cards"),
    "stock.send": lazy("Sent cards to another desk"),
    "stock.sign": lazy("Signed a stock-taking"),
    "system.backup": lazy("Made a backup"),
    "system.rebuild": lazy("Made derived data anew"),
    "system.restart": lazy("Restarted the service"),
    "system.restore": lazy("Restored a backup"),
    "system.set_up": lazy("Did the first set-up"),
    "system.settings": lazy("Changed settings"),
}
"""Every action that any part records; a test compares this with the code."""

OBJECTS: Final[dict[str, LazyText]] = {
    "alarm": lazy("Alarm"),
    "api_token": lazy("Token"),
    "backup": lazy("Backup"),
    "card": lazy("Card"),
    "card_class": lazy("Card class"),
    "cash_count": lazy("Count of a drawer"),
    "card_desk": lazy("Desk"),
    "card_intake": lazy("Card intake"),
    "card_transfer": lazy("Card transfer"),
    "carried": lazy("Carried unit"),
    "checkpoint": lazy("Checkpoint"),
    "debt": lazy("Debt"),
    "device": lazy("Device"),
    "door": lazy("Door"),
    "import": lazy("Import"),
    "event_card": lazy("Event card"),
    "guard": lazy("Patrol guard"),
    "key": lazy("Card key"),
    "patrol_map": lazy("Patrol map"),
    "door_purge": lazy("Purge of door records"),
    "patrol_purge": lazy("Purge of patrol records"),
    "patrol_relief": lazy("Relief guard"),
    "patrol_route": lazy("Patrol route"),
    "keys": lazy("Card keys"),
    "face_batch": lazy("Printed card faces"),
    "face_template": lazy("Card face"),
    "form_printer": lazy("Printer for forms"),
    "form_template": lazy("Pre-printed form"),
    "paper": lazy("Printed paper"),
    "area": lazy("Door area"),
    "level": lazy("Access level"),
    "list": lazy("List"),
    "meter_reading": lazy("Meter reading"),
    "move_in": lazy("Move-in"),
    "operator": lazy("Operator"),
    "operator_number": lazy("Operator number"),
    "organisation": lazy("Organisation"),
    "paging_contact": lazy("Contact for alarms"),
    "paging_message": lazy("Message about alarms"),
    "paging_rule": lazy("Rule for messages about alarms"),
    "permit": lazy("Permit"),
    "person": lazy("Person"),
    "plate": lazy("Number plate"),
    "posting": lazy("Receipt"),
    "refund": lazy("Refund"),
    "reader": lazy("Reader"),
    "release_slip": lazy("Goods release slip"),
    "role": lazy("Role"),
    "route": lazy("Page"),
    "schedule": lazy("Schedule"),
    "site": lazy("Estate"),
    "stock_taking": lazy("Stock-taking"),
    "special_day": lazy("Special day"),
    "system": lazy("System"),
    "unit": lazy("Unit"),
    "webhook": lazy("Address for events"),
    "zone": lazy("Key zone"),
}


def action_text(action: str) -> str:
    """What was done, in the reader's language; a code that nobody knows any more is shown as it is."""
    return str(ACTIONS.get(action, action))


def object_text(kind: str, object_id: str) -> str:
    """``Card 12``, ``Operator 3``, ``System``."""
    return f"{OBJECTS.get(kind, kind)} {object_id}".strip()


def line_of(value: Any) -> str:
    """A JSON value as one line: ``Name: East gate; In use: ✓``."""
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{FIELDS.get(name, name)}: {_part(name, part)}" for name, part in value.items())
    return _short(value)


def _part(name: str, value: Any) -> str:
    """The value of one field: codes in words, amounts in yuan."""
    words = VALUES.get(name)
    if words is not None:
        codes = value if isinstance(value, list) else [value]
        return ", ".join(str(words.get(code, code)) for code in codes) or "—"
    if isinstance(value, int) and not isinstance(value, bool) and (name.endswith("_fen") or name in AMOUNTS):
        return money(value)
    return _short(value)


def changed_only(before: Any, after: Any) -> tuple[Any, Any]:
    """Both sides without what stayed the same."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return before, after
    same = {name for name in before if name in after and before[name] == after[name]}
    return (
        {name: part for name, part in before.items() if name not in same},
        {name: part for name, part in after.items() if name not in same},
    )


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(map(str, value))
    return "—" if value is None else canonical_json(value)
