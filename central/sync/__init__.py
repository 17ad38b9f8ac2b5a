"""What goes between the centre and its devices: published rows down, facts up, sessions, enrolment.

``publish`` says what changed (inside the operator's transaction); ``storage`` answers the downlink engine from it;
``ingest`` commits facts and has them projected; ``hub`` keeps the open sessions; ``endpoints`` is the node listener.
"""
