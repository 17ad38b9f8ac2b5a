"""巡更: what a tour plans, which scan serves which visit, and what became of it (domain-rules, patrol).

``plan`` says what is to be done, ``expand`` when it is due, ``scans`` what guards did, ``match`` brings the two together,
``judge`` says what came of it and never before the data is in, ``calculate`` counts (遺漏計算), ``integrity`` doubts.

Instants are whole milliseconds since 1970-01-01 UTC, days are proleptic ordinals of local dates, checkpoints, guards,
routes and units are numbers.
"""
