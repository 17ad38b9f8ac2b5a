"""What both ends of onecard agree on: words, messages, and the decision itself.

Law of this package: no I/O, no clock, no randomness, no import of ``edge``, ``central`` or ``provisioning``.
Whatever needs the time takes ``now``; whatever needs chance takes bytes.
"""
