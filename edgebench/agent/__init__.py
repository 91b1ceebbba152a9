"""The one file that loads and invokes a variant, here and on every device."""

from pathlib import Path

AGENT = Path(__file__).with_name("edgebench_agent.py")
PIPELINE = Path(__file__).with_name("edgebench_pipeline.py")
"""What the agent needs beside it to time whole frames, and for nothing else."""
FILES = Path(__file__).with_name("edgebench_files.py")
"""What the agent needs beside it to put in place what was sent."""
BOARD = Path(__file__).with_name("edgebench_board.py")
"""What it needs beside it to examine, set up and clean a board."""
JOB = Path(__file__).with_name("edgebench_job.py")
"""What it needs beside it to run a job that goes on without us, and to tell of it."""
CONDITIONS = Path(__file__).with_name("edgebench_conditions.py")
"""What it needs beside it to measure anything: cooling, governor, power, and how speed lasts."""
