"""What a node can be: one interface, one file each. Roles are pure; ``edge/effects.py`` does what they return."""
