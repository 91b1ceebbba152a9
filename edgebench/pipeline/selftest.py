"""`edgebench selftest`: does the harness measure right? A runtime that does nothing, and two that sleep."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import AgentFailed
from edgebench.frozen import Frozen
from edgebench.latency import summarize
from edgebench.pipeline.boards.lease import lease
from edgebench.pipeline.jobs.following import JOURNAL, journal_lines
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import PlannedVariant, plan_blocks, schedule_task
from edgebench.records.measurement import Block
from edgebench.records.results import Latency
from edgebench.specs.bench import BenchSettings
from edgebench.transports import ask_agent, connect

SETTINGS = BenchSettings(rounds=2, warmup_s=0.1, max_warmup_s=0.5, measure_s=0.5)
SLEEPS_MS = (10.0, 30.0)
MAX_OVERHEAD_US = 5.0
MAX_ERROR = 0.02


class Found(Frozen):
    """One claim about the harness: what was allowed, what was seen, by how many invocations."""

    claim: str
    allowed: str
    found: str
    holds: bool
    invocations: int


@dataclass(frozen=True)
class _Planted:
    variant: str
    runtime: str
    sleep_ms: float | None = None


PLANTED = (_Planted("null", "null"), *(_Planted(f"sleep-{ms:g}ms", "sleep", ms) for ms in SLEEPS_MS))


def selftest(workspace: Workspace, *, device: str = "local") -> tuple[Found, ...]:
    """Sends planted latencies down the real path, interleaved, and compares what comes back."""
    spec = workspace.device(device)
    with tempfile.TemporaryDirectory(dir=workspace.store.folder("tmp")) as work, lease(workspace, spec):
        transport = connect(spec, Path(work), "selftest")
        planned = []
        for planted in PLANTED:
            model = f"{planted.variant}.json"
            local = Path(work) / model
            local.write_text(json.dumps({"sleep_ms": planted.sleep_ms}))
            transport.put(local, model)
            planned.append(
                PlannedVariant(variant=planted.variant, artifact="", runtime=planted.runtime, model=model, inputs="")
            )
        blocks = plan_blocks(planned, SETTINGS, (1,))
        task = schedule_task("selftest", blocks, SETTINGS, device=spec, inputs={}, journal=JOURNAL)
        with workspace.progress.step(f"measuring the harness on {device}") as step:
            answer = ask_agent(
                transport, task, on_progress=lambda p: step.update(p["done"], p["total"], p.get("block", ""))
            )
        if answer["errors"]:
            raise AgentFailed(str(answer["errors"][0]["message"]), subject=device)
        lines = [line for _, line in journal_lines(transport)]
    measured = [Block(job=task["job"], device=device, artifact="", **line["measured"]) for line in lines]
    latencies = summarize(measured)
    return tuple(_judge(planted, latencies[planted.variant, 1]) for planted in PLANTED)


def _judge(planted: _Planted, latency: Latency) -> Found:
    median_ms, invocations = latency.median_ms.value, latency.invocations
    if planted.sleep_ms is None:
        return Found(
            claim="overhead of the timed loop",
            allowed=f"at most {MAX_OVERHEAD_US:g} us",
            found=f"{1000 * median_ms:.2f} us",
            holds=1000 * median_ms <= MAX_OVERHEAD_US,
            invocations=invocations,
        )
    error = median_ms / planted.sleep_ms - 1
    return Found(
        claim=f"a planted {planted.sleep_ms:g} ms is found",
        allowed=f"within {100 * MAX_ERROR:g} %",
        found=f"{median_ms:.3f} ms ({100 * error:+.2f} %)",
        holds=abs(error) <= MAX_ERROR,
        invocations=invocations,
    )
