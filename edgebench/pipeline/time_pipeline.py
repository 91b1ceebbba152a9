"""`edgebench run --frames`: frames a second behind a face detector, stage by stage, interleaved like any latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from edgebench.agent import AGENT, PIPELINE
from edgebench.digests import sha256_file, sha256_json
from edgebench.errors import UsageError
from edgebench.pipeline.choice import Choice
from edgebench.pipeline.jobs.blocks import (
    Measured,
    Work,
    current_models,
    machine_of,
    measured,
    open_job,
    planned_variant,
    reached,
    require_remote,
)
from edgebench.pipeline.jobs.frames import SYNTHETIC, DetectorFile, FrameFiles, detector_of, frames_of, usable
from edgebench.pipeline.quantize import quantize
from edgebench.pipeline.workspace import Workspace
from edgebench.plan import job_id, plan_blocks
from edgebench.records.artifact import Artifact
from edgebench.records.pipeline_timing import PipelineBlock, PipelineJob
from edgebench.specs.bench import BenchSettings
from edgebench.specs.data import DataSettings
from edgebench.specs.model import ModelSpec


def time_pipeline(
    workspace: Workspace,
    choice: Choice,
    *,
    frames: str = SYNTHETIC,
    detector: str = "haar",
    detect_width: int | None = None,
    device: str = "local",
    data: DataSettings = DataSettings(),
    settings: BenchSettings = BenchSettings(),
    threads: Sequence[int] | None = None,
    force: bool = False,
    detach: bool = False,
) -> Measured[PipelineJob, PipelineBlock]:
    """Times detection, crop and resize, preparation and inference of every chosen variant on the same frames.

    Args:
        frames: a folder of pictures, a video file, or `synthetic`; at most `settings.inputs` of them.
        detector: `haar`, `yunet=FILE`, `centerface=FILE`, or `none` for whole frames.
        detect_width: pixels to which wider frames are made for the search; its time counts as detection.
        data: calibrates the artifacts that are missing.
        detach: begin the job and come back with the blocks that are there; it goes on without us.

    Raises:
        UsageError: without a detector, a contract that crops has nothing to crop by.
    """
    spec = workspace.device(device)  # before anything is made for a device that nobody knows
    if detach:
        require_remote(spec)
    looking = usable(workspace, detector_of(detector, width=detect_width))
    for model in choice.models if looking.info.name == "none" else ():
        _require_whole_frames(workspace.model(model))
    fed = frames_of(workspace, frames, count=settings.inputs)
    artifacts = quantize(workspace, choice, data=data)
    return _timed(workspace, artifacts, fed, looking, device, data, settings, threads, force=force, detach=detach)


def _require_whole_frames(spec: ModelSpec) -> None:
    if spec.input.crop != "none":
        raise UsageError(
            f"its contract crops by {spec.input.crop}, which takes a detector",
            subject=spec.name,
            fix="write `--detector haar`, or yunet=FILE",
        )


def _timed(
    workspace: Workspace,
    artifacts: Sequence[Artifact],
    fed: FrameFiles,
    looking: DetectorFile,
    device: str,
    data: DataSettings,
    settings: BenchSettings,
    threads: Sequence[int] | None,
    *,
    force: bool,
    detach: bool,
) -> Measured[PipelineJob, PipelineBlock]:
    spec = workspace.device(device)
    counts = tuple(threads or spec.threads)
    folder = workspace.store.folder("devices", spec.name)
    info, ways, not_measured = reached(artifacts, spec, folder, workspace.progress)
    models = current_models(workspace, ways)
    planned = [planned_variant(artifact, way) for artifact, way in ways]
    machine = machine_of(info) | {"agent": sha256_file(AGENT), "pipeline": sha256_file(PIPELINE)}
    job = open_job(
        workspace,
        lambda repetition: job_id(
            planned,
            settings,
            counts,
            device=spec,
            machine=machine,
            inputs=_identities(models, fed, looking),
            repetition=repetition,
        ),
        PipelineJob(
            job="",
            device=info,
            settings={**settings.model_dump(), "threads": list(counts)},
            variants=tuple(sorted(variant.variant for variant in planned)),
            datasets={},
            data=data.without_path(),
            blocks=settings.rounds * len(planned) * len(counts),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            frames=fed.info,
            detector=looking.info,
            crops={name: model.input.crop for name, model in models.items()},
        ),
        PipelineBlock,
        force=force,
    )
    work = Work(
        ways=ways,
        files={**fed.files, **looking.files, PIPELINE.name: PIPELINE},
        inputs={
            name: {
                "affine": model.input.affine(),
                "contract": model.input.geometry(),
                "frames": fed.asked,
                "detector": looking.asked,
            }
            for name, model in models.items()
        },
        record=PipelineBlock,
        task="frames",
    )
    blocks = measured(workspace, job, plan_blocks(planned, settings, counts), work, settings, spec, detach=detach)
    return Measured(job, blocks, not_measured)


def _identities(models: Mapping[str, ModelSpec], fed: FrameFiles, looking: DetectorFile) -> dict[str, str]:
    """Model -> hash of all that its blocks are fed with."""
    given = [fed.info.model_dump(exclude={"name"}), looking.info.model_dump()]
    return {name: sha256_json([*given, model.input.sha256]) for name, model in models.items()}
