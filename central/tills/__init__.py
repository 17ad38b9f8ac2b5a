"""消費: tills, what they sell for, and what was paid there."""
