"""The tables of the centre as the models have them now, in SQL: to write migrations from, and to compare them with.

``python -m central.schema sqlite`` (or ``postgresql``) prints the statements that make an empty database.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Final

import peewee

from central.current import is_base
from central.db import Model
from central.engines import Kind, make_engine

_URLS: Final[dict[Kind, str]] = {"sqlite": "sqlite:///:memory:", "postgresql": "postgresql://localhost/none"}


def models() -> list[type[peewee.Model]]:
    """Every table of every part, referenced tables first."""
    here = Path(__file__).parent
    for path in sorted(here.glob("*/model.py")):
        importlib.import_module(f"central.{path.parent.name}.model")
    for name in ("central.audit", "central.settings", "central.backup_record"):
        importlib.import_module(name)
    found: list[type[peewee.Model]] = []
    waiting = [Model]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.startswith("central.") and not is_base(model):
                found.append(model)
    ordered: list[type[peewee.Model]] = peewee.sort_models(
        sorted(set(found), key=lambda m: m._meta.table_name)
    )
    return ordered


def statements(kind: Kind) -> list[str]:
    """SQL of all tables and indexes, without parameters."""
    engine = make_engine(_URLS[kind])
    found: list[str] = []
    for model in models():
        manager = peewee.SchemaManager(model, database=engine)
        for context in (manager._create_table(safe=False), *manager._create_indexes(safe=False)):
            sql, parameters = context.query()
            assert not parameters, sql
            found.append(sql)
    return found


if __name__ == "__main__":
    print(";\n".join(statements(sys.argv[1])) + ";")  # type: ignore[arg-type]  # noqa: T201  # a command
