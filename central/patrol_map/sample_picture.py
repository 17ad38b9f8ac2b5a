"""A plan of a small estate, drawn by this program: the background of the map in the demo. Pure."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

from central.patrol_map.pictures import GRID_PX, Picture, encoded

_LAWN, _ROAD, _HOUSE, _GARAGE, _EDGE, _TREE = "#e6f0df", "#f7f7f4", "#e3e1ea", "#dfe8ef", "#74808b", "#bcd6ab"
_HOUSES: Final = ((90, 70, 370, 230), (560, 110, 790, 300), (90, 300, 370, 430), (870, 330, 1110, 520))
_ROADS: Final = ((420, 0, 500, 800), (0, 470, 820, 540), (500, 130, 1200, 190))
_GARAGE_BOX: Final = (130, 560, 760, 730)
_TREES: Final = ((45, 250), (400, 60), (540, 370), (820, 570), (1000, 620), (1120, 90), (900, 720), (60, 640))


def estate_plan() -> Picture:
    """Houses, roads, a garage under the ground and a gate at the right; one drawing, always the same."""
    plan = Image.new("RGB", GRID_PX, _LAWN)
    pen = ImageDraw.Draw(plan)
    for road in _ROADS:
        pen.rectangle(road, fill=_ROAD)
    for house in _HOUSES:
        pen.rectangle(house, fill=_HOUSE, outline=_EDGE, width=3)
    pen.rectangle(_GARAGE_BOX, fill=_GARAGE, outline=_EDGE, width=3)
    left, top, right, bottom = _GARAGE_BOX
    for x in range(left + 70, right, 70):  # parking spaces
        pen.line((x, top, x, top + 50), fill=_EDGE, width=2)
        pen.line((x, bottom - 50, x, bottom), fill=_EDGE, width=2)
    for x, y in _TREES:
        pen.ellipse((x - 24, y - 24, x + 24, y + 24), fill=_TREE)
    pen.line((1_185, 100, 1_185, 220), fill=_EDGE, width=8)  # the gate
    return encoded(plan)
