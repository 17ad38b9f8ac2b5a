"""權限清單: the access list comes in again, as it was taken out or edited: one line for each card, one column for each door.

``rights`` (pure) turns doors into access levels, ``finding`` finds cards by numbers in every form, ``importer`` says what a file
would do; the pages and the API are those of every import. Cards are changed by a bulk act: piece by piece, above a set number
after a second operator's approval.
"""
