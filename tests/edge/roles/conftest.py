"""A door node per test."""

from __future__ import annotations

import pytest

from tests.support.door_node import DoorNode, make


@pytest.fixture
def node() -> DoorNode:
    return make()
