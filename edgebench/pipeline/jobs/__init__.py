"""A job on a device: planned, begun, followed, and brought home block by block."""
