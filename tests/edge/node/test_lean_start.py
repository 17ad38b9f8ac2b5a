"""The first decision is possible before network, scheduler and cryptography are imported at all (performance.md)."""

from __future__ import annotations

import subprocess
import sys

from edge.cache.outbox import Outbox
from protocol.facts import SALT_LENGTH
from tests.support.facts import cards, one_door
from tests.support.node_process import ROOT, NodeProcess

LATER = (
    "peewee",
    "aiohttp",
    "apscheduler",
    "cryptography",
    "psycopg",
    "edge.link",
    "edge.jobs",
    "edge.membership",
    "babel",
    "yaml",
)
PROGRAM = f"""
import logging, os, sys
class Look(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("decisions are possible"):
            loaded = [name for name in {LATER!r} if sys.modules.get(name) is not None]
            print("loaded:", *loaded, flush=True)
            os._exit(0)
logging.getLogger().addHandler(Look())
logging.getLogger().setLevel(logging.INFO)
from edge.__main__ import main
main(["run", "--config", sys.argv[1]])
"""


def test_nothing_heavy_is_imported_before_the_first_decision(node: NodeProcess) -> None:
    node.config.write_text(node.config.read_text() + '\n[[readers]]\nbus = "emulator"\n')
    node.seed([*one_door(), *cards(5)])
    Outbox(node.data_dir / "outbox.db").begin(
        1, bytes(SALT_LENGTH)
    )  # what makes a file may take its time, once
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(node.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.splitlines() == ["loaded:"], found.stderr


def test_the_look_itself_sees_what_is_loaded(node: NodeProcess) -> None:
    """The negative control."""
    program = PROGRAM.replace("import logging, os, sys", "import logging, os, sys, aiohttp")
    node.seed([*one_door(), *cards(5)])
    Outbox(node.data_dir / "outbox.db").begin(1, bytes(SALT_LENGTH))
    found = subprocess.run(
        [sys.executable, "-c", program, str(node.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.splitlines() == ["loaded: aiohttp"], found.stderr


def test_no_authority_of_the_system_is_read_or_believed(node: NodeProcess) -> None:
    """Planted break: leave ``_trust_no_public_authorities`` out of ``run``."""
    program = PROGRAM.replace(
        'print("loaded:", *loaded, flush=True)',
        'import ssl; print(ssl.create_default_context().cert_store_stats()["x509_ca"], flush=True)',
    )
    node.seed([*one_door(), *cards(5)])
    Outbox(node.data_dir / "outbox.db").begin(1, bytes(SALT_LENGTH))
    found = subprocess.run(
        [sys.executable, "-c", program, str(node.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.stdout.splitlines() == ["0"], found.stderr
