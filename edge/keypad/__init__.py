"""Keypads beside readers: where the digits of PINs come from."""
