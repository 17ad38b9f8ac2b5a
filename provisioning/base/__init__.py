"""A base image of our own from Debian packages: read-only system, no vendor's first boot, nothing that phones anybody."""
