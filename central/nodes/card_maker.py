"""The SD card image of a device, made on the spot by ``onecard-provision image`` as a process of its own, and sent as it is read.

The centre imports nothing of that program: a base image is a file from outside, and what unpacks and edits it must not share
memory with the keys. So what that program learns shows up here by itself. Ticket and passphrase go to it through pipes; the
finished image has no name any more before its first byte is sent, so it is kept nowhere, also when the centre is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import web

from central.errors import ConflictError, InvalidInputError
from central.web.catalogue import Language
from central.web.i18n import _

BASES_FOLDER: Final = "base-images"
"""In the data folder: where the office puts Raspberry Pi OS images, releases of the program, and the public half of their key."""
RELEASE_SUFFIX: Final = ".tar.gz"
RELEASE_KEY: Final = "release.pub"
WORK_FOLDER: Final = "card-images"
SUFFIXES: Final = (".img", ".img.xz", ".img.gz", ".img.zst")
MAKING_S_MAX: Final = 900
BLOCK_BYTES: Final = 1 << 20
TEXT_BYTES_MAX: Final = 32 * 1024
"""What fits a pipe that nobody reads yet (pipe(7): 64 KiB)."""
_GZIP_FAST: Final = (1, zlib.DEFLATED, 31)
_LOCALES: Final = {Language.ZH_HANS: "zh_CN", Language.ZH_HANT: "zh_TW", Language.EN: "en_US"}
_at_work = asyncio.Lock()


def bases(data: Path) -> list[str]:
    """Names of the base images that lie in the data folder."""
    return [path.name for path in _lying(data, SUFFIXES)]


def releases(data: Path) -> list[str]:
    """Names of the releases that lie there, the newest first; none without the key that proves them."""
    if not (data / BASES_FOLDER / RELEASE_KEY).is_file():
        return []
    found = sorted(_lying(data, (RELEASE_SUFFIX,)), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.name for path in found]


def _lying(data: Path, suffixes: tuple[str, ...]) -> list[Path]:
    folder = data / BASES_FOLDER
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(suffixes))


def sweep(data: Path) -> None:
    """At start: what a centre that was killed while an image was made has left."""
    shutil.rmtree(data / WORK_FOLDER, ignore_errors=True)


async def make(
    data: Path,
    base: str,
    release: str,
    node: str,
    node_toml: str,
    wifi: str,
    options: Sequence[str],
    language: Language,
) -> BinaryIO:
    """The finished image, open and without a name.

    :param release: the program that the card is to bring; empty: the base image has it.
    :param wifi: the passphrase of the Wi-Fi; empty: none.
    :param options: of ``onecard-provision image``, without those for ticket, base and output.
    :raises InvalidInputError: that program refused it; the text is its reason, in the operator's language.
    :raises ConflictError: another image is being made.
    """
    if base not in bases(data):
        raise InvalidInputError("This base image is not there any more.")
    if release and release not in releases(data):
        raise InvalidInputError("This release of the program is not there any more.")
    if _at_work.locked():
        raise ConflictError(_("Another card is being made. Try again in a minute."))
    async with _at_work:
        folder = data / WORK_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            out = Path(work) / "card.img"
            lying = data / BASES_FOLDER
            command = ["image", "--base", str(lying / base), "--node", node, "--out", str(out)]
            if release:
                command += ["--release", str(lying / release), "--release-key", str(lying / RELEASE_KEY)]
            code, _said, why = await run(
                [*command, *options], [("--ticket", node_toml), ("--wifi-pass-file", wifi)], language
            )
            if code:
                raise InvalidInputError(_("The card could not be made: %(why)s", why=why.strip()[-1_000:]))
            return out.open("rb")


async def run(
    arguments: Sequence[str], secrets: Sequence[tuple[str, str]], language: Language
) -> tuple[int, str, str]:
    """Run ``onecard-provision``: exit code, what it said, what it complained of.

    :param secrets: options whose file is read through a pipe, with its content; empty ones are left out.
    """
    ends: list[int] = []
    given = list(arguments)
    try:
        for option, text in secrets:
            if text:
                reading, writing = os.pipe()
                ends.append(reading)
                os.write(writing, text.encode()[:TEXT_BYTES_MAX])
                os.close(writing)
                given += [option, f"/dev/fd/{reading}"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "provisioning", *given,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": f"{_LOCALES[language]}.UTF-8", "PYTHONIOENCODING": "utf-8"},
            pass_fds=ends,
        )  # fmt: skip
    finally:
        for end in ends:
            os.close(end)
    try:
        async with asyncio.timeout(MAKING_S_MAX):
            said, why = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode("utf-8", "replace"), why.decode("utf-8", "replace")


async def send(request: web.Request, image: BinaryIO, name: str) -> web.StreamResponse:
    """The image as a .gz, packed while it is sent: a card is mostly empty, and who writes it sees when it came cut short."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/gzip",
            "Content-Disposition": f'attachment; filename="{name}.img.gz"',
            "Cache-Control": "no-store",
        }
    )
    packer = zlib.compressobj(*_GZIP_FAST)

    def next_part() -> bytes | None:
        block = image.read(BLOCK_BYTES)
        return packer.compress(block) if block else None

    with image:
        await response.prepare(request)
        while (part := await asyncio.to_thread(next_part)) is not None:
            if part:
                await response.write(part)
        await response.write(packer.flush())
        await response.write_eof()
    return response


_drawn: dict[tuple[str, Language], str] = {}


async def boards(language: Language) -> dict[str, str]:
    """Boards that a device can have, by name, with what they are called."""
    found: dict[str, str] = json.loads(await _wiring("", language))
    return found


async def picture(board: str, language: Language) -> str:
    """The wiring of a board as SVG."""
    return await _wiring(board, language)


async def _wiring(board: str, language: Language) -> str:
    key = board, language
    if key not in _drawn:
        code, said, why = await run(["wiring", *(["--board", board] if board else [])], [], language)
        if code:
            raise InvalidInputError(_("The card could not be made: %(why)s", why=why))
        _drawn[key] = said
    return _drawn[key]
