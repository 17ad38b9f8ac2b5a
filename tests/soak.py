"""`make soak`: the long versions of what `make test` runs shortly, each from seeds that are printed.

    make soak ARGS="--minutes 60 --first 100000 --only histories,line"
    ONECARD_ISSUED_CARDS=6000 make soak ARGS="--only issuing --minutes 0"

Rounds of every part follow one another until the time is up; each round takes the next seeds. A violation is printed with
what runs it again, the other parts go on, and the exit code is 1. ``--first`` runs a found seed again.

``properties`` runs every property test with other examples, and in full what `make test` does once of each kind (files that name
``THOROUGH``): every route with every role, every odd string in every field by itself, every page opened in each language.

Parts that need programs of Debian say which are missing and are left out: ``boot`` (systemd-container and what makes the base image:
root, mmdebstrap, qemu-user-static, dosfstools, device-tree-compiler), ``machine`` (the same image, qemu-system-arm, e2fsprogs), ``gpio``
(linux-source, gcc, make, flex, bison, bc), ``cloud_init`` (apt-get). What takes minutes to make is kept in ``build``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

MINUTES = 30.0
HISTORY_STEPS = 120
LINE_SEEDS = 50
LINE_LENGTH = 600
FUZZ_COUNT = 50_000
HISTORIES = 10
CARD_ACTS = 10_000
CUT_OUTCOMES = 4
MOVE_IN_CARDS = int(os.environ.get("ONECARD_MOVE_IN_CARDS", "300"))
MOVE_IN_PER_UNIT = 3
MOVE_IN_SECONDS_MAX = 12.0
"""Of machine time for one card (U2)."""
ISSUED_CARDS = int(os.environ.get("ONECARD_ISSUED_CARDS", "200"))
SERIAL_RECORDS = int(os.environ.get("ONECARD_SERIAL_RECORDS", "100000"))
SERIAL_UNPLUGS = 10
ROOT = Path(__file__).parents[1]
RELEASE_KEY = "release.key"
NEWER = "999.0.0"
MACHINES = os.environ.get("ONECARD_MACHINES", "virt").split(",")
MACHINE_CUTS = {"virt": int(os.environ.get("ONECARD_CUTS", "2")), "raspi3b": 0}
"""Power cuts of a first boot, and again of an update, in a minute of emulated time each."""


class Violation(AssertionError):
    """A promise was broken; the text says how to see it again."""


def _quietly(unraisable: Any) -> None:
    """SQLite reports the cuts that it meets while it cleans up; they are meant; anything else is shown."""
    if not issubclass(unraisable.exc_type, apsw.Error):
        sys.__unraisablehook__(unraisable)


def histories(seed: int) -> str:
    """Whole-site histories, three times as long as in the suite. Names the seed of a broken one."""
    from tests.sim.world import play

    for number in range(seed, seed + HISTORIES):
        with tempfile.TemporaryDirectory(prefix="onecard-soak-") as folder:
            asyncio.run(play(Path(folder), number, HISTORY_STEPS))
    return f"whole-site histories {seed}..{seed + HISTORIES - 1}, {HISTORY_STEPS} steps each"


def line(seed: int) -> str:
    """The two peers over a line with every fault."""
    from protocol.downlink import centre as downlink_centre
    from tests.protocol.test_lossy_line import history_of, play

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downlink_centre, "ROWS_PER_PART", 2)  # four cards make a snapshot of several parts
        for number in range(seed, seed + LINE_SEEDS):
            try:
                play(bool(number % 2), history_of(number, LINE_LENGTH))
            except Exception as error:
                raise Violation(f"lossy line, seed {number}: {error!r}") from error
    return f"lossy line {seed}..{seed + LINE_SEEDS - 1}, {LINE_LENGTH} acts each"


def power(seed: int) -> str:
    """A script of the node's storage, cut at every operation, with other survivors than the suite draws."""
    from edge.cache.errors import CacheError
    from tests.edge.cache.test_power_cuts import SCRIPTS, Disk, Told, violations

    script = SCRIPTS[seed % len(SCRIPTS)]
    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
        path, full, looked = Path(name), Disk(), 0
        script(full, path, Told())
        for cut_at in range(1, full.count + 1):
            disk, told = Disk(), Told()
            disk.cut_at = cut_at
            try:
                script(disk, path, told)
            except CacheError:
                if not disk.is_cut:
                    raise
            for number in range(CUT_OUTCOMES):
                looked += 1
                survivor = disk.after_cut(Random(f"{seed}/{cut_at}/{number}"))
                if found := violations(survivor, path, told):
                    raise Violation(f"{script.__name__}, seed {seed}, cut at {cut_at}: {found}")
    return f"power cuts of {script.__name__}, seed {seed}: {looked} disks"


def fuzz(seed: int) -> str:
    """Every parser, from ``seed``."""
    from tests.wire import test_fuzz

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_fuzz, "SEED", seed)
        patch.setattr(test_fuzz, "COUNT", FUZZ_COUNT)
        name = list(test_fuzz.PARSERS)[seed % len(test_fuzz.PARSERS)]
        parser, seeds = test_fuzz.PARSERS[name]
        taken, refused = test_fuzz.feed(parser, seeds)
    return f"fuzz of {name}, seed {seed}: {taken} taken, {refused} refused"


def properties(seed: int) -> str:
    """Every property test of the suite, with examples drawn from ``seed``, and the tests that are more thorough here."""
    tests = Path(__file__).parent
    files = [
        str(file)
        for file in sorted(tests.rglob("test_*.py"))
        if any(sign in file.read_text("utf-8") for sign in ("from hypothesis", "THOROUGH"))
    ]
    arguments = [sys.executable, "-m", "pytest", "-x", f"--hypothesis-seed={seed}", *files]
    environment = dict(os.environ, HYPOTHESIS_PROFILE="drawn")
    run = subprocess.run(
        arguments, cwd=tests.parent, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise Violation((run.stdout + run.stderr)[-4_000:])
    return f"property tests of {len(files)} files, seed {seed}"


def cards(seed: int) -> str:
    """10,000 random acts on cards, database against rules."""
    from tests.sim.card_world import play

    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as folder:
        world = play(Path(folder), seed, CARD_ACTS)
    done = ", ".join(f"{name} {count}" for name, count in sorted(world.done.items()))
    return f"card life, seed {seed}: {CARD_ACTS} acts, {world.refused} refused, {len(world.model.cards)} cards; {done}"


def card_plants(seed: int) -> str:
    """One bug planted into the acts on cards must be found."""
    from tests.sim.card_world import Broken, play
    from tests.sim.test_card_life import PLANT_ACTS_MAX, PLANTS

    name = list(PLANTS)[seed % len(PLANTS)]
    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as folder, pytest.MonkeyPatch.context() as patch:
        PLANTS[name](patch)
        try:
            play(Path(folder), seed, PLANT_ACTS_MAX)
        except Broken as found:
            return f"planted: {name}; found: {str(found).splitlines()[0]}"
    raise Violation(f"planted and not found: {name}, seed {seed}")


def move_in(seed: int) -> str:
    """Two desks of a real site pack cards, the centre killed half-way; ONECARD_MOVE_IN_CARDS=6000 is the whole trial (U2)."""
    from tests.support import move_in as trial
    from tests.support.site import running_site

    async def play() -> list[float]:
        took: list[float] = []

        async def pack(desk: trial.PackingDesk, cards: Iterator[dict[str, Any]]) -> None:
            began = time.monotonic()
            async for _card in desk.pack_until_full(cards):
                took.append(time.monotonic() - began)
                began = time.monotonic()

        with tempfile.TemporaryDirectory(prefix="onecard-soak-") as folder:
            async with running_site(Path(folder), trial.BUSES) as site:
                await trial.import_units(site, MOVE_IN_CARDS // MOVE_IN_PER_UNIT // len(trial.BUILDINGS))
                path = await trial.begin(site, MOVE_IN_PER_UNIT)
                desks = await trial.two_desks(site, path)
                cards = iter(trial.new_cards(site, MOVE_IN_CARDS))
                half = itertools.islice(cards, MOVE_IN_CARDS // 2)
                await asyncio.gather(*(pack(desk, half) for desk in desks))
                await trial.restart_centre(site)
                await asyncio.gather(*(pack(desk, cards) for desk in desks))
                words = (await site.browser.get(path)).words
                units = MOVE_IN_CARDS // MOVE_IN_PER_UNIT
                if f"{units} / {units} 0 / {units}" not in words:
                    raise Violation(f"not every unit has its cards: {words[-600:]}")
        return took

    took = sorted(asyncio.run(play()))
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    if p99 > MOVE_IN_SECONDS_MAX:
        raise Violation(f"move-in: a card takes {p50:.1f} s (p50), {p99:.1f} s (p99)")
    return (
        f"move-in {seed}: {len(took)} cards at two desks, {p50:.1f} s a card (p50), {p99:.1f} s (p99), "
        "the centre killed half-way and gone on"
    )


def issuing(seed: int) -> str:
    """Cards written at two desks by clerks' scripts, the centre killed meanwhile; ONECARD_ISSUED_CARDS=6000 is the whole trial (U2)."""
    from tests.support.site import running_site
    from tests.support.trial import trial

    async def play() -> str:
        with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
            async with running_site(Path(name), {}) as site:
                return await trial(site, ISSUED_CARDS, seed)

    return asyncio.run(play())


def serial(seed: int) -> str:
    """A full pull over a serial line at 115,200 baud with bit errors, unplugged again and again; ten minutes with 100,000 records."""
    from tests.support.serial_trial import trial
    from tests.support.site import running_site

    async def play() -> str:
        with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
            async with running_site(Path(name), {}) as site:
                return await trial(site, Path(name) / "unit", SERIAL_RECORDS, SERIAL_UNPLUGS, seed)

    return f"serial line, seed {seed}: {asyncio.run(play())}"


def boot(seed: int) -> str:
    """The finished card of our own base image, started by systemd in a container: it joins, syncs and opens its door.

    ``build/onecard-base.img`` is made when it is not there (minutes), the release each time.
    """
    from tests.support.boot import GIVEN, why_no_system

    if reason := why_no_system():
        return f"boot of a card: left out, {reason}"
    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
        base, key = _base(), Path(name) / RELEASE_KEY
        release = _release(Path(name), key)
        given = dict(zip(GIVEN, (str(base), str(release), str(key)), strict=True))
        test = "tests/acceptance/test_site_base_boots.py"
        arguments = [sys.executable, "-m", "pytest", "-x", "-s", "--basetemp", f"{name}/test", test]
        run = subprocess.run(
            arguments, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False
        )
    if run.returncode or "1 passed" not in run.stdout:
        raise Violation((run.stdout + run.stderr)[-8_000:])
    figures = [
        line for line in run.stdout.splitlines() if " s" in line and ("made" in line or "power-up" in line)
    ]
    return f"boot of a card, seed {seed}: {'; '.join(figures)}"


def _base() -> Path:
    """Our base image, made when it is not there."""
    base = ROOT / "build" / "onecard-base.img"
    if not base.exists():
        subprocess.run(
            [sys.executable, "-m", "provisioning", "base", "--out", str(base)], cwd=ROOT, check=True
        )
    return base


def _release(folder: Path, key: Path, version: str = "") -> Path:
    """The release of this checkout, for a card; the key is made when it is not there."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "provisioning", "release", "--key", str(key), "--out", str(folder)]
    command += ["--version", version] if version else []
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.glob("onecard-*.tar.gz")
    return found


def machine(seed: int) -> str:
    """The finished card in a whole emulated computer (QEMU), its plug pulled in the first boot and in an update.

    ONECARD_CUTS says how often; ONECARD_MACHINES=virt,raspi3b adds an emulated Raspberry Pi 3, which is started without cuts.
    """
    import base64

    from provisioning.release.key import public_half
    from tests.support.boot import why_no_system
    from tests.support.machine import why_no_machine
    from tests.support.machine_trial import Given, trial
    from tests.support.site import running_site

    reason = why_no_machine() or (None if (ROOT / "build/onecard-base.img").exists() else why_no_system())
    if reason:
        return f"emulated computers: left out, {reason}"
    kind = MACHINES[seed % len(MACHINES)]

    async def play(folder: Path) -> str:
        key_file = folder / RELEASE_KEY
        first = _release(folder, key_file)
        newer = _release(folder / "newer", key_file, NEWER) if MACHINE_CUTS[kind] else first
        given = Given(_base(), first, newer, NEWER, key_file)
        key = base64.urlsafe_b64encode(public_half(given.key)).decode().rstrip("=")
        async with running_site(folder, {}, key) as site:
            return await trial(site, folder, given, kind, MACHINE_CUTS[kind], seed)

    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
        return f"emulated computer, seed {seed}: {asyncio.run(play(Path(name)))}"


def gpio(seed: int) -> str:
    """The relay board over a GPIO chip of a kernel that was made for it: levels, inputs, the stop hook, lines that are held.

    ``build/linux-uml`` is made when it is not there (minutes, from Debian's linux-source).
    """
    from tests.support import uml

    if reason := uml.why_no_kernel():
        return f"GPIO of a kernel: left out, {reason}"
    uml.make()
    tests = ["tests/conformance/relay/test_every_board.py", "tests/conformance/relay/kernel_pins.py"]
    options = ["-p", "no:cacheprovider", "--basetemp=/run/tests", "-k", "kernel"]
    code, said = uml.run(sys.executable, "-m", "pytest", *options, *tests)
    if code or " passed" not in said:
        raise Violation(said[-8_000:])
    (figures,) = [line for line in said.splitlines() if " passed" in line]
    return f"GPIO of a kernel, seed {seed}: {figures.strip('= ')}"


def cloud_init(seed: int) -> str:
    """What a card says to cloud-init, with a network drawn from ``seed``, checked by cloud-init itself."""
    from tests.provisioning.conftest import BASES, provision, ticket_file
    from tests.support import cloud_init as check
    from tests.support.cards import files_of
    from tests.support.disk_images import disk
    from tests.support.releases import PROGRAM, public_key_file, release

    if reason := check.why_no_check():
        return f"cloud-init: left out, {reason}"
    check.fetch()
    random = Random(seed)
    address = random.choice(
        [
            [],
            ["10.0.0.21/24", "--gateway", "10.0.0.1", "--dns", "10.0.0.1"],
            ["fd00::21/64", "--gateway", "fd00::1"],
        ]
    )
    with tempfile.TemporaryDirectory(prefix="onecard-soak-") as name:
        folder = Path(name)
        (folder / "pass").write_text("correct horse 77\n")
        wifi = ["--wifi-ssid", random.choice(["lobby", "大堂", "a: b #"]), "--country", "CN"]
        wifi += random.choice([[], ["--wifi-pass-file", str(folder / "pass")]])
        options = (["--address", *address] if address else []) + random.choice([[], wifi])
        if random.random() < 0.5:
            packed = release(folder / "r.tar.gz", "0.2.0", PROGRAM, arch="aarch64")
            options += ["--release", str(packed), "--release-key", str(public_key_file(folder))]
        base, out = disk(folder / "base.img", BASES["cloud-init"]), folder / "card.img"
        given = ["--base", base, "--node", "east-gate", "--ticket", ticket_file(folder), "--out", out]
        run = provision("image", *given, *options)
        if run.returncode:
            raise Violation(run.stderr)
        files = files_of(out)
    for kind in check.KINDS:
        if found := check.complaint(kind, files[kind]):
            raise Violation(f"{kind}: {found}\n{files[kind].decode()}")
    planted = {
        "user-data": (b"hostname:", b"no_such_key:"),
        "network-config": (b'"ethernets"', b'"etherwebs"'),
    }
    for kind, (right, wrong) in planted.items():
        if not check.complaint(kind, files[kind].replace(right, wrong, 1)):
            raise Violation(f"cloud-init accepts a wrong {kind}: nothing was checked")
    return f"cloud-init, seed {seed}: {' '.join(options) or 'DHCP'}"


PARTS: dict[str, tuple[Callable[[int], str], int]] = {
    "histories": (histories, HISTORIES),
    "line": (line, LINE_SEEDS),
    "power": (power, 1),
    "fuzz": (fuzz, 1),
    "properties": (properties, 1),
    "cards": (cards, 1),
    "issuing": (issuing, 1),
    "card_plants": (card_plants, 1),
    "move_in": (move_in, 1),
    "serial": (serial, 1),
    "boot": (boot, 1),
    "machine": (machine, 1),
    "gpio": (gpio, 1),
    "cloud_init": (cloud_init, 1),
}
"""Each part and how many seeds a round of it takes."""


def rounds(first: int, names: list[str]) -> Iterator[tuple[str, int]]:
    """Part and seed, without end."""
    number = 0
    while True:
        for name in names:
            yield name, first + number * PARTS[name][1]
        number += 1


def run(names: list[str], first: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> int:
    """Run until the time is up, at least one round of every part; returns how many rounds found a violation."""
    end, found = clock() + seconds, 0
    for count, (name, seed) in enumerate(rounds(first, names)):
        if count >= len(names) and clock() >= end:
            break
        try:
            print(f"ok    {PARTS[name][0](seed)}", flush=True)
        except Exception as error:
            found += 1
            print(f"FAIL  {name}, seed {seed}: {error}", flush=True)
            traceback.print_exc()
            print(f'again: make soak ARGS="--only {name} --first {seed} --minutes 0"', flush=True)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Parse, run; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long (default: %(default)s)")
    parser.add_argument("--first", type=int, help="first seed (default: drawn, and printed)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma (default: %(default)s)")
    given = parser.parse_args(arguments)
    names = given.only.split(",")
    if unknown := set(names) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    first = int.from_bytes(os.urandom(4), "big") if given.first is None else given.first
    sys.unraisablehook = _quietly
    print(f"first seed {first}, {given.minutes:g} minutes", flush=True)
    found = run(names, first, given.minutes * 60)
    print(f"{found} rounds broke a promise" if found else "no promise was broken")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
