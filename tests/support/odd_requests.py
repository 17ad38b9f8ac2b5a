"""Requests that no page of ours would send, drawn from a seed: from the OpenAPI document, and from the router's forms."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.json_schema import Schemas

ODD_TEXTS: tuple[str, ...] = (
    "",
    " ",
    "0",
    "-1",
    "1.5",
    "1e9",
    "NaN",
    "９",
    "٣",
    "²",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "9" * 30,
    "9" * 5_000,
    "\x00",
    "a\x00b",
    "\r\nSet-Cookie: a=b",
    "\u202e\u2066abc",
    "\ufeff",
    "\ufdfa" * 50,
    "e\u0301" * 90,
    "\U0001f600" * 99,
    "'; DROP TABLE person; --",
    '" OR ""="',
    "%",
    "_",
    "%%%s%(n)s{0}{{7*7}}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "=1+1",
    "null",
    "true",
    "[]",
    "{}",
    "2026-02-30",
    "2047-02-30",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2026-13-01",
    "2026-W01-1",
    "20260101",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00+99:99",
    "24:00",
    "25:61",
    "-P1D",
    "Asia/../../etc",
    "oc_" + "x" * 60,
    "WyIiLCIiXQ",
    "W251bGwsbnVsbF0",
    "x" * 70_000,
)
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    10**40,
    1.5,
    -0.0,
    1e308,
    [],
    {},
    [[]],
    [None] * 300,
    {"a": 1},
    *ODD_TEXTS,
)
ODD_BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"0",
    b'"x"',
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"a":1e999999}',
    b"{}" * 2,
    b'{"a":"\\ud800"}',
    b'{"a":1,"a":2}',
    b"NaN",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n",
)
ODD_TYPES: tuple[str, ...] = (
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=nonsense",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=nonsense",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain",
    "nonsense",
    "",
)
PARAMETER = re.compile(r"\{(\w+)[^{}]*(?:\{[^{}]*\}[^{}]*)?\}")


@dataclass
class Request:
    """One request, as it goes out. ``body``: None sends none."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    operation: Mapping[str, Any] = field(default_factory=dict)


def fill(random: Random, template: str, ids: tuple[str, ...]) -> str:
    """A path with something in the place of each parameter."""

    def one(match: re.Match[str]) -> str:
        return quote(random.choice((*ids, *ids, *ids, *ODD_TEXTS[1:])), safe="")[:2_500]

    return PARAMETER.sub(one, template)


def damaged(random: Random, value: Any) -> Any:
    """A drawn value with one part replaced, left out or added."""
    value = copy.deepcopy(value)
    places: list[tuple[Any, Any]] = []

    def collect(part: Any) -> None:
        items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        for key, item in list(items):
            places.append((part, key))
            collect(item)

    collect(value)
    if not places or random.random() < 0.1:
        return random.choice(ODD_VALUES)
    part, key = random.choice(places)
    match random.randrange(6):
        case 0 if isinstance(part, dict):
            del part[key]
        case 1 if isinstance(part, dict):
            part[random.choice(("id", "__proto__", "", "x" * 300, "\x00"))] = random.choice(ODD_VALUES)
        case _:
            part[key] = random.choice(ODD_VALUES)
    return value


FILES = (
    b"Card Number\tFrom\r\nA1\t2026-01-01\r\n",
    "Person number,Name,Kind of person\r\n0700,王五,staff\r\n".encode(),
)
"""Small files that imports take; another import's file is one with columns that are missing."""


def of_the_document(random: Random, document: Mapping[str, Any], ids: tuple[str, ...]) -> Iterator[Request]:
    """Without end: every operation in turn; half of the bodies fit the schema."""
    schemas = Schemas(document)
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    while True:
        random.shuffle(operations)
        for method, path, operation in operations:
            request = Request(method, fill(random, path, ids), operation=operation)
            if (names := [p["name"] for p in operation["parameters"] if p["in"] == "query"]) and (
                random.random() < 0.8
            ):
                some = random.sample(names, random.randint(1, min(3, len(names))))
                given = [(name, random.choice((*ids, *ODD_TEXTS))[:2_500]) for name in some]
                request.path += "?" + urlencode(given)
            wanted = operation.get("requestBody")
            if wanted is not None and "application/json" not in wanted["content"]:  # a file
                request.body = random.choice(ODD_BODIES)
                request.headers["Content-Type"] = random.choice((*wanted["content"], *ODD_TYPES))
                if random.random() < 0.5:  # one that fits an import
                    request.path = request.path.partition("?")[0] + "?site=1&organisation=1"
                    request.body = random.choice(FILES)
            elif wanted is not None:
                schema = wanted["content"]["application/json"]["schema"]
                value = schemas.draw(random, schema)
                if random.random() < 0.5:
                    value = damaged(random, value)
                request.body = json.dumps(value).encode()
                request.headers["Content-Type"] = "application/json"
                if random.random() < 0.15:
                    request.body = random.choice(ODD_BODIES)
                    request.headers["Content-Type"] = random.choice(ODD_TYPES)
            yield request


NAME = re.compile(r'<(?:input|select|textarea)\b[^>]*?\bname="([^"]+)"[^>]*?(?:\bvalue="([^"]*)")?')


def fields_of(page: str) -> dict[str, str]:
    """The fields of the forms of a page, with what stands in them."""
    return {name: unescape(value) for name, value in NAME.findall(page) if name != "csrf"}


def of_a_form(random: Random, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is sent for a form: mostly what stood in it, here and there something odd, missing or twice."""
    sent: list[tuple[str, str]] = []
    for name, value in fields.items():
        match random.randrange(8):
            case 0:
                continue
            case 1 | 2 | 3:
                sent.append((name, random.choice(ODD_TEXTS)))
            case 4:
                sent += [(name, value), (name, random.choice(ODD_TEXTS))]
            case _:
                sent.append((name, value or "A"))
    return sent
