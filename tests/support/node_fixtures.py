"""Fixtures: the real node process. A test module imports what it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.node_process import NodeProcess


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Makes nodes in directories of their own; all of them are gone afterwards."""
    made: list[NodeProcess] = []

    def make(name: str = "east-gate", more: str = "") -> NodeProcess:
        directory = tmp_path / f"{name}-{len(made)}"
        directory.mkdir()
        made.append(NodeProcess(directory, name=name, more=more))
        return made[-1]

    yield make
    for node in made:
        node.close()


@pytest.fixture
def node(make_node: Callable[..., NodeProcess]) -> NodeProcess:
    """One node."""
    return make_node()
