"""Imports that are shown before they happen, recorded, and can be rolled back as one act. For every sub-system.

A sub-system that wants to import something writes one :class:`central.imports.importer.Importer` (columns, what a row
would change, writing, undoing) and adds ``import_routes(MY_IMPORTER)`` of :mod:`central.imports.pages` to its ROUTES;
``central/people/importer.py`` is the example. The pages, the record (who, when, file name, SHA-256, counts), the file
of failed rows and the roll-back come from here.
"""
