"""Every limit of pages, lists, exports and streams, in one place; a configuration may hold its own copy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WebLimits:
    """Counts are rows unless the name says otherwise."""

    page_rows: int = 50
    """Rows of one page of a list."""
    page_rows_max: int = 200
    """The most that a page of the JSON API may ask for."""
    counted_rows_max: int = 10_000
    """Totals are exact up to here and shown as "more than" above it: counting a million rows is not free."""
    export_rows_max: int = 200_000
    print_rows_max: int = 2_000
    export_chunk_rows: int = 2_000
    """Rows of one read during an export: the database serves others in between."""
    filter_text_max_chars: int = 80
    filter_choices_max: int = 50
    live_queue_max: int = 200
    """Events waiting for one slow page; a page that falls further behind starts again."""
    live_kept_count: int = 1_000
    """Recent events kept for pages that come back with Last-Event-ID."""
    live_streams_max: int = 500
    live_subscriptions_max: int = 8
    """Feeds of one page."""
    live_stream_s: int = 600
    """A stream ends after this time and its page opens another: permissions are looked at again."""
    live_heartbeat_s: int = 15
    """A comment line at least this often, so that a dead connection is noticed at both ends."""


LIMITS = WebLimits()
