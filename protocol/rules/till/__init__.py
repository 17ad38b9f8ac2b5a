"""Rules of tills: what a card pays now, whether it may, and what a till remembers of it. Pure."""
