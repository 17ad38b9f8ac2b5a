"""``onecard-provision collect``: a clerk's PC between units on a serial line and the centre (20, 71, 79).

The PC passes frames on and holds no key of its own. What it carries is signed by the unit and by the centre, so a wrong PC can
delay or leave out, and change nothing. It can read records and rights, since TLS to the centre ends at the PC, but no read key of a
zone: those are sealed for the unit (``protocol.sealed_keys``; SECURITY.md). It asks the units of a line in turn, each over a connection of
its own to the centre's node listener, and tells from the frames that pass when a unit is done.
"""
