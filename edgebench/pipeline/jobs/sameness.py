"""Did the timed path compute what the evaluation judged? The same images must give the same answers.

Between machines, too: integer arithmetic is exact everywhere, and floats differ by their rounding only. What was seen
between x86 and aarch64 with the same runtime versions: nothing for int8, 1e-5 for fp32 outputs of a few units, and a
hundredth of the outputs' scale where one of the two computes in real fp16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgebench.records.answers import HostAnswers
from edgebench.records.artifact import Artifact
from edgebench.records.caveat import Caveat
from edgebench.records.measurement import Block, DeviceInfo
from edgebench.records.results import DeviceAnswers
from edgebench.store import Store
from edgebench.store.blobs import Blobs

if TYPE_CHECKING:
    import numpy as np

FLOAT_DIFFERENCE = 1e-4
"""Allowed between machines, of the outputs' scale, where operators compute in fp32."""
HALF_DIFFERENCE = 1e-2
"""The same of fp16, which some processors compute in and others widen to fp32."""
SMALLEST_SCALE = 1.0


@dataclass(frozen=True)
class Machine:
    """What answers depend on besides the artifact."""

    processor: str
    features: frozenset[str]
    runtime_version: str


@dataclass(frozen=True)
class Reference:
    """Answers that a device's are held against.

    Args:
        answers: float32 [values], output after output, image after image.
        path: what executed, in the runtime's words; "" where unknown.
        stand_in: by a translation of the artifact.
    """

    by: Literal["evaluation", "host"]
    answers: np.ndarray
    machine: Machine
    path: str = ""
    stand_in: bool = False


def compared(
    blocks: Sequence[Block],
    artifact: Artifact,
    device: DeviceInfo,
    reference: Reference | None,
    store: Store,
    *,
    images: int,
) -> tuple[DeviceAnswers, Caveat | None]:
    """What a variant's blocks answered, and a caveat where that is not the same.

    Args:
        images: how many the blocks cycled through.
    """
    # With several threads sums may be taken in another order.
    own = [block for block in blocks if block.threads == 1] or list(blocks)
    found = sorted({block.outputs_sha256 for block in own})
    held = DeviceAnswers(
        job=own[0].job,
        emulated=device.emulated,
        runtime=own[0].runtime,
        runtime_version=own[0].runtime_version,
        path=own[0].path,
        blocks=len(blocks),
        images=images,
        held_against=reference.by if reference else "nothing",
    )
    if len(found) > 1 and own[0].threads == 1:
        return held.model_copy(update={"same": False}), _caveat("its blocks gave different answers to the same images")
    if reference is None:
        return held, None
    here = machine_of(device, own[0])
    allowed = allowed_difference(artifact, reference, here, threads=own[0].threads)
    exact = found == [sha256_of(reference.answers)]
    if not exact and allowed and not all(block.answers for block in own):
        return held, None  # measured before answers were kept
    largest = 0.0 if exact else _largest_difference(own, reference.answers, store)
    same = exact or (largest is not None and largest <= allowed)
    held = held.model_copy(
        update={"exact": exact, "largest_difference": largest, "allowed_difference": allowed, "same": same}
    )
    return held, None if same else _difference(artifact, reference, here, held)


def machine_of(device: DeviceInfo, block: Block) -> Machine:
    return Machine(device.processor, frozenset(device.features), block.runtime_version)


def reference_of(answers: HostAnswers, blobs: Blobs) -> Reference:
    machine = Machine(answers.processor, frozenset(answers.features), answers.runtime_version)
    return Reference("host", _read(blobs, answers.answers), machine, path=answers.path, stand_in=answers.reference)


def allowed_difference(artifact: Artifact, reference: Reference, here: Machine, *, threads: int) -> float:
    """0 where the bits must be the same: on the same machine, and of nothing but integers on any."""
    import numpy as np

    if here == reference.machine and threads == 1 and not reference.stand_in:
        return 0.0
    scale = max(SMALLEST_SCALE, float(np.abs(reference.answers).max(initial=0.0)))
    if reference.stand_in or artifact.recipe == "fp16":
        return HALF_DIFFERENCE * scale
    if artifact.recipe == "int8" and not artifact.operators.float:
        return 0.0
    return FLOAT_DIFFERENCE * scale


def flat(artifact: Artifact, outputs: Mapping[str, np.ndarray], images: int) -> np.ndarray:
    """An evaluation's outputs, head -> [samples, width], in the order of the agent's answers."""
    import numpy as np

    heads = sorted(artifact.outputs, key=artifact.outputs.__getitem__)
    return np.concatenate([outputs[head][:images].astype("<f4").ravel() for head in heads])


def sha256_of(answers: np.ndarray) -> str:
    """The agent's hash of its answers: their float32 bytes."""
    return hashlib.sha256(answers.astype("<f4").tobytes()).hexdigest()


def keep_answers(blobs: Blobs, outputs: Sequence[Any]) -> str:
    """Keeps answers, [output][image][value], as a blob by the agent's own hash of them; "" for none."""
    import numpy as np

    rows = [np.asarray(output, "<f4").tobytes() for output in outputs]
    return blobs.put_bytes(b"".join(rows)) if rows else ""


def _read(blobs: Blobs, sha256: str) -> np.ndarray:
    import numpy as np

    return np.frombuffer(blobs.read(sha256), "<f4")


def _largest_difference(blocks: Sequence[Block], reference: np.ndarray, store: Store) -> float | None:
    """None where the answers of a block were not kept, or are not as many."""
    import numpy as np

    found = {each: _read(store.blobs, each) for each in {block.answers for block in blocks} if each}
    if len(found) < len({block.outputs_sha256 for block in blocks}):
        return None
    if any(answers.shape != reference.shape for answers in found.values()):
        return None
    return max(float(np.abs(answers.astype(float) - reference).max(initial=0.0)) for answers in found.values())


def _difference(artifact: Artifact, reference: Reference, here: Machine, held: DeviceAnswers) -> Caveat:
    beside = "the evaluation" if reference.by == "evaluation" else "this machine"
    text = f"the timed runs gave other answers than {beside} to the same images"
    if held.largest_difference is not None:
        text += f": up to {held.largest_difference:.2g} apart, {held.allowed_difference:.2g} is allowed"
    cause, fix = likely_cause(artifact, reference, here, held)
    return _caveat(f"{text}; likely because {cause}" if cause else text, fix)


def likely_cause(artifact: Artifact, reference: Reference, here: Machine, held: DeviceAnswers) -> tuple[str, str]:
    """Why answers differ, by what the records say differs between the machines, and what to do; "" where none does."""
    there = reference.machine
    x86 = any(feature.startswith(("sse", "avx")) for feature in there.features)
    if reference.path and _kernels(reference.path) != _kernels(held.path):
        fix = "see why the runtime there does not do as it does here: often /sys is missing, or the build is another"
        return f"{held.path} executed there, {reference.path} here", fix
    if here.runtime_version != there.runtime_version:
        fix = f"install {held.runtime} {there.runtime_version} there (edgebench devices setup)"
        return f"its {held.runtime} is {here.runtime_version}, here it is {there.runtime_version}", fix
    if artifact.recipe == "int8" and artifact.format == "onnx" and x86 and not _has_vnni(there):
        fix = "evaluate on a machine with avx512_vnni or avx_vnni; the device is right"
        return "the processor here has no VNNI, so its sums of 8-bit products saturate", fix
    if artifact.recipe == "fp16" and ("asimdhp" in here.features) != ("asimdhp" in there.features):
        real, wide = ("there", "here") if "asimdhp" in here.features else ("here", "there")
        fix = "judge fp16 by an evaluation on the device"
        return f"the processor {real} computes in fp16, {wide} it widens to fp32", fix
    if artifact.recipe == "int8" and artifact.operators.float and here != there:
        fix = "judge it by an evaluation on the device"
        return f"{artifact.operators.float} of its operators compute in float, which processors round differently", fix
    return "", "evaluate and measure with the same runtime version and processor"


def _kernels(path: str) -> str:
    """`XNNPACK in 2 part(s)` and `XNNPACK in 1 part(s)` are the same kernels."""
    return path.partition(" in ")[0]


def _has_vnni(machine: Machine) -> bool:
    return bool(machine.features & {"avx512_vnni", "avx_vnni"})


def _caveat(text: str, fix: str = "evaluate and measure with the same runtime version and processor") -> Caveat:
    return Caveat(kind="other-answers", text=text, fix=fix)
