"""`edgebench selftest`."""

from __future__ import annotations

from edgebench.cli.options import Device
from edgebench.cli.session import Column, Session


def selftest(session: Session, device: Device = "local") -> int:
    """Measure the harness itself: its own overhead, and planted latencies that it must find."""
    from edgebench.pipeline.selftest import selftest

    found = selftest(session.workspace, device=device)
    session.answer({"claims": found})
    session.table(
        (
            Column("claim"),
            Column("allowed"),
            Column("found"),
            Column("invocations", numeric=True),
            Column("holds"),
        ),
        [(f.claim, f.allowed, f.found, str(f.invocations), "yes" if f.holds else "no") for f in found],
    )
    return 0 if all(f.holds for f in found) else 1
