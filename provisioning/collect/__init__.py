"""``onecard-provision collect``: a clerk's PC between units on a serial line and the centre (20, 71, 79).

The PC passes frames on and holds no key of its own. What it carries is signed by the unit and by the centre, so a wrong PC can
delay or leave out, and change nothing. It can read, though: TLS to the centre ends at the PC, and read keys of zones and records
pass it, and the line, in the clear (SECURITY.md says what to do). It asks the units of a line in turn, each over a connection of
its own to the centre's node listener, and tells from the frames that pass when a unit is done.
"""
