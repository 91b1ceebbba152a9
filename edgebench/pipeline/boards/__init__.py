"""Another machine: what it is, what it needs, and how files get there."""
