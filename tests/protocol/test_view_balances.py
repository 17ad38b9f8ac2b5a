"""Balances in the View: a stream of their own, and a till is a terminal of the purse."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from protocol.errors import LimitError, MalformedError
from protocol.ids import Stream, SubSystem, uid_key
from protocol.limits import MEALS_MAX, PRICES_MAX, USES_POINTS_MAX
from protocol.records import BalanceRow, CardRow, Kind, PointRow, Revisions, TillRow, decode_row, delete, put
from protocol.view import View

A, B = uid_key(bytes.fromhex("04A1B2C3")), uid_key(bytes.fromhex("04A1B2C4"))
ROW = TillRow(((1, 660, 810, 1_500, 0),))
REVISIONS = Revisions(1, 1, 1, 1)


def test_balances_come_and_go_and_a_snapshot_of_another_stream_leaves_them() -> None:
    """Planted breaks: ``replaced`` of the access stream beginning balances anew; ``rebased`` without them."""
    view = View().apply([put(A, BalanceRow(1, 1, 500, 9)), put(B, BalanceRow(2, 1, -5, 9))], REVISIONS)
    assert (view.balance(A), len(view.balances())) == (BalanceRow(1, 1, 500, 9), 2)
    view = view.replaced(Stream.ACCESS, [put(A, CardRow(1, 0, 0, 1, ()))], REVISIONS).compacted()
    assert len(view.balances()) == 2
    assert view.apply([delete(Kind.BALANCE, A)], REVISIONS).balance(A) is None
    only = view.replaced(Stream.BALANCES, [put(B, BalanceRow(2, 1, 7, 9))], REVISIONS)
    assert (dict(only.balances()), only.card(A) is not None) == ({B: BalanceRow(2, 1, 7, 9)}, True)


def test_a_till_is_a_terminal_of_the_purse() -> None:
    view = View().apply([put(7, PointRow("till", 1, 0)), put(7, ROW)], REVISIONS)
    assert (view.terminals[7].sub_system, view.till(7), view.till(8)) == (SubSystem.PURSE, ROW, None)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"meals": tuple((n, 0, 60, 1, 0) for n in range(1, MEALS_MAX + 2))}, LimitError),
        ({"prices": ((1, 1, 1),) * (PRICES_MAX + 1)}, LimitError),
        ({"meals": ((1, 0, 60, 1, 0), (1, 60, 90, 1, 0))}, MalformedError),
        ({"meals": ((0, 0, 60, 1, 0),)}, MalformedError),
        ({"meals": ((1, 1_440, 60, 1, 0),)}, MalformedError),
        ({"meals": ((1, 0, 60, -1, 0),)}, MalformedError),
        ({"prices": ((2, 1, 1),)}, MalformedError),
        ({"gap_s": -1}, MalformedError),
        ({"cut_over_min": 1_440}, MalformedError),
    ],
)
def test_an_impossible_till_is_refused(more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_row(put(7, replace(ROW, **more)))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"spent": ((1, 1, 0),) * (USES_POINTS_MAX + 1)}, LimitError),
        ({"spent": ((1, -1, 0),)}, MalformedError),
        ({"card": 0}, MalformedError),
        ({"balance_fen": 10**14}, MalformedError),
    ],
)
def test_an_impossible_balance_is_refused(more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_row(put(A, replace(BalanceRow(1, 1, 500, 9), **more)))
