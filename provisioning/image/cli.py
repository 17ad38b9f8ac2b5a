"""``onecard-provision image | inspect | verify``: texts in the language of the shell (LANG), progress on a terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from edge.i18n import language_of, use_language
from edge.release_archive import ReleaseError
from protocol.ids import UNASSIGNED
from provisioning.image import batch, check, label, manifest, seed
from provisioning.image import network as net
from provisioning.image.data import Release, has_tools, open_release
from provisioning.image.errors import ImageError, RefusedError
from provisioning.image.glue import RTCS
from provisioning.image.make import COPYING, Steps, make_image
from provisioning.image.manifest import manifest_path
from provisioning.image.network import Network
from provisioning.image.seed import Given, Seed
from provisioning.image.unpack import Progress, Unpacked, copy_sparse, private_file, unpack
from provisioning.release.key import default_path, public_half
from provisioning.texts import N_, of_os_error, translator

NAMES: Final = ("image", "inspect", "verify")
EXIT_WRONG: Final = 1
EXIT_REFUSED: Final = 2
EXIT_INTERRUPTED: Final = 130
_Translate = Callable[..., str]
_UNPACKED: Final = ".onecard-base.tmp"


def main(arguments: list[str]) -> int:
    """One of ``NAMES`` and its arguments; 0, 1 when something is wrong with the image, 2 when it was refused, 130 on Ctrl-C."""
    use_language(language_of())
    language = language_of().replace("_", "-")
    _ = translator(language)
    chosen = _parser(_).parse_args(arguments)
    try:
        match chosen.command:
            case "image":
                return _image(chosen, language, _)
            case "inspect":
                if chosen.base:
                    print(json.dumps(check.as_base(chosen.image)))
                else:
                    print("\n".join(check.inspect(chosen.image, _)))
                return 0
            case _verify:
                return _check(chosen, _)
    except RefusedError as error:
        print(error.text(_), file=sys.stderr)
        return EXIT_REFUSED
    except ImageError as error:
        print(error.text(_), file=sys.stderr)
        return EXIT_WRONG
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    except OSError as error:
        print(of_os_error(error, chosen.command, _), file=sys.stderr)
        return EXIT_WRONG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser(_: _Translate) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="onecard-provision")
    commands = parser.add_subparsers(dest="command", required=True)
    text = _("make the SD card image of a device")
    image = commands.add_parser("image", help=text, description=text)
    image.add_argument(
        "--base", type=Path, required=True, help=_("base image: .img, .img.xz, .img.gz or .img.zst")
    )
    image.add_argument("--node", default="", help=_("number of the device, as at the centre"))
    image.add_argument(
        "--spare", action="store_true", help=_("a spare card: an operator says later which device it is")
    )
    image.add_argument(
        "--ticket", type=Path, help=_("the file that the page of the device gave, or the bare ticket")
    )
    image.add_argument("--batch", type=Path, help=_("list of devices (CSV), instead of one device"))
    image.add_argument(
        "--out", type=Path, required=True, help=_("the image to be made; with --batch a folder")
    )
    image.add_argument(
        "--replace",
        action="store_true",
        help=_("the card takes the place of a device that has joined; that one is revoked when it joins"),
    )
    image.add_argument(
        "--release", type=Path, help=_("program for the card, as the command release makes it")
    )
    image.add_argument("--release-key", type=Path, help=_("key of the release, or its public half"))
    image.add_argument("--force", action="store_true", help=_("replace what is there"))
    image.add_argument(
        "--label", default="", choices=["", "png", "pdf"], help=_("make a label for the card too")
    )
    image.add_argument("--site", default="", help=_("name of the site, for the label"))
    image.add_argument(
        "--centre", action="append", default=[], help=_("address of the centre; may be repeated")
    )
    image.add_argument("--ca", type=Path, help=_("certificate of the centre"))
    image.add_argument("--role", default="", help=_("door or issuer"))
    image.add_argument("--board", default="", help=_("profile of the board"))
    image.add_argument(
        "--address", default="", help=_("fixed address with prefix, such as 10.0.0.21/24; else DHCP")
    )
    image.add_argument("--gateway", default="", help=_("gateway of the fixed address"))
    image.add_argument("--dns", action="append", default=[], help=_("name server; may be repeated"))
    image.add_argument("--wifi-ssid", default="", help=_("name of the Wi-Fi"))
    image.add_argument(
        "--wifi-pass-file", type=Path, help=_("file with the passphrase of the Wi-Fi; none: open")
    )
    image.add_argument("--country", default="", help=_("country for the radio, such as CN"))
    image.add_argument("--time-server", action="append", default=[], help=_("time server; may be repeated"))
    image.add_argument(
        "--rtc", default="ds3231", choices=["", *RTCS], help=_("clock chip of the board; empty: none")
    )
    text = _("show what is on an image or a card; secrets stay hidden")
    command = commands.add_parser("inspect", help=text, description=text)
    command.add_argument("image", type=Path, help=_("the image, or the card in its reader"))
    text = _("answer for programs, in JSON: can this image, packed or not, be the base of a card")
    command.add_argument("--base", action="store_true", help=text)
    text = _("compare an image, or a card not yet started, with its manifest")
    command = commands.add_parser("verify", help=text, description=text)
    command.add_argument("image", type=Path, help=_("the image, or the card in its reader"))
    command.add_argument("--manifest", type=Path, help=_("the manifest; else the image's name with .json"))
    return parser


def _image(chosen: argparse.Namespace, language: str, _: _Translate) -> int:
    if chosen.spare:
        chosen.node = "" if chosen.node else UNASSIGNED
    if (chosen.batch is None) == (not chosen.node or chosen.ticket is None):
        raise RefusedError(
            N_("Give %(one)s for one device, or %(many)s for many."),
            one="--node/--spare, --ticket",
            many="--batch",
        )
    release = None
    if chosen.release is not None:
        release = open_release(chosen.release, public_half(chosen.release_key or default_path()))
        if not has_tools():
            print(_("mke2fs is missing: the device unpacks the program at its first boot."), file=sys.stderr)
    common = Given(
        node=chosen.node,
        ticket_file=chosen.ticket or Path(),
        site=chosen.site,
        centre=tuple(chosen.centre),
        ca_file=chosen.ca,
        role=chosen.role,
        board=chosen.board,
        network=_network(chosen),
        replaces=chosen.replace,
        release_key=release.public_key if release else b"",
    )
    if chosen.batch is None:
        net.check(common.network)
        jobs = [(chosen.out, seed.make(common))]
    else:
        chosen.out.mkdir(parents=True, exist_ok=True)
        jobs = [(chosen.out / f"{one.host_name}.img", one) for one in batch.read(chosen.batch, common)]
    for out, _seed in jobs:
        _check_free(out, chosen.base, force=chosen.force)
    with _progress(_) as steps:
        for line in _make_all(chosen, jobs, release, language, steps, _):
            print(line, flush=True)
    return 0


def _network(chosen: argparse.Namespace) -> Network:
    ssid = os.fsencode(chosen.wifi_ssid)
    pmk = ""
    if chosen.wifi_pass_file is not None:
        pmk = net.pmk_of(seed.text_of(chosen.wifi_pass_file), ssid)
    if pmk and not ssid:
        raise RefusedError(N_("A passphrase needs the name of its Wi-Fi (--wifi-ssid)."))
    return Network(
        address=chosen.address,
        gateway=chosen.gateway,
        dns=tuple(chosen.dns),
        ssid=ssid,
        pmk=pmk,
        country=chosen.country.upper(),
        time_servers=tuple(chosen.time_server),
    )


def _check_free(out: Path, base: Path, *, force: bool) -> None:
    if out.exists():
        if not out.is_file() or out.samefile(base):
            raise RefusedError(N_("%(path)s is no file that may be replaced."), path=out)
        if not force:
            raise RefusedError(N_("%(path)s is there already; --force replaces it."), path=out)


def _make_all(
    chosen: argparse.Namespace,
    jobs: list[tuple[Path, Seed]],
    release: Release | None,
    language: str,
    steps: Steps,
    _: _Translate,
) -> Iterator[str]:
    """Make the images one after another; the base is unpacked once."""
    if len(jobs) == 1:
        yield from _make(
            lambda file, progress: unpack(chosen.base, file, progress),
            chosen,
            jobs[0],
            release,
            language,
            steps,
            _,
        )
        return
    raw = chosen.out / _UNPACKED
    try:
        with private_file(raw) as file:
            unpacked = unpack(chosen.base, file, steps(COPYING))

        def again(file: BinaryIO, progress: Progress) -> Unpacked:
            copy_sparse(raw, file, progress)
            return unpacked

        for job in jobs:
            yield from _make(again, chosen, job, release, language, steps, _)
    finally:
        raw.unlink(missing_ok=True)


def _make(
    copy: Callable[[BinaryIO, Progress], Unpacked],
    chosen: argparse.Namespace,
    job: tuple[Path, Seed],
    release: Release | None,
    language: str,
    steps: Steps,
    _: _Translate,
) -> Iterator[str]:
    out, made_for = job
    made = make_image(copy, made_for, chosen.rtc, out, steps, release)
    yield _(
        "%(node)s: %(path)s, first boot by %(kind)s, image %(fingerprint)s",
        node=made.node,
        path=out,
        kind=made.first_boot,
        fingerprint=made.fingerprint,
    )
    if chosen.label:
        label.save(made, out.with_name(f"{out.name}.{chosen.label}"), language, _)


def _check(chosen: argparse.Namespace, _: _Translate) -> int:
    path = chosen.manifest or manifest_path(chosen.image)
    expected = manifest.load(path)
    with _progress(_) as steps:
        wrong = check.verify(chosen.image, expected, steps(N_("Reading the image")))
    for problem in wrong:
        print(problem.text(_), file=sys.stderr)
    if wrong:
        return EXIT_WRONG
    print(
        _(
            "%(node)s: as it was made, image %(fingerprint)s",
            node=expected.node,
            fingerprint=expected.fingerprint,
        )
    )
    return 0


@contextmanager
def _progress(_: _Translate) -> Iterator[Steps]:
    """Bars on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _step: lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def begin(step: str) -> Progress:
            task = bars.add_task(_(step), total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield begin
