"""What the store holds, joined into what is shown and judged."""
