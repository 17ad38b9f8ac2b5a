"""Slips and pre-printed forms of a whole site, through its pages: templates, printers, printing, photos."""

from __future__ import annotations

import aiohttp

from provisioning.demo.browser import Browser, Page, PageForm
from tests.support.escpos import PrintedLine, printed
from tests.support.site import Resident, Site

COLUMNS = {58: 32, 80: 48}
"""Of font A, by the width of the paper in millimetres."""
Box = tuple[float, float, float, float]
"""From the left, from the top, width, height in millimetres."""


async def papers_of(site: Site, resident: Resident) -> Page:
    """The page with everything that can be printed for the card."""
    return await site.browser.get(f"/reports/papers?card={resident.path.rpartition('/')[2]}")


def form_of(page: Page, action: str, kind: str) -> PageForm:
    """The form that prints this kind of paper."""
    forms = [form for form in page.forms if form.action == action]
    (found,) = [form for form in forms if form.fields.get("kind", kind) == kind]
    return found


async def slip(site: Site, resident: Resident, kind: str, width_mm: int) -> list[PrintedLine]:
    """Print a slip on a receipt printer; what stands on the paper."""
    form = form_of(await papers_of(site, resident), "/reports/slips", kind)
    given = {**form.fields, "width": str(width_mm), "as": "printer"}
    return printed(await site.browser.load("/reports/slips", given), COLUMNS[width_mm])


async def make_form(site: Site, name: str, kind: str, boxes: dict[str, Box]) -> str:
    """A form of 241 x 140 mm with these boxes and no others; its address."""
    page = await site.browser.get("/forms/templates/new")
    made = await site.browser.send(page, "/forms/templates/new", name=name, kind=kind, paper="241x140")
    path = made.path
    form = made.form(path)
    kept = {key: text for key, text in form.fields.items() if "." not in key}
    for what, box in boxes.items():
        kept |= {f"{what}.shown": "1", f"{what}.size": "12", f"{what}.align": "left"}
        places = zip(("x", "y", "width", "height"), box, strict=True)
        kept |= {f"{what}.{place}": f"{mm:g}" for place, mm in places}
    saved = await site.browser.post(path, kept)
    assert "Saved as version 2" in saved.words, saved.words[:400]
    return path


async def make_printer(site: Site, name: str, x_mm: float, y_mm: float) -> None:
    """A printer that must print so far to the right and down."""
    page = await site.browser.get("/forms/printers/new")
    made = await site.browser.send(page, "/forms/printers/new", name=name, x=f"{x_mm:g}", y=f"{y_mm:g}")
    assert name in made.words


async def print_into(site: Site, resident: Resident, kind: str, printer: str = "") -> bytes:
    """Print a paper into its form on a printer, by its name."""
    action = f"/forms/print/{kind}"
    form = form_of(await papers_of(site, resident), action, kind)
    ids = {"": "", **await printers(site)}
    return await site.browser.load(action, {**form.fields, "printer": ids[printer]})


async def printers(site: Site) -> dict[str, str]:
    """The ids of all printers, by name."""
    rows = (await site.browser.get("/forms/printers")).rows_of("printers")
    return {row.cells[0]: row.links[0].rpartition("/")[2] for row in rows}


async def send_photo(browser: Browser, person: int, raw: bytes) -> Page:
    """Send a picture from the scanner or the camera; the page that comes of it."""
    path = f"/people/{person}/photo"
    fields = (await browser.get(path)).form(path).fields
    data = aiohttp.FormData()
    for name, text in fields.items():
        if name != "file":
            data.add_field(name, text)
    data.add_field("file", raw, filename="scan.jpg", content_type="image/jpeg")
    return await browser.post(path, data)  # type: ignore[arg-type]  # aiohttp takes its own forms too
