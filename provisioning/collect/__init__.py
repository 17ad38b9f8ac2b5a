"""``onecard-provision collect``: a clerk's PC between units on a serial line and the centre, as one command (``edge.collect``)."""
