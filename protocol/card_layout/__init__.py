"""What is written on a card: keys, credential, sectors, files. Pure numbers, no chip (DECISIONS.md, "Cards that cannot be cloned").

``aes`` and whatever imports it bring ``cryptography`` along; a node without card keys never loads them.
"""
