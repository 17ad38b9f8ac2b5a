"""Card images made and checked as an ordinary user: no mount, no loop device, no program of the system."""
