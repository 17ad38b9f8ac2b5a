"""What every test shares: which tests are left out where something is missing, and the record of requirement results.

A test that needs Chromium, a PostgreSQL server, a Chinese font or the programs for FAT is left out on a machine without it, and the summary says so. Where
ONECARD_FULL=1 is set (the gate), nothing is left out: what is missing fails.

Property tests draw the same examples at each run, so that a run says something of the change and not of the day, and are not
judged by how long a draw takes on a busy machine; `make soak` draws others.

The processes of a run are given whole files (``--dist loadfile``), so that what is dear to start (a whole site, a browser)
is started once for all tests of its file, and the files that take longest first, so that nobody waits for them at the end.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from glob import glob
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("drawn", print_blob=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")
settings.load_profile(PROFILE)
if PROFILE == "same" and hasattr(providers, "_get_local_constants"):
    # Else each process reads a thousand files for constants to draw, and draws by what it has imported so far.
    providers._get_local_constants = lambda: providers._local_constants

LONGEST_FIRST = (
    "browser/test_every_page.py",
    "sim/test_whole_site.py",
    "acceptance/test_site_door_rules.py",
    "acceptance/test_site_updates.py",
    "acceptance/test_site_controllers.py",
    "acceptance/test_site_alarm_messages.py",
    "sim/test_door_rule_histories.py",
    "central/core/test_centre_power_cuts.py",
    "central/security/test_other_organisations.py",
    "acceptance/test_site_serial.py",
    "central/security/test_permission_matrix.py",
    "edge/reader/test_reader_issuing.py",
    "acceptance/test_site_patrol_units.py",
    "acceptance/test_site_devices.py",
    "central/security/test_injection.py",
    "acceptance/test_site_tills.py",
    "acceptance/test_site_patrol_map.py",
    "acceptance/test_site_replacement.py",
    "provisioning/test_card_with_program.py",
    "central/core/test_process.py",
    "acceptance/test_site_compliance.py",
    "acceptance/test_site_rounds.py",
    "browser/test_patrol_monitor.py",
    "central/access/test_access_pages.py",
    "browser/test_patterns_page.py",
    "acceptance/test_site_doors.py",
    "acceptance/test_site_time_clocks.py",
    "acceptance/test_site_patrol.py",
    "browser/test_lists_by_hand.py",
    "browser/test_demo_pages.py",
    "central/core/test_backup_and_restore.py",
    "acceptance/test_site_areas.py",
    "acceptance/test_site_clones.py",
    "acceptance/test_site_monitoring.py",
    "browser/test_live_page.py",
    "browser/test_patrol_map.py",
    "provisioning/test_card_image.py",
    "acceptance/test_site_events.py",
    "central/reports/test_report_pages.py",
    "acceptance/test_site_centre_killed.py",
    "acceptance/test_site_reports.py",
    "central/units/test_scan_import.py",
    "acceptance/test_site_desktop_issuer.py",
    "edge/node/test_first_boot.py",
)
"""Files of this folder that are begun first, by how long they take; the others follow in the order of their names."""

ROOM_BYTES = 6 << 30
"""What a file system in memory must have free to take the folders of the tests. They go when their tests have passed."""


def _in_memory() -> str:
    """Where the folders of tests are made: nothing there has to survive, so nothing need wait for a disk."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return tempfile.gettempdir()
    return str(memory) if shutil.disk_usage(memory).free > ROOM_BYTES else tempfile.gettempdir()


os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _in_memory())
gc.disable()  # until all tests are known: they and their modules stay
# Where the surroundings forbid byte code, each process that a test starts would translate every module anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

REQUIREMENTS_OUT = "ONECARD_REQUIREMENTS_OUT"
"""When set: the file to which each requirement test appends one JSON line (tests/requirements_report.py reads it)."""


def _missing_browser() -> str | None:
    if shutil.which("chromium") is None:
        return "Chromium is not installed"
    if importlib.util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None


def _missing_postgres() -> str | None:
    if not glob("/usr/lib/postgresql/*/bin/initdb"):
        return "no PostgreSQL server is installed"
    return None


def _missing_chinese_font() -> str | None:
    if not glob("/usr/share/fonts/**/NotoSansCJK-*.ttc", recursive=True):
        return "no Chinese font is installed (fonts-noto-cjk)"
    return None


def _missing_fat_tools() -> str | None:
    if any(shutil.which(name) is None for name in ("mtype", "mkfs.fat", "fsck.fat")):
        return "mtools or dosfstools is not installed"
    return None


def _missing_ext4_tools() -> str | None:
    if any(shutil.which(name) is None for name in ("mke2fs", "debugfs", "e2fsck")):
        return "e2fsprogs is not installed"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    full = os.environ.get("ONECARD_FULL") == "1"
    reasons = {
        "browser": _missing_browser(),
        "postgres": _missing_postgres(),
        "chinese_font": _missing_chinese_font(),
        "fat_tools": _missing_fat_tools(),
        "ext4_tools": _missing_ext4_tools(),
    }
    for item in items:
        numbers = list(item.iter_markers("requirement"))
        if any(len(mark.args) != 1 for mark in numbers):
            raise pytest.UsageError(f"{item.nodeid}: one requirement number in each mark")
        if len(numbers) > 5:
            raise pytest.UsageError(f"{item.nodeid} carries {len(numbers)} requirement numbers; five at most")
        for mark, reason in reasons.items():
            if reason and not full and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=_place)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: collections look at what tests make."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # tests make much and keep little: looking less often finds as much
    gc.enable()


def _place(item: pytest.Item) -> int:
    """Where a test stands in the order in which files are given out."""
    file = item.nodeid.partition("::")[0].removeprefix("tests/")
    return LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    out = os.environ.get(REQUIREMENTS_OUT)
    if not out or (report.when != "call" and report.passed):
        return
    numbers = [str(mark.args[0]) for mark in item.iter_markers("requirement")]
    if numbers:
        row = {"test": item.nodeid, "numbers": numbers, "outcome": report.outcome}
        with Path(out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
