"""The one file that loads and invokes a variant, here and on every device."""

from pathlib import Path

AGENT = Path(__file__).with_name("edgebench_agent.py")
PIPELINE = Path(__file__).with_name("edgebench_pipeline.py")
"""What the agent needs beside it to time whole frames, and for nothing else."""
