"""A second issuer for a running site: entered by form, joined by its file, a process of its own."""

from __future__ import annotations

import re

from central.security.guard import STEP_UP_FIELD
from provisioning.demo.browser import Page
from provisioning.demo.site import DemoDevice
from tests.support.site import Site

NAME = "second-desk"
LABEL = "二号发卡台"
FIRST_LABEL = "发卡台"
"""What the demo calls its issuer."""


async def join_second_desk(site: Site) -> str:
    """The name of the device, once it is there."""
    page = await site.browser.get("/devices/new")
    form = page.form("/devices/new")
    given = {
        "site": form.options["site"][-1],
        "organisation": form.options["organisation"][-1],
        "number": "9",
        "label": LABEL,
        "name": NAME,
        "location": "入伙现场",
        "purpose": "issuer",
    }
    made = await site.browser.send(page, "/devices/new", **given)
    action = next(form.action for form in made.forms if form.action.endswith("/ticket"))
    file = await site.browser.send(made, action, **{STEP_UP_FIELD: site.demo.password})
    found = re.search(r'ticket = (?:"|&#34;|&quot;)([^"&]+)', file.html)
    assert found is not None, file.words
    demo = site.demo
    node = demo._node(DemoDevice(NAME, LABEL, ("发卡器",), "simulated", "issuer", found[1]))
    demo.nodes[NAME] = node
    await node.child.start()
    node.line.start()
    await demo.until(lambda: node.line.is_connected, NAME)
    await site.until_joined()
    return NAME


def point_of(page: Page, label: str) -> int:
    """The number of the reader of this device, as a desk page offers it."""
    offered = re.findall(r'<option value="(\d+)"[^>]*>([^<]*)', page.html)
    return next(int(value) for value, text in offered if text.startswith(label))
