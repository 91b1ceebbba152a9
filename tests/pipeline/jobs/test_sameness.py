from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgebench.pipeline.findings.results import gather
from edgebench.pipeline.jobs.sameness import (
    Machine,
    Reference,
    allowed_difference,
    compared,
    flat,
    keep_answers,
    likely_cause,
    machine_of,
    sha256_of,
)
from edgebench.pipeline.workspace import Workspace
from edgebench.records.artifact import Artifact, Operators
from edgebench.records.caveat import Caveat
from edgebench.records.measurement import Block, DeviceInfo, MeasurementJob
from edgebench.records.results import DeviceAnswers

X86 = Machine("Xeon", frozenset({"avx2", "avx512_vnni"}), "2.3.0")
OLD_X86 = Machine("Haswell", frozenset({"avx2"}), "2.3.0")
PI4 = Machine("Cortex-A72", frozenset({"asimd"}), "2.3.0")
PI5 = Machine("Cortex-A76", frozenset({"asimd", "asimdhp"}), "2.3.0")


@pytest.fixture(scope="module")
def artifacts(made: Workspace) -> dict[str, Artifact]:
    return {artifact.variant: artifact for artifact in made.store.latest(Artifact)}


@pytest.fixture(scope="module")
def job(made: Workspace) -> MeasurementJob:
    return made.store.latest(MeasurementJob)[-1]


def block_of(made: Workspace, variant: str, **changes: object) -> Block:
    block = next(block for block in made.store.latest(Block) if block.variant == variant)
    return block.model_copy(update=changes)


def reference(values: list[float], machine: Machine = X86, **facts: object) -> Reference:
    return replace(Reference("evaluation", np.array(values, "<f4"), machine), **facts)  # type: ignore[arg-type]


def answering(made: Workspace, variant: str, values: list[float], **changes: object) -> Block:
    kept = keep_answers(made.store.blobs, [[values]])
    return block_of(made, variant, outputs_sha256=kept, answers=kept, **changes)


def on_pi(job: MeasurementJob) -> DeviceInfo:
    return job.device.model_copy(update={"processor": PI4.processor, "features": tuple(PI4.features)})


def integers_only(artifact: Artifact) -> Artifact:
    counted = Operators(total=9, int8=9, float=0, compute=3, compute_int8=3, by_type={})
    return artifact.model_copy(update={"operators": counted})


def test_the_timed_path_is_proven_to_compute_what_was_judged(made: Workspace) -> None:
    rows = gather(made).variants
    assert "other-answers" not in {caveat.kind for row in rows for caveat in row.caveats}
    found = {row.variant: row.answers for row in rows if row.answers}
    assert set(found) == {row.variant for row in rows if row.latency}
    for each in found.values():
        assert (each.held_against, each.exact, each.same, each.largest_difference) == ("evaluation", True, True, 0)
        assert (each.blocks, each.images) == (3, 4)


def test_answers_are_kept_under_the_hash_that_the_agent_gave_them(made: Workspace) -> None:
    for block in made.store.latest(Block):
        assert block.answers == block.outputs_sha256
        assert len(made.store.blobs.read(block.answers)) == 4 * (8 + 2) * 4


def test_answers_stand_in_the_order_of_the_outputs(artifacts: dict[str, Artifact]) -> None:
    artifact = artifacts["tiny.onnx-fp32"].model_copy(update={"outputs": {"b": 0, "a": 1}})
    outputs = {"a": np.full((3, 2), 1.0), "b": np.full((3, 1), 2.0)}
    assert flat(artifact, outputs, 2).tolist() == [2, 2, 1, 1, 1, 1]
    assert sha256_of(flat(artifact, outputs, 2)) == sha256_of(np.array([2, 2, 1, 1, 1, 1], float))


def test_on_the_same_machine_one_bit_is_a_difference(
    made: Workspace, artifacts: dict[str, Artifact], job: MeasurementJob
) -> None:
    block = answering(made, "tiny.onnx-fp32", [1.0, 2.0])
    here = machine_of(job.device, block)
    exact, none = compared([block], artifacts[block.variant], job.device, reference([1, 2], here), made.store, images=1)
    assert (exact.exact, exact.same, none) == (True, True, None)
    changed = reference([1, np.nextafter(np.float32(2), np.float32(3))], here)
    other, caveat = compared([block], artifacts[block.variant], job.device, changed, made.store, images=1)
    assert (other.exact, other.same, other.allowed_difference) == (False, False, 0)
    assert caveat
    assert "up to 2.4e-07 apart, 0 is allowed" in caveat.text


@pytest.mark.parametrize(
    ("recipe", "difference", "same"),
    [
        ("fp32", 0.9e-4, True),
        ("fp32", 1.1e-4, False),
        ("fp16", 0.9e-2, True),
        ("fp16", 1.1e-2, False),
        ("int8", 1e-6, False),
    ],
)
def test_between_machines_floats_may_differ_by_a_share_of_their_scale_and_integers_not_at_all(
    made: Workspace, artifacts: dict[str, Artifact], job: MeasurementJob, recipe: str, difference: float, same: bool
) -> None:
    for scale in (1.0, 8.0):
        block = answering(made, f"tiny.tflite-{recipe}", [scale, scale * difference])
        artifact = integers_only(artifacts[block.variant])
        found, caveat = compared([block], artifact, on_pi(job), reference([scale, 0]), made.store, images=1)
        assert found.same is same
        assert (caveat is None) is same
        assert found.exact is False
        assert found.largest_difference == pytest.approx(scale * difference)


def test_int8_with_float_operators_may_differ_as_floats_do(artifacts: dict[str, Artifact]) -> None:
    int8 = artifacts["tiny.onnx-int8"]
    assert int8.operators.float > 0
    assert allowed_difference(int8, reference([1.0]), PI4, threads=1) == pytest.approx(1e-4)
    assert allowed_difference(integers_only(int8), reference([1.0]), PI4, threads=1) == 0
    stand_in = reference([1.0], stand_in=True)
    assert allowed_difference(integers_only(int8), stand_in, PI4, threads=1) == pytest.approx(1e-2)


def test_several_threads_may_sum_in_another_order(artifacts: dict[str, Artifact]) -> None:
    fp32 = artifacts["tiny.onnx-fp32"]
    assert allowed_difference(fp32, reference([1.0]), X86, threads=1) == 0
    assert allowed_difference(fp32, reference([1.0]), X86, threads=4) > 0


def test_blocks_that_answer_differently_are_told(
    made: Workspace, artifacts: dict[str, Artifact], job: MeasurementJob
) -> None:
    blocks = [answering(made, "tiny.onnx-fp32", [value]) for value in (1.0, 2.0)]
    found, caveat = compared(blocks, artifacts["tiny.onnx-fp32"], job.device, None, made.store, images=1)
    assert (found.held_against, found.same) == ("nothing", False)
    assert caveat
    assert "different answers" in caveat.text
    for block in blocks:
        alone, none = compared([block], artifacts["tiny.onnx-fp32"], job.device, None, made.store, images=1)
        assert (alone.same, none) == (None, None)


def test_of_blocks_without_kept_answers_only_what_must_be_exact_is_judged(
    made: Workspace, artifacts: dict[str, Artifact], job: MeasurementJob
) -> None:
    def judged(variant: str) -> tuple[DeviceAnswers, Caveat | None]:
        block = block_of(made, variant, answers="")
        artifact = integers_only(artifacts[variant])
        return compared([block], artifact, on_pi(job), reference([1.0]), made.store, images=1)

    assert judged("tiny.tflite-fp32")[0].same is None
    found, caveat = judged("tiny.tflite-int8")
    assert (found.same, found.largest_difference) == (False, None)
    assert caveat
    assert caveat.text == "the timed runs gave other answers than the evaluation to the same images"


@pytest.mark.parametrize(
    ("variant", "there", "here", "paths", "cause"),
    [
        ("tflite-int8", X86, PI4, ("XNNPACK in 1 part(s)", "built-in kernels"), "built-in kernels executed there"),
        (
            "tflite-int8",
            X86,
            replace(PI4, runtime_version="2.14.0"),
            ("", ""),
            "its litert is 2.14.0, here it is 2.3.0",
        ),
        ("onnx-int8", OLD_X86, PI4, ("", ""), "no VNNI"),
        ("tflite-int8", OLD_X86, PI4, ("", ""), ""),
        ("onnx-fp16", X86, PI5, ("", ""), "the processor there computes in fp16, here it widens"),
        ("onnx-fp16", PI5, PI4, ("", ""), "the processor here computes in fp16, there it widens"),
        ("onnx-fp16", X86, PI4, ("", ""), ""),
        ("onnx-int8", X86, PI4, ("", ""), "compute in float"),
        ("onnx-fp32", X86, PI4, ("XNNPACK in 1 part(s)", "XNNPACK in 2 part(s)"), ""),
    ],
)
def test_the_likely_cause_is_named_by_what_the_records_say(
    artifacts: dict[str, Artifact], variant: str, there: Machine, here: Machine, paths: tuple[str, str], cause: str
) -> None:
    artifact = artifacts[f"tiny.{variant}"]
    if cause == "":
        artifact = integers_only(artifact)
    held = DeviceAnswers(
        job="", runtime="litert", runtime_version="", path=paths[1], blocks=1, images=1, held_against="evaluation"
    )
    found, fix = likely_cause(artifact, reference([1.0], there, path=paths[0]), here, held)
    assert cause in found
    assert bool(found) == bool(cause)
    assert fix
