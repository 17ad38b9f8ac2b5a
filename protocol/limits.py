"""Every limit of the wire and of the rows, in one place. Lengths in bytes unless the name says otherwise."""

from __future__ import annotations

from typing import Final

PROTOCOL_VERSION: Final = 1
PROTOCOL_VERSIONS: Final = frozenset({1})
"""Versions this build speaks: N and, once there is one, N-1."""

ENVELOPE_MAX: Final = 4 * 1024 * 1024
"""One signed envelope, body included."""
SNAPSHOT_PART_MAX: Final = 2 * 1024 * 1024
"""Unpacked bytes of one part of a snapshot; larger snapshots come in several parts."""
INFLATED_MAX: Final = 16 * 1024 * 1024
"""What one compressed body may unpack to."""
BODY_MAX: Final = 16 * 1024
"""A message that carries neither rows nor facts."""

FACTS_PER_BATCH_MAX: Final = 500
BATCH_BYTES_MAX: Final = 256 * 1024
"""Bodies and personal parts of one batch, roughly; a batch ends at the fact that passes it."""
FACT_BYTES_MAX: Final = 2_000
"""Canonical bytes of one fact."""
PERSONAL_MAX: Final = 16
"""The personal part of one fact: a card key."""
CHANGES_PER_DELTA_MAX: Final = 5_000
"""A longer delta is sent as a snapshot instead."""
CHANGES_PER_PART_MAX: Final = 20_000
"""Rows in one part of a snapshot."""
PARTS_MAX: Final = 1_000
"""Parts of one snapshot."""
USES_MAX: Final = 10_000
"""Uses of one card that can be allowed."""
USES_POINTS_MAX: Final = 64
"""Points that one row of uses tells apart; the centre adds the others up under point 0."""
PLACES_MAX: Final = 65_536
"""Holders whose place a device remembers; of more, those are forgotten who went through the longest ago."""
VISITS_PER_GUARD_MAX: Final = 160
"""Planned visits of one guard that one node is told of; they fit a row however large their numbers are."""
FEN_MAX: Final = 10**13
"""No amount of money is larger."""
MEALS_MAX: Final = 12
"""Meals of one till."""
PRICES_MAX: Final = 120
"""Prices of card classes at one till."""
KINDS_MAX: Final = 256
"""Row kinds that a message may list."""
NODE_NAME_MAX: Final = 64
NONCE_LENGTH: Final = 16
COMMANDS_WAITING_MAX: Final = 32
"""Commands waiting for a nonce of one node, and nonces kept for them."""
FRAMES_PER_PACKET_MAX: Final = 64
"""Frames in one HTTP body or WebSocket message."""
BUNDLE_MAX: Final = 256 * 1024 * 1024
"""One file with frames."""
PACKET_MAX: Final = 8 * 1024 * 1024
"""One HTTP body or WebSocket message."""
RELEASE_MAX: Final = 128 * 1024 * 1024
"""The archive of one release of the node's program."""
RELEASE_PART_MAX: Final = 64 * 1024
"""One part of it on its way to a node."""
ROW_BYTES_MAX: Final = 4_000

TEXT_MAX_CHARS: Final = 200
LEVELS_PER_CARD_MAX: Final = 64
ENTRIES_PER_LEVEL_MAX: Final = 2_000
PERIODS_PER_SCHEDULE_MAX: Final = 100
SPECIAL_DAYS_MAX: Final = 2_000
POINTS_PER_NODE_MAX: Final = 16
FIGURES_MAX: Final = 600
"""Counts in one status: four figures, and fewer steps than 150 each."""

DURATION_MAX_MS: Final = 24 * 3_600_000
"""The longest that a door may be told to stay released, or to be held open without an alarm."""

UID_LENGTHS: Final = frozenset({4, 7, 10})
CREDENTIAL_ID_LENGTH: Final = 8
READ_KEY_LENGTH: Final = 16
PUBLIC_KEY_LENGTH: Final = 32
CARD_KEYS_MAX: Final = 8_192
"""Bytes of the keys of one card in an order to write it, encoded and sealed."""
ZONES_MAX: Final = 16
"""Zones with a read key of their own, at one site."""

REMOTE_OPEN_MAX_AGE_MS: Final = 10_000
"""A signed remote-open command is void this long after the node issued its nonce (reliability.md section 4)."""
CLOCK_ROUND_TRIP_MAX_MS: Final = 2_000
"""A time reply that took longer than this is not used to set the clock (reliability.md section 3)."""
UNITS_MAX: Final = 8
"""Doors, or readers, that one board may have; their units count from 1."""
