"""Records of a period are purged after a look at what goes: what every sub-system that purges has in common."""
