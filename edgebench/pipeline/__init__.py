"""The steward: plans, calls the rooms, keeps what they return. One file a verb."""
