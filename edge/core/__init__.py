"""The pure heart of a node: stimuli in, actions out. No I/O, no clock, no randomness (an import contract checks it)."""
