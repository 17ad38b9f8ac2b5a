"""How the database would find the rows of a list: for tests that every page and every filter stands on an index."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from central.web.tables import View


def plan_of(view: View, scope: Any) -> str:
    """SQLite's query plan for one page of the view. Call it inside ``db.read``.

    A list that scales says ``SEARCH ... USING INDEX`` (or ``SCAN ... USING INDEX`` for the first page) and never
    ``USE TEMP B-TREE``.
    """
    statements: list[tuple[str, Any]] = []
    execute = peewee.Database.execute_sql

    def keep(self: peewee.Database, sql: str, params: Any = None, *args: Any) -> Any:
        statements.append((sql, params))
        return execute(self, sql, params, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peewee.Database, "execute_sql", keep)
        view.rows(scope, view.after, view.limit + 1)
    sql, params = statements[-1]
    engine = view.table.key.model._meta.database
    rows = engine.execute_sql("EXPLAIN QUERY PLAN " + sql, params).fetchall()
    return " | ".join(str(row[3]) for row in rows)
