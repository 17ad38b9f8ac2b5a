"""The schedule that every site has and nobody edits: number 1, "always" (``protocol.schedule.ALWAYS``)."""

import peewee


def up(migrator: object, db: peewee.Database) -> None:
    # Without a number of its own, so that PostgreSQL's counter moves on too; the table is empty, so it becomes 1.
    db.execute_sql(
        """INSERT INTO "schedule" ("name", "periods", "version")
           SELECT 'Always', '[]', 1 WHERE NOT EXISTS (SELECT 1 FROM "schedule")"""
    )
