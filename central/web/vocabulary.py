"""The one vocabulary of states: each is a word, a shape and a colour, so that nobody needs to see the colour.

``status("card", "lost")`` gives the badge of one state; an unknown state is our mistake and raises KeyError.
Shapes are drawn in a 16 x 16 box. Tones become colours in app.css, checked for contrast in light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from central.web.i18n import LazyText, lazy

Tone = Literal["good", "warn", "bad", "info", "idle"]

SHAPES: Final[dict[str, str]] = {
    "check": '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.6 8.2 7 10.6l4.4-4.8"/>',
    "cross": '<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/><path class="cut" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2"/>',
    "warning": '<path d="M8 1 15.5 14.5H.5z"/><path class="cut" d="M8 5.8v4m0 1.8v.6"/>',
    "down": '<path d="M.5 2h15L8 15z"/>',
    "square": '<path d="M2 2h12v12H2z"/>',
    "ring": '<circle class="line" cx="8" cy="8" r="6"/>',
    "clock": '<circle class="line" cx="8" cy="8" r="6"/><path class="line" d="M8 4.5V8l2.4 1.6"/>',
    "arrow": '<path class="line" d="M2 8h10.5M8.5 3.8 12.8 8l-4.3 4.2"/>',
    "slash": '<circle class="line" cx="8" cy="8" r="6"/><path class="line" d="m3.8 12.2 8.4-8.4"/>',
    "lock": '<path d="M3 7h10v8H3z"/><path class="line" d="M5 7V5a3 3 0 0 1 6 0v2"/>',
    "unlock": '<path d="M3 7h10v8H3z"/><path class="line" d="M5 7V4.5a3 3 0 0 1 5.8-1"/>',
    "star": '<path d="M8 .6l2.3 4.9 5.3.6-4 3.7 1.2 5.3L8 12.4l-4.8 2.7 1.2-5.3-4-3.7 5.3-.6z"/>',
    "hourglass": '<path d="M3 1h10v3L9.6 8 13 12v3H3v-3l3.4-4L3 4z"/>',
    "diamond": '<path d="M8 .8 15.2 8 8 15.2.8 8z"/>',
}


@dataclass(frozen=True)
class Status:
    """One state as it is shown."""

    text: LazyText
    shape: str
    tone: Tone


def _states(**states: tuple[LazyText, str, Tone]) -> dict[str, Status]:
    return {name: Status(*parts) for name, parts in states.items()}


STATUSES: Final[dict[str, dict[str, Status]]] = {
    # The service light of the source: a green triangle pointing down while it runs, red when stopped (29).
    "service": _states(
        running=(lazy("Service running"), "down", "good"),
        degraded=(lazy("Service impaired"), "warning", "warn"),
        stopped=(lazy("Service stopped"), "square", "bad"),
    ),
    "finding": _states(
        running=(lazy("In order"), "check", "good"),
        degraded=(lazy("Impaired"), "warning", "warn"),
        stopped=(lazy("Failed"), "cross", "bad"),
    ),
    "device": _states(
        online=(lazy("Online"), "check", "good"),
        offline=(lazy("Offline"), "cross", "bad"),
        fault=(lazy("Fault"), "warning", "bad"),
        unenrolled=(lazy("Not enrolled"), "ring", "idle"),
        revoked=(lazy("Revoked"), "slash", "idle"),
        unused=(lazy("Out of use"), "slash", "idle"),
    ),
    "delivery": _states(
        delivered=(lazy("Delivered"), "check", "good"),
        pending=(lazy("Not delivered"), "clock", "warn"),
    ),
    "card": _states(
        blank=(lazy("New card"), "ring", "idle"),
        active=(lazy("In normal use"), "check", "good"),
        inactive=(lazy("Not activated"), "clock", "idle"),
        suspended=(lazy("Suspended"), "slash", "warn"),
        lost=(lazy("Reported lost"), "cross", "bad"),
        expired=(lazy("Expired"), "clock", "warn"),
        replaced=(lazy("Replaced"), "arrow", "idle"),
        returned=(lazy("Returned"), "arrow", "idle"),
        cancelled=(lazy("Cancelled"), "slash", "idle"),
        destroyed=(lazy("Destroyed"), "cross", "idle"),
        damaged=(lazy("Damaged"), "cross", "bad"),
        foreign=(lazy("Of others"), "slash", "warn"),
        copy=(lazy("Copy card"), "warning", "bad"),
    ),
    "bag": _states(
        waiting=(lazy("Waiting"), "ring", "idle"),
        at_desk=(lazy("At a desk"), "clock", "info"),
        packed=(lazy("Packed"), "square", "info"),
        signed=(lazy("Signed for"), "check", "good"),
    ),
    "compliance": _states(
        passed=(lazy("Passed"), "check", "good"),
        failed=(lazy("Not passed"), "cross", "bad"),
        unknown=(lazy("Not enough data"), "ring", "idle"),
    ),
    "webhook": _states(
        working=(lazy("Sent and received"), "check", "good"),
        failing=(lazy("Not received"), "warning", "bad"),
        given_up=(lazy("Some given up"), "cross", "warn"),
        off=(lazy("Out of use"), "slash", "idle"),
    ),
    "sending": _states(
        waiting=(lazy("Waits to be sent"), "clock", "info"),
        sent=(lazy("Sent and received"), "check", "good"),
        given_up=(lazy("Given up"), "cross", "bad"),
    ),
    "message": _states(
        waiting=(lazy("Waits to be sent"), "clock", "info"),
        sent=(lazy("Sent and received"), "check", "good"),
        given_up=(lazy("Given up"), "cross", "bad"),
        handed_on=(lazy("Handed on to the web address"), "arrow", "info"),
        not_needed=(lazy("Acknowledged before it was sent"), "slash", "idle"),
    ),
    "books": _states(
        right=(lazy("The books add up"), "check", "good"),
        wrong=(lazy("The books do not add up"), "cross", "bad"),
    ),
    "transfer": _states(
        on_its_way=(lazy("On the way"), "arrow", "warn"),
        closed=(lazy("Closed"), "check", "idle"),
    ),
    "taking": _states(
        counted=(lazy("To be signed"), "clock", "warn"),
        signed=(lazy("Signed"), "check", "good"),
        discarded=(lazy("Discarded"), "slash", "idle"),
    ),
    "confirmation": _states(
        waiting=(lazy("Waiting for confirmation"), "clock", "warn"),
        overdue=(lazy("Not confirmed in time"), "warning", "bad"),
    ),
    "paper": _states(
        kept=(lazy("At the desk"), "clock", "warn"),
        done=(lazy("Delivered or returned"), "check", "idle"),
    ),
    "ticket": _states(
        reported=(lazy("Reported, not assigned"), "warning", "warn"),
        assigned=(lazy("Assigned"), "clock", "info"),
        repaired=(lazy("Repaired, to be confirmed"), "arrow", "info"),
        confirmed=(lazy("Repair confirmed"), "check", "good"),
        withdrawn=(lazy("Withdrawn"), "slash", "idle"),
        late=(lazy("Repair overdue"), "cross", "bad"),
    ),
    "hold": _states(
        held=(lazy("Held"), "lock", "info"),
        lifted=(lazy("Hold lifted"), "unlock", "idle"),
    ),
    "excess": _states(
        over=(lazy("Over the limit"), "warning", "bad"),
        within=(lazy("Within the limit"), "check", "idle"),
    ),
    "permit": _states(
        running=(lazy("Permit runs"), "check", "good"),
        over=(lazy("Permit is over"), "slash", "idle"),
    ),
    "deposit": _states(
        none=(lazy("No deposit"), "slash", "idle"),
        due=(lazy("To be paid"), "clock", "warn"),
        held=(lazy("Held"), "lock", "info"),
        refunded=(lazy("Refunded"), "check", "idle"),
    ),
    "refund": _states(
        waiting=(lazy("To be approved"), "clock", "warn"),
        paid=(lazy("Paid"), "check", "good"),
        refused=(lazy("Refused"), "slash", "idle"),
    ),
    "plate": _states(
        good=(lazy("Good"), "check", "good"),
        later=(lazy("Not yet"), "clock", "info"),
        over=(lazy("Ended"), "slash", "idle"),
    ),
    "release": _states(
        open=(lazy("Not left yet"), "clock", "info"),
        gone=(lazy("Left the estate"), "check", "good"),
        void=(lazy("Void"), "slash", "idle"),
    ),
    "visit": _states(
        pending=(lazy("Pending"), "clock", "idle"),
        on_time=(lazy("On time"), "check", "good"),
        early=(lazy("Early"), "arrow", "warn"),
        late=(lazy("Late"), "clock", "warn"),
        missed=(lazy("Missed"), "cross", "bad"),
        out_of_order=(lazy("Out of order"), "diamond", "warn"),
        wrong_guard=(lazy("Wrong guard"), "slash", "warn"),
        late_proved=(lazy("Proved later"), "check", "info"),
        no_evidence=(lazy("No evidence"), "ring", "idle"),
        extra=(lazy("Outside the plan"), "arrow", "idle"),
        double=(lazy("Read twice"), "arrow", "idle"),
        event=(lazy("Button"), "square", "info"),
        opened=(lazy("Round opened or closed"), "unlock", "info"),
    ),
    "round": _states(
        pending=(lazy("Pending"), "clock", "idle"),
        in_progress=(lazy("In progress"), "arrow", "info"),
        complete=(lazy("Complete"), "check", "good"),
        incomplete=(lazy("Incomplete"), "warning", "bad"),
        expired=(lazy("Not walked"), "cross", "bad"),
        no_evidence=(lazy("No evidence"), "ring", "idle"),
    ),
    "decision": _states(
        granted=(lazy("Granted"), "check", "good"),
        denied=(lazy("Denied"), "cross", "bad"),
        not_entered=(lazy("Granted, nobody went through"), "ring", "warn"),
        unknown=(lazy("Outcome unknown"), "warning", "warn"),
    ),
    "again": _states(
        same=(lazy("Decided again by the settings of that moment, the same comes out."), "check", "good"),
        other=(
            lazy("Decided again by the settings of that moment, something else comes out."),
            "cross",
            "bad",
        ),
        unknown=(lazy("Cannot be decided again"), "ring", "idle"),
    ),
    "punch": _states(
        taken=(lazy("Punch taken"), "check", "good"),
        refused=(lazy("Refused"), "cross", "bad"),
        quarantined=(lazy("Impossible time"), "warning", "warn"),
    ),
    "purchase": _states(
        sold=(lazy("Sold"), "check", "good"),
        taken_back=(lazy("Payment taken back"), "arrow", "info"),
        refused=(lazy("Refused"), "cross", "bad"),
        suspense=(lazy("Purse unknown"), "warning", "warn"),
        conflict=(lazy("Contradiction"), "warning", "bad"),
    ),
    "command": _states(
        sent=(lazy("Sent"), "arrow", "info"),
        accepted=(lazy("Accepted"), "clock", "info"),
        confirmed=(lazy("Confirmed"), "check", "good"),
        timed_out=(lazy("Timed out"), "clock", "warn"),
        failed=(lazy("Failed"), "cross", "bad"),
    ),
    "relay": _states(
        secured=(lazy("Locked"), "lock", "good"),
        released=(lazy("Unlocked"), "unlock", "info"),
        unknown=(lazy("Lock state unknown"), "ring", "idle"),
    ),
    "contact": _states(
        closed=(lazy("Door closed"), "square", "good"),
        open=(lazy("Door open"), "diamond", "info"),
        forced=(lazy("Forced open"), "warning", "bad"),
        held=(lazy("Open too long"), "clock", "warn"),
        absent=(lazy("No door contact"), "slash", "idle"),
        unknown=(lazy("Contact unknown"), "ring", "idle"),
    ),
    "rule": _states(
        normal=(lazy("Normal"), "check", "good"),
        unlocked=(lazy("Held open by rule"), "unlock", "warn"),
        locked=(lazy("Locked by rule"), "lock", "info"),
        blocked=(lazy("Blocked"), "slash", "warn"),
        locked_down=(lazy("Locked down"), "lock", "bad"),
    ),
    "alarm": _states(
        open=(lazy("Open alarm"), "warning", "bad"),
        acknowledged=(lazy("Acknowledged"), "clock", "warn"),
        closed=(lazy("Closed alarm"), "check", "idle"),
    ),
    "severity": _states(
        urgent=(lazy("Urgent"), "warning", "bad"),
        warning=(lazy("Warning"), "diamond", "warn"),
        note=(lazy("Note only"), "ring", "idle"),
    ),
    # A door on a floor plan: of its three facts and its connection the one that matters most.
    "plan": _states(
        forced=(lazy("Forced open"), "warning", "bad"),
        held=(lazy("Open too long"), "hourglass", "bad"),
        locked_down=(lazy("Locked down"), "slash", "bad"),
        blocked=(lazy("Blocked"), "cross", "warn"),
        offline=(lazy("Offline"), "down", "warn"),
        open=(lazy("Door open"), "ring", "info"),
        released=(lazy("Unlocked"), "unlock", "info"),
        unlocked=(lazy("Held open by rule"), "unlock", "info"),
        shut=(lazy("Shut and locked"), "check", "good"),
        locked=(lazy("Locked"), "lock", "good"),
        unknown=(lazy("Nothing known"), "diamond", "idle"),
        unused=(lazy("Not in use"), "square", "idle"),
    ),
    # Somebody on a muster list.
    "muster": _states(
        missing=(lazy("Not seen yet"), "warning", "bad"),
        out=(lazy("Came out by card"), "diamond", "warn"),
        safe=(lazy("Safe"), "check", "good"),
    ),
    "clock": _states(
        trusted=(lazy("Time trusted"), "check", "good"),
        holdover=(lazy("Time held over"), "clock", "good"),
        floor_only=(lazy("Time uncertain"), "warning", "warn"),
        none=(lazy("Time unknown"), "cross", "bad"),
    ),
    # A checkpoint on the live map (72), by the visit that matters now.
    "patrol_point": _states(
        not_due=(lazy("Not due"), "ring", "idle"),
        due=(lazy("Due"), "clock", "info"),
        overdue=(lazy("Overdue"), "warning", "warn"),
        on_time=(lazy("On time"), "check", "good"),
        early=(lazy("Early"), "arrow", "warn"),
        late=(lazy("Late"), "down", "warn"),
        out_of_order=(lazy("Out of order"), "diamond", "warn"),
        wrong_guard=(lazy("Wrong guard"), "lock", "warn"),
        missed=(lazy("Missed"), "cross", "bad"),
        pending=(lazy("Not uploaded yet"), "hourglass", "idle"),
        late_proved=(lazy("Proved later"), "square", "info"),
        no_evidence=(lazy("No evidence"), "unlock", "idle"),
        offline=(lazy("Unit offline"), "slash", "warn"),
        help=(lazy("Help wanted"), "star", "bad"),
    ),
    # What a guard heard at a checkpoint, or said there by a button.
    "patrol_told": _states(
        on_time=(lazy("On time"), "check", "good"),
        early=(lazy("Early"), "arrow", "warn"),
        late=(lazy("Late"), "down", "warn"),
        not_on_route=(lazy("Not on the route"), "diamond", "warn"),
        not_a_guard=(lazy("Not a guard"), "slash", "warn"),
        not_opened=(lazy("Patrol not opened for this card"), "slash", "warn"),
        plan_unknown=(lazy("Recorded, plan unknown"), "ring", "idle"),
        round_opened=(lazy("Round opened"), "unlock", "info"),
        round_closed=(lazy("Round closed"), "lock", "info"),
        no_round=(lazy("No round is open"), "warning", "warn"),
        all_well=(lazy("All well"), "check", "good"),
        fault=(lazy("Fault reported"), "warning", "warn"),
        help=(lazy("Help wanted"), "star", "bad"),
    ),
    "live": _states(
        live=(lazy("Live"), "check", "good"),
        reconnecting=(lazy("Reconnecting"), "clock", "warn"),
        stale=(lazy("Not updating"), "warning", "bad"),
        paused=(lazy("Paused"), "ring", "idle"),
    ),
    "tier": _states(
        number=(lazy("Card number only (legacy)"), "warning", "warn"),
        credential=(lazy("Card with a signed credential"), "lock", "good"),
        aes=(lazy("Card with AES"), "lock", "good"),
    ),
    "enabled": _states(
        yes=(lazy("Enabled"), "check", "good"),
        no=(lazy("Disabled"), "slash", "idle"),
    ),
    "pull": _states(
        asked=(lazy("Being read"), "clock", "info"),
        read=(lazy("All records read"), "check", "good"),
        offline=(lazy("Offline"), "cross", "bad"),
        unanswered=(lazy("No answer"), "warning", "warn"),
    ),
    # a unit without a network at the clerk's desk (20)
    "line": _states(
        here=(lazy("Connected"), "check", "good"),
        away=(lazy("Not connected"), "ring", "idle"),
        waiting=(lazy("Connect it now"), "clock", "warn"),
        asked=(lazy("Being read"), "clock", "info"),
        read=(lazy("All records read"), "check", "good"),
    ),
    # 聯網, 脫網, 斷網 (79)
    "unit_mode": _states(
        online=(lazy("Online"), "check", "good"),
        offline=(lazy("Without a network"), "ring", "idle"),
        cut=(lazy("Offline until it is back"), "warning", "warn"),
    ),
    "unit_act": _states(
        waiting=(lazy("Waiting for the unit"), "clock", "warn"),
        sent=(lazy("Sent to the unit"), "arrow", "info"),
        done=(lazy("Carried out"), "check", "good"),
        refused=(lazy("Refused"), "cross", "bad"),
        cancelled=(lazy("Cancelled"), "slash", "idle"),
    ),
    "update": _states(
        waiting=(lazy("Not begun"), "clock", "idle"),
        offered=(lazy("Offered"), "arrow", "info"),
        downloading=(lazy("Downloading"), "arrow", "info"),
        ready=(lazy("Waits for a quiet moment"), "hourglass", "info"),
        on_trial=(lazy("On trial"), "hourglass", "warn"),
        done=(lazy("On the new version"), "check", "good"),
        rolled_back=(lazy("Back on the old version"), "cross", "bad"),
        refused=(lazy("Not taken"), "slash", "bad"),
    ),
    "rollout": _states(
        running=(lazy("Under way"), "arrow", "info"),
        paused=(lazy("Paused"), "hourglass", "warn"),
        stopped=(lazy("Stopped"), "slash", "idle"),
        done=(lazy("Finished"), "check", "good"),
    ),
    "board": _states(
        waiting=(lazy("Waits for approval"), "clock", "warn"),
        approved=(lazy("Approved, not joined yet"), "hourglass", "info"),
        joined=(lazy("Has joined"), "check", "good"),
        refused=(lazy("Refused"), "slash", "idle"),
    ),
    "spare": _states(
        usable=(lazy("Ready for use"), "check", "good"),
        used=(lazy("Used up"), "square", "idle"),
        expired=(lazy("Expired"), "clock", "idle"),
        revoked=(lazy("Revoked"), "slash", "idle"),
    ),
    "bulk": _states(
        waiting=(lazy("Waiting for approval"), "clock", "warn"),
        running=(lazy("On its way"), "arrow", "info"),
        done=(lazy("Carried out"), "check", "good"),
        stopped=(lazy("Stopped"), "slash", "idle"),
    ),
    "bulk_card": _states(
        pending=(lazy("Not done yet"), "clock", "idle"),
        done=(lazy("Done"), "check", "good"),
        failed=(lazy("Failed"), "cross", "bad"),
        refused=(lazy("Not possible"), "slash", "warn"),
    ),
    "write_order": _states(
        queued=(lazy("Waits for the issuer"), "clock", "warn"),
        sent=(lazy("On its way"), "clock", "info"),
        waiting=(lazy("Waits for the card"), "clock", "info"),
        cancelling=(lazy("Being cancelled"), "clock", "warn"),
        written=(lazy("Written, not yet booked"), "clock", "warn"),
        done=(lazy("Done"), "check", "good"),
        failed=(lazy("Written, but not possible"), "cross", "bad"),
        refused=(lazy("Not written"), "cross", "bad"),
        cancelled=(lazy("Cancelled"), "slash", "idle"),
        expired=(lazy("Card did not come"), "slash", "idle"),
    ),
    "result": _states(
        done=(lazy("Done"), "check", "good"),
        note=(lazy("Note"), "ring", "info"),
        warning=(lazy("Warning"), "warning", "warn"),
        error=(lazy("Error"), "cross", "bad"),
    ),
}


def status(group: str, name: str) -> Status:
    """The badge of one state. Raises KeyError when the group or the state does not exist."""
    return STATUSES[group][name]
