"""Every action that any part records has words in three languages; a change reads as one line."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from central.access.command_rules import CommandKind
from central.cards.rules import Act
from central.security.audit_fields import FIELDS
from central.security.audit_words import ACTIONS, AMOUNTS, changed_only, line_of, object_text
from central.web.catalogue import Language
from central.web.i18n import using
from tests.support.centre import RunningCentre

ROOT = Path(__file__).parents[3] / "central"
MADE_UP = {f"cards.{act.value}" for act in Act} | {f"access.{kind.value}" for kind in CommandKind}


def recorded() -> set[str]:
    """The texts like ``people.change`` that stand as the action of ``record`` or in ``audited(...)``."""
    found = set()
    for path in ROOT.rglob("*.py"):
        if path.name == "audit_words.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = {"record": 1, "audited": 0}.get(name)
            arguments = node.args
            if name == "write" and arguments and getattr(arguments[0], "attr", "") == "record":
                place = 2  # db.write(audit.record, actor, action, ...)
            elif name == "call_write" and arguments and getattr(arguments[0], "attr", "") == "record":
                place = 2
            if place is not None and len(arguments) > place:
                for part in ast.walk(arguments[place]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and "." in part.value:
                        found.add(part.value)
    return {text for text in found if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}


def test_every_action_has_words() -> None:
    """Planted break: record an action ``people.merge`` anywhere."""
    found = recorded()
    assert len(found) > 30
    assert found - ACTIONS.keys() == set()
    assert ACTIONS.keys() >= MADE_UP


def fields_recorded() -> set[str]:
    """Names that stand in a snapshot, or in what ``record`` is given as before and after."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts: list[ast.AST] = []
            if isinstance(node, ast.FunctionDef) and "snapshot" in node.name:
                parts = [node]
            elif isinstance(node, ast.Assign) and {"about", "after", "before"} & {
                target.id for target in node.targets if isinstance(target, ast.Name)
            }:
                parts = [node.value]
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "record":
                parts = [*node.args, *(keyword.value for keyword in node.keywords)]
            for part in parts:
                for inner in ast.walk(part):
                    if isinstance(inner, ast.Dict):
                        found |= {key.value for key in inner.keys if isinstance(key, ast.Constant)}
    return found


def test_every_field_has_words() -> None:
    """Planted break: a field ``how_many`` in any snapshot."""
    found = fields_recorded()
    assert {"card_no", "holding", "deposit_fen", "release_ms", "filters"} <= found
    assert found - FIELDS.keys() == set()
    assert FIELDS.keys() >= AMOUNTS


@pytest.mark.parametrize("language", [Language.ZH_HANS, Language.ZH_HANT])
def test_no_field_is_left_in_english(language: Language) -> None:
    with using(language):
        assert [name for name, text in FIELDS.items() if str(text).isascii()] == ["uid"]


def test_codes_and_amounts_are_read_as_words_and_yuan() -> None:
    change = {"holding": "in_use", "reasons": ["lost", "suspended"], "deposit_fen": 2_050, "cost_waived": 100}
    with using(Language.EN):
        line = line_of(change)
        assert line == (
            "Where the card is: In use; Why the card is dead: Lost, Suspended; Deposit: ¥20.50;"
            " Card cost not charged (warranty): ¥1.00"
        )
        assert line_of({"reasons": []}) == "Why the card is dead: —"


@pytest.mark.parametrize("language", [Language.ZH_HANS, Language.ZH_HANT])
def test_no_words_are_left_in_english(language: Language) -> None:
    with using(language):
        assert not [key for key, text in ACTIONS.items() if str(text).isascii()]
        assert object_text("door", "3").endswith(" 3")


def test_a_change_reads_as_one_line() -> None:
    before = {"name": "East", "active": True, "grants": [[1, None]], "zone": "Asia/Shanghai"}
    after = {"name": "East gate", "active": False, "grants": [[1, None]], "zone": "Asia/Shanghai"}
    left, right = changed_only(before, after)
    with using(Language.EN):
        assert (line_of(left), line_of(right)) == ("Named: East; In use: ✓", "Named: East gate; In use: ✗")
        assert line_of({"roles": ["guard", "doors"], "note": None}) == "Roles: guard, doors; Note: —"
    assert line_of(None) == line_of({}) == ""


async def test_the_page_speaks_words_and_keeps_to_the_scope(running_centre: RunningCentre) -> None:
    """Planted break: return the whole query from ``audit_pages.entries_in`` for everybody."""
    browser = await running_centre.as_role("administrator")
    await browser.post("/sites/new", {"name": "Second Estate", "zone": "Asia/Shanghai"})
    await browser.post(
        "/sites/1", {"name": "Garden Estate", "zone": "Asia/Urumqi", "note": "", "active": "1"}
    )
    page = (await browser.get("/audit")).text
    assert "Made an estate or organisation" in page
    assert "Time zone: Asia/Urumqi" in page
    assert "sites.create" not in page.partition("<tbody>")[2]
    narrowed = (await browser.get("/audit?action=sites.change&object=site&id=1")).text
    assert narrowed.count("<tr id=") == 1
    assert (await browser.get(f"/audit?action=sites.change&who={browser.number}")).text.count("<tr id=") == 1
    assert (await browser.get("/audit?action=sites.change&who=0001")).text.count("<tr id=") == 0
    other = await running_centre.as_role("manager", site=2)
    seen = (await other.get("/audit")).text
    assert "Second Estate" in seen
    assert "Asia/Urumqi" not in seen, "it belongs to another estate"
    assert "Signed in" not in seen.partition("<tbody>")[2], "sign-ins belong to head office"
    assert (await other.get("/audit?action=nonsense")).status == 422
