"""The tables of the first release, as frozen SQL for each engine."""

from pathlib import Path

import peewee

HERE = Path(__file__).parent


def up(migrator: object, db: peewee.Database) -> None:
    kind = "postgresql" if isinstance(db, peewee.PostgresqlDatabase) else "sqlite"
    text = (HERE / f"0001_initial.{kind}.sql").read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            db.execute_sql(statement.rstrip(";\n"))
