"""Fixtures of this folder."""

from tests.support.node_fixtures import make_node, node

__all__ = ["make_node", "node"]
