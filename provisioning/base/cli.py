"""``onecard-provision base``: a base image from Debian packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from edge.i18n import language_of
from provisioning.base.build import ARCHES, Wanted, build
from provisioning.image.errors import ImageError, RefusedError
from provisioning.texts import of_os_error, translator

EXIT_WRONG: Final = 1
EXIT_REFUSED: Final = 2
EXIT_INTERRUPTED: Final = 130


def main(arguments: list[str]) -> int:
    """0, 1 when a program failed, 2 when it cannot be made here, 130 on Ctrl-C."""
    _ = translator(language_of().replace("_", "-"))
    text = _("make a base image from Debian packages (as root)")
    parser = argparse.ArgumentParser(prog="onecard-provision base", description=text)
    parser.add_argument(
        "--out", type=Path, default=Path("build/onecard-base.img"), help=_("the image to be made")
    )
    parser.add_argument("--arch", choices=ARCHES, default=ARCHES[0], help=_("machine that runs it"))
    parser.add_argument(
        "--packages", type=Path, help=_("the packages as a tar; fetched when it is not there")
    )
    parser.add_argument("--mirror", action="append", default=[], help=_("line for apt; may be repeated"))
    chosen = parser.parse_args(arguments)
    packages = chosen.packages or chosen.out.with_name(f"onecard-packages-{chosen.arch}.tar")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        wanted = Wanted(chosen.arch, chosen.out, packages, tuple(chosen.mirror))
        out = build(wanted, lambda step: print(_(step), flush=True))
    except ImageError as error:
        print(error.text(_), file=sys.stderr)
        return EXIT_REFUSED if isinstance(error, RefusedError) else EXIT_WRONG
    except OSError as error:
        print(of_os_error(error, chosen.out, _), file=sys.stderr)
        return EXIT_WRONG
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    print(_("%(path)s: %(size)s MB", path=out, size=out.stat().st_size // 1_000_000))
    return 0
