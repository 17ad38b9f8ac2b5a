"""What a node keeps over restarts: ``config.db`` (rows of the View) and ``outbox.db`` (facts).

Two files, because SQLite has one writer: a snapshot of 100,000 rows must not hold up the record of a swipe.
"""
