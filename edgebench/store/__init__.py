"""What is kept: content-addressed files and insert-only records, safe against kill -9 and company."""

from edgebench.store.store import Store, default_home

__all__ = ["Store", "default_home"]
