"""A store whose files were damaged: found, named, let go of, and made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.errors import StoreError
from edgebench.records.artifact import Artifact, Calibration, Operators, Runnable
from edgebench.records.dataset import DatasetInfo
from edgebench.records.evaluation import Evaluation
from edgebench.records.measurement import Block
from edgebench.specs.data import DataSettings
from edgebench.store import Store
from edgebench.store.verify import repair, verify

DATA = DataSettings()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two artifacts, each with an evaluation and a block of one job, and the evaluation of their source."""
    store = Store(tmp_path / "home")
    for name in ("one", "two"):
        blob = put(store, name)
        store.save(name, artifact(store, name, blob))
        store.save(f"evaluation of {name}", evaluation(store, name, blob))
        store.save(f"job/{name}", block(name, blob))
    store.save("evaluation of source", evaluation(store, "source", "f" * 64))
    (store.folder("devices", "pi", "job") / "journal.jsonl").write_text("{}\n")
    (store.folder("devices", "pi", "other") / "journal.jsonl").write_text("{}\n")
    return store


def put(store: Store, content: str) -> str:
    return store.blobs.put_bytes(content.encode())


def artifact(store: Store, name: str, blob: str) -> Artifact:
    return Artifact(
        variant=name,
        model="net",
        format="coreml",
        recipe="int8",
        blob=blob,
        file_name=name,
        size_bytes=1,
        runnable=(Runnable(runtime="onnxruntime", blob=put(store, f"{name} translated"), file_name=name),),
        outputs={},
        operators=Operators(total=1, int8=1, float=0, compute=1, compute_int8=1, by_type={}),
        parity=0.0,
        source_sha256="s",
        contract_sha256="c",
        data=DATA,
        calibration=Calibration(
            dataset="faces", samples_id="i", contents=put(store, "[]"), samples=1, per_class={}, seed=0
        ),
        tools={},
        duration_s=1.0,
    )


def evaluation(store: Store, name: str, artifact: str) -> Evaluation:
    return Evaluation(
        variant=name,
        model="net",
        dataset=DatasetInfo(
            name="faces",
            id="i",
            split="validation",
            layout="2021",
            synthetic=True,
            samples=1,
            per_class={},
            valence_arousal_samples=1,
        ),
        artifact=artifact,
        contract_sha256="c",
        data=DATA,
        outputs=put(store, f"outputs of {name}"),
        truth=put(store, "truth"),
        runtime="onnxruntime",
        host={},
        duration_s=1.0,
    )


def block(name: str, artifact: str) -> Block:
    return Block(
        job="job",
        variant=name,
        artifact=artifact,
        device="pi",
        runtime="onnxruntime",
        runtime_version="1",
        threads=1,
        round=0,
        position=0,
        attempt=0,
        load_ns=1,
        first_ns=1,
        warmup_invocations=1,
        latencies_ns=(1,),
        peak_rss_bytes=1,
        outputs_sha256="o",
        started_at="now",
        before={},
        after={},
    )


def kept(store: Store) -> set[str]:
    return {row.key for row in store.database.all()}


ONE = {"one", "evaluation of one", "job/one"}
TWO = {"two", "evaluation of two", "job/two"}
SOURCE = {"evaluation of source"}


def test_a_store_as_it_was_written_has_no_problem(store: Store) -> None:
    damage = verify(store)
    assert (damage.problems, damage.blobs, damage.rows) == ((), (), ())
    assert repair(store, damage) == []
    assert kept(store) == ONE | TWO | SOURCE


@pytest.mark.parametrize(
    ("content", "lost"),
    [
        ("one", ONE),
        ("one translated", ONE),
        ("outputs of one", {"evaluation of one"}),
        ("outputs of source", SOURCE),
        ("truth", SOURCE | {"evaluation of one", "evaluation of two"}),
        ("[]", {"one", "two"}),
    ],
)
@pytest.mark.parametrize("damage", ["flipped", "emptied", "missing"])
def test_a_repair_lets_go_of_just_what_rests_on_a_lost_blob(
    store: Store, content: str, lost: set[str], damage: str
) -> None:
    path = store.blobs.path(put(store, content))
    match damage:
        case "flipped":
            path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
        case "emptied":
            path.write_bytes(b"")
        case "missing":
            path.unlink()
    found = verify(store)
    assert all(path.name in problem for problem in found.problems)
    removed = repair(store, found)
    assert kept(store) == (ONE | TWO | SOURCE) - lost
    assert len(removed) == len(lost) + (damage != "missing")
    assert not path.exists()
    assert verify(store).problems == ()


def test_what_was_let_go_of_is_kept_again_when_it_is_made_again(store: Store) -> None:
    store.blobs.path(put(store, "one")).write_bytes(b"eno")
    repair(store, verify(store))
    blob = put(store, "one")
    assert store.save("one", artifact(store, "one", blob))
    assert store.save("job/one", block("one", blob))
    assert verify(store).problems == ()


def test_the_journal_of_a_block_let_go_of_does_not_bring_it_back(store: Store) -> None:
    store.blobs.path(put(store, "one")).write_bytes(b"eno")
    repair(store, verify(store))
    assert [path.name for path in (store.home / "devices" / "pi").iterdir()] == ["other"]


def test_records_that_other_stores_may_share_stay(store: Store, tmp_path: Path) -> None:
    shared = Store(tmp_path / "other", database=store.database.url)
    blob = put(shared, "mine")
    shared.blobs.path(blob).write_bytes(b"mime")
    assert repair(shared, verify(shared)) == [f"blob {blob}"]
    assert kept(shared) == ONE | TWO | SOURCE


def test_a_record_that_cannot_be_read_is_named_and_stays(store: Store) -> None:
    store.database.add("block", "job/odd", '{"job": "job"}')
    store.database.add("novelty", "key", "{}")
    damage = verify(store)
    assert ["job/odd" in damage.problems[0], "novelty key" in damage.problems[1]] == [True, True]
    repair(store, damage)
    assert kept(store) >= {"job/odd", "key"}


def test_a_damaged_blob_is_an_error_until_it_is_repaired(store: Store) -> None:
    record = store.get(Evaluation, "evaluation of one")
    store.blobs.path(record.outputs).write_bytes(b"outputs of onf")
    with pytest.raises(StoreError, match="is damaged"):
        store.blobs.read(record.outputs)
    repair(store, verify(store))
    assert store.find(Evaluation, "evaluation of one") is None
