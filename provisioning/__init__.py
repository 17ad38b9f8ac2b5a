"""Bringing devices and sites into being: the demo site here; images, first boot and updates beside it."""
