"""The steward: plans, calls the rooms, keeps what they return. One file a verb; what they share lies in the folders."""
