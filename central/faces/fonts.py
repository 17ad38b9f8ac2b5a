"""The font for cards and forms: one with Chinese if the server has it, else the one that Pillow brings.

Nothing is downloaded or shipped: Debian's ``fonts-noto-cjk`` is 55 MB, and a font is the installer's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from PIL import ImageFont

from central.errors import InvalidInputError

FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/opt/onecard/fonts"))
NAMES: Final = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJK-VF.otf.ttc",
    "NotoSansCJK-VF.ttc",
    "NotoSans{}-Regular.otf",
    "NotoSansCJK{}-Regular.otf",
    "SourceHanSans{}-Regular.otf",
    "SourceHanSans.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
)
"""Files that hold Chinese, the best first; {} stands for SC or TC."""
FIRST_CJK: Final = 0x2E80
"""From this code point on a font without Chinese has boxes only."""
Script = Literal["SC", "TC"]


@dataclass(frozen=True)
class Typeface:
    """A font file and the face in it; ``path`` None is Pillow's own, without Chinese."""

    path: Path | None
    index: int = 0

    @property
    def has_chinese(self) -> bool:
        """False: Chinese text cannot be drawn on this server."""
        return self.path is not None

    def at(self, size_px: float) -> ImageFont.FreeTypeFont:
        """The font in a size."""
        return _loaded(self.path, self.index, round(size_px * 4) / 4)

    def check(self, *texts: str) -> None:
        """
        :raises InvalidInputError: one of the texts has Chinese in it, and there is no font for it.
        """
        if not self.has_chinese and any(ord(c) >= FIRST_CJK for text in texts for c in text):
            raise InvalidInputError(
                "No Chinese font is installed on the server. Install one (Debian: apt install fonts-noto-cjk) and restart the service."
            )


@cache
def typeface(script: Script = "SC") -> Typeface:
    """The font of this server for Chinese in the shapes of simplified (SC) or traditional (TC) writing."""
    return find(FOLDERS, script)


def find(folders: tuple[Path, ...], script: Script) -> Typeface:
    """The best font in these folders."""
    files = {path.name: path for folder in folders for path in sorted(folder.rglob("*.[ot]t[fc]"))}
    for name in NAMES:
        path = files.get(name.format(script))
        if path is not None:
            return Typeface(path, _face_in(path, script))
    return Typeface(None)


def _face_in(path: Path, script: Script) -> int:
    """A collection holds one face for each country; the one whose name ends in the script, else the first."""
    if path.suffix != ".ttc":
        return 0
    index = 0
    while True:
        try:
            family = str(ImageFont.truetype(path, 10, index=index).getname()[0])
        except OSError:
            return 0
        if family.endswith(f" {script}"):
            return index
        index += 1


@cache
def _loaded(path: Path | None, index: int, size_px: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px) if path is None else ImageFont.truetype(path, size_px, index=index)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built with FreeType"
    return font
