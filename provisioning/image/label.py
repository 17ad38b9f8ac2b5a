"""The label for a card: which device it is for, as PNG or PDF, 50 by 30 mm. It carries no secret."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from provisioning.image.errors import RefusedError
from provisioning.image.manifest import Manifest
from provisioning.texts import N_

if TYPE_CHECKING:
    from PIL import Image

SIZE_MM: Final = (50.0, 30.0)
DPI: Final = 300
_MM_PER_INCH: Final = 25.4
_EDGE_MM: Final = 1.5
_QR_MM: Final = 20.0
_HEAD_MM: Final = 4.5
_LINE_MM: Final = 2.6
_SMALLEST_MM: Final = 1.5
_QR_TEXT: Final = "onecard:{node}?image={fingerprint}"
_NO_DATE: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""So that equal inputs make equal files."""
SUFFIXES: Final = (".png", ".pdf")


def _px(mm: float) -> int:
    return round(mm / _MM_PER_INCH * DPI)


def draw(manifest: Manifest, language: str, _: Callable[..., str]) -> Image.Image:
    """The label in black on white.

    :raises RefusedError: Chinese is needed and this computer has no font for it.
    """
    import segno
    from PIL import Image, ImageDraw

    from central.errors import CentralError
    from central.faces.fonts import typeface as typeface_of

    size = (_px(SIZE_MM[0]), _px(SIZE_MM[1]))
    picture = Image.new("L", size, 255)
    pen = ImageDraw.Draw(picture)
    code = segno.make(
        _QR_TEXT.format(node=manifest.node, fingerprint=manifest.fingerprint.replace(" ", "")),
        error="m",
        micro=False,
    )
    raw = io.BytesIO()
    code.save(raw, kind="png", scale=max(1, _px(_QR_MM) // code.symbol_size(border=2)[0]), border=2)
    with Image.open(raw) as dots:
        square = dots.convert("L")
    picture.paste(square, (size[0] - square.width - _px(_EDGE_MM), size[1] - square.height - _px(_EDGE_MM)))
    lines = [
        line
        for line in (
            _("Site: %(site)s", site=manifest.site) if manifest.site else "",
            _("Role: %(role)s", role=_role(manifest.role, _)),
            _("Address: %(address)s", address=manifest.address or "DHCP"),
            _("Ticket: %(ticket)s", ticket=manifest.ticket_id),
            _("Image: %(fingerprint)s", fingerprint=manifest.fingerprint),
        )
        if line
    ]
    typeface = typeface_of("TC" if language == "zh-Hant" else "SC")
    try:
        typeface.check(manifest.node, *lines)
    except CentralError as error:
        raise RefusedError(
            N_(
                "This computer has no Chinese font for the label; install fonts-noto-cjk, or leave --label out."
            )
        ) from error

    def write(text: str, top: float, height: float, width: float) -> None:
        font = typeface.at(_px(height) * 0.8)
        while height > _SMALLEST_MM and pen.textlength(text, font=font) > _px(width):
            height -= 0.1
            font = typeface.at(_px(height) * 0.8)
        while len(text) > 1 and pen.textlength(text, font=font) > _px(width):
            text = text[:-2] + "…"
        pen.text((_px(_EDGE_MM), _px(top)), text, fill=0, font=font)

    write(manifest.node, _EDGE_MM, _HEAD_MM, SIZE_MM[0] - 2 * _EDGE_MM)
    for number, line in enumerate(lines):
        top = 2 * _EDGE_MM + _HEAD_MM + number * (_LINE_MM + 1)
        write(line, top, _LINE_MM, SIZE_MM[0] - 3 * _EDGE_MM - square.width / DPI * _MM_PER_INCH)
    return picture


def _role(role: str, _: Callable[..., str]) -> str:
    return {"door": _("door"), "issuer": _("card desk")}.get(role, role)


def save(manifest: Manifest, path: Path, language: str, _: Callable[..., str]) -> None:
    """Write the label.

    :raises RefusedError: neither PNG nor PDF, or no font for Chinese.
    """
    if path.suffix not in SUFFIXES:
        raise RefusedError(N_("%(path)s: a label ends in %(known)s."), path=path, known=", ".join(SUFFIXES))
    picture = draw(manifest, language, _)
    if path.suffix == ".png":
        picture.save(path, dpi=(DPI, DPI))
        return
    from fpdf import FPDF

    pdf = FPDF(unit="mm", format=SIZE_MM)
    pdf.set_auto_page_break(False)
    pdf.set_creation_date(_NO_DATE)
    pdf.add_page()
    pdf.image(picture, 0, 0, *SIZE_MM)
    pdf.output(str(path))
