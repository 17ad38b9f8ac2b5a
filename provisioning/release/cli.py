"""``onecard-provision release``: builds and signs a release, or checks one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.i18n import language_of
from edge.release_archive import ReleaseError, verify
from protocol.errors import ProtocolError
from protocol.release import Manifest
from provisioning.image.errors import RefusedError
from provisioning.release.build import ARCHES, PYTHONS, SOURCE, Wanted, build, check_source
from provisioning.release.key import PUBLIC_NAME, as_pem, as_text, default_path, load_or_make, public_half
from provisioning.texts import N_, of_os_error, translator

EXIT_WRONG: Final = 1
EXIT_REFUSED: Final = 2
EXIT_INTERRUPTED: Final = 130


def main(arguments: list[str]) -> int:
    """0, 1 when a release is not what it should be, 2 when it cannot be built, 130 on Ctrl-C."""
    _ = translator(language_of().replace("_", "-"))
    chosen = _parser(_).parse_args(arguments)
    key_file: Path = chosen.key or default_path()
    try:
        if chosen.verify is not None:
            print(_line(verify(chosen.verify, public_half(key_file)), chosen.verify, _))
            return 0
        check_source()
        if key_file.resolve().is_relative_to(SOURCE):
            raise RefusedError(N_("The release key must not stand inside the source tree."))
        key, made_now = load_or_make(key_file)
        if made_now:
            print(_("A new release key was made: %(path)s. Keep a copy in a safe place.", path=key_file))
        wanted = Wanted(
            chosen.arch,
            tuple(chosen.python or PYTHONS),
            chosen.version,
            chosen.min_version,
            chosen.find_links,
        )
        out, manifest = build(wanted, key, chosen.out)
        print(_line(manifest, out, _))
        public = public_half(key_file)
        (out.parent / PUBLIC_NAME).write_bytes(as_pem(public))
        print(
            _(
                "%(path)s: the key of this release, also for centre.toml: %(key)s",
                path=out.parent / PUBLIC_NAME,
                key=as_text(public),
            )
        )
    except RefusedError as error:
        print(error.text(_), file=sys.stderr)
        return EXIT_REFUSED
    except OSError as error:
        print(of_os_error(error, key_file, _), file=sys.stderr)
        return EXIT_WRONG
    except (ReleaseError, ProtocolError) as error:
        print(error, file=sys.stderr)
        return EXIT_WRONG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _parser(_: Callable[..., str]) -> argparse.ArgumentParser:
    text = _("build and sign a release of the program of the devices, or check one")
    parser = argparse.ArgumentParser(prog="onecard-provision release", description=text)
    parser.add_argument("--out", type=Path, default=Path("build"), help=_("folder for the release"))
    parser.add_argument("--arch", choices=ARCHES, default=ARCHES[0], help=_("machine that runs it"))
    parser.add_argument(
        "--python", action="append", choices=PYTHONS, help=_("Python that runs it; may be repeated; else all")
    )
    parser.add_argument("--version", default="", help=_("another number than that of the source"))
    parser.add_argument(
        "--min-version", default="0", help=_("no older release may be put in place of this one")
    )
    parser.add_argument("--key", type=Path, help=_("release key; made when it is not there"))
    parser.add_argument("--find-links", type=Path, help=_("folder of wheels; then no package index is asked"))
    parser.add_argument("--verify", type=Path, metavar="FILE", help=_("check this release instead"))
    return parser


def _line(manifest: Manifest, path: Path, _: Callable[..., str]) -> str:
    return _(
        "%(path)s: version %(version)s for %(arch)s, Python %(python)s, %(files)s files, %(size)s MB, signed",
        path=path,
        version=manifest.version,
        arch=manifest.arch,
        python=", ".join(manifest.python),
        files=len(manifest.files),
        size=manifest.size // 1_000_000,
    )
