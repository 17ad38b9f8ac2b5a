"""Between units on a serial line and the centre: turns on the wire, a connection to the centre for each unit (20, 71, 79).

Used by ``onecard-provision collect`` and by the card issuer on a clerk's PC (``onecard-edge issuer --line``). It passes frames on
and holds no key of a unit: what it carries is signed by the unit and by the centre, so a wrong PC can delay or leave out, and change
nothing. It can read records and rights, since TLS to the centre ends here, but no read key of a zone: those are sealed for the
unit (``protocol.sealed_keys``; SECURITY.md). It asks the units of a line in turn, each over a connection of its own to the centre's
node listener, and tells from the frames that pass when a unit is done.
"""
