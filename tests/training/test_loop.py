import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from edgebench import training
from edgebench.digests import sha256_file
from edgebench.errors import DataError, ModelFileError, NonFiniteOutput, StoreError, UnknownName, UsageError
from edgebench.inputs import PreparedInputs
from edgebench.sources import load_source
from edgebench.specs.model import ModelSpec
from edgebench.training import History
from edgebench.training.loop import HISTORY_FILE, WEIGHTS_FILE

LABELS = ("dark", "middle", "bright")
"""Of the samples, in the order of their numbers."""

train = training.train


def weights_of(folder):
    with np.load(folder / "checkpoint.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if name != "history"}


def answers_of(spec, folder, images):
    trained = spec.model_copy(update={"source": spec.source.model_copy(update={"weights": WEIGHTS_FILE})})
    return load_source(trained, folder).predict(PreparedInputs(images, spec.input)[:])


def with_labels(spec, *labels):
    head = spec.heads[0].model_copy(update={"labels": labels})
    return spec.model_copy(update={"heads": (head, *spec.heads[1:])})


class Interrupted(Exception):
    pass


def interrupt_after(steps):
    def progress(step, total, message):
        if step == steps:
            raise Interrupted

    return progress


def test_interrupted_and_resumed_training_ends_in_the_same_weights(spec, make_samples, tmp_path):
    samples, validation = make_samples(40), make_samples(12, seed=1)
    whole = train(spec, samples, validation, folder=tmp_path / "whole", seed=3)
    with pytest.raises(Interrupted):
        train(spec, samples, validation, folder=tmp_path / "cut", seed=3, progress=interrupt_after(8))
    assert len(json.loads((tmp_path / "cut" / HISTORY_FILE).read_text())["epochs"]) == 1
    resumed = train(spec, samples, validation, folder=tmp_path / "cut", seed=3)
    expected, found = weights_of(tmp_path / "whole"), weights_of(tmp_path / "cut")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6, err_msg=name)
    for one, other in zip(whole.epochs, resumed.epochs, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-6)
        assert one.validation == pytest.approx(other.validation, abs=1e-6)


def test_training_learns_what_the_images_show(spec, make_samples, tmp_path):
    history = train(spec, make_samples(96), make_samples(30, seed=1), folder=tmp_path, epochs=10)
    assert history.epochs[-1].loss < 0.7 * history.epochs[0].loss
    assert history.epochs[-1].validation["accuracy"] > 0.6
    assert history.epochs[-1].validation["rmse_valence"] < history.epochs[0].validation["rmse_valence"]


def test_history_is_kept_beside_the_weights_of_the_last_epoch(spec, make_samples, tmp_path):
    calls = []
    history = train(spec, make_samples(20), make_samples(6), folder=tmp_path, progress=lambda *call: calls.append(call))
    assert History.model_validate_json((tmp_path / HISTORY_FILE).read_text()) == history
    assert history.weights_sha256 == sha256_file(tmp_path / WEIGHTS_FILE)
    assert [e.epoch for e in history.epochs] == [1, 2, 3]
    assert [e.learning_rate for e in history.epochs] == pytest.approx([0.01, 0.01 * 0.85, 0.01 * 0.85**2])
    assert [call[:2] for call in calls] == [(step, 6) for step in range(1, 7)]
    assert calls[-1][2].startswith("epoch 3/3, loss ")
    assert {f.name for f in tmp_path.iterdir()} == {HISTORY_FILE, WEIGHTS_FILE, "checkpoint.npz"}


def test_trained_weights_load_as_a_source(spec, make_samples, tmp_path):
    validation = make_samples(30, seed=1)
    history = train(spec, make_samples(24), validation, folder=tmp_path)
    answers = answers_of(spec, tmp_path, validation.images)
    labelled = validation.classes >= 0
    right = answers["expression"].argmax(axis=1)[labelled] == validation.classes[labelled]
    assert right.mean() == pytest.approx(history.epochs[-1].validation["accuracy"])


def test_finished_training_is_not_repeated_but_may_be_prolonged(spec, make_samples, tmp_path):
    samples, validation = make_samples(16), make_samples(6)
    first = train(spec, samples, validation, folder=tmp_path, epochs=1)
    again = train(spec, samples, validation, folder=tmp_path, epochs=1)
    assert again.epochs == first.epochs
    longer = train(spec, samples, validation, folder=tmp_path, epochs=2)
    assert longer.epochs[:1] == first.epochs
    assert len(longer.epochs) == 2


def test_fewer_epochs_than_were_trained_are_refused_not_answered_with_the_longer_training(spec, make_samples, tmp_path):
    samples, validation = make_samples(16), make_samples(6)
    train(spec, samples, validation, folder=tmp_path, epochs=3)
    trained = sha256_file(tmp_path / WEIGHTS_FILE)
    with pytest.raises(UsageError, match=r"after 3 epochs, 2 were asked for \(fix: ask for 3 or more, .*--restart"):
        train(spec, samples, validation, folder=tmp_path, epochs=2)
    assert sha256_file(tmp_path / WEIGHTS_FILE) == trained
    assert len(train(spec, samples, validation, folder=tmp_path, epochs=2, resume=False).epochs) == 2


def test_another_seed_gives_other_weights(spec, make_samples, tmp_path):
    samples, validation = make_samples(16), make_samples(6)
    one, other = (train(spec, samples, validation, folder=tmp_path / str(s), epochs=1, seed=s) for s in (0, 1))
    assert one.epochs[0].loss != other.epochs[0].loss


def test_one_head_alone_can_be_trained(spec, make_samples, tmp_path):
    only = spec.model_copy(update={"heads": spec.heads[1:]})
    history = train(only, make_samples(16), make_samples(9), folder=tmp_path, epochs=1)
    assert history.epochs[0].loss_expression is None
    assert set(history.epochs[0].validation) == {"rmse_valence", "rmse_arousal"}


def test_a_sample_trains_the_class_of_its_name_whatever_the_order_of_the_head(spec, make_samples, tmp_path):
    permuted, faces = with_labels(spec, "bright", "dark", "middle"), make_samples(30, seed=1)
    history = train(permuted, make_samples(96), faces, folder=tmp_path, epochs=10)
    called = answers_of(permuted, tmp_path, faces.images)["expression"].argmax(axis=1)
    labelled = np.flatnonzero(faces.classes >= 0)
    right = [permuted.heads[0].labels[called[row]] == LABELS[faces.classes[row]] for row in labelled]
    assert np.mean(right) == pytest.approx(history.epochs[-1].validation["accuracy"])
    assert np.mean(right) > 0.6


def test_samples_numbered_by_the_head_train_the_same_as_samples_numbered_otherwise(spec, make_samples, tmp_path):
    permuted = with_labels(spec, "bright", "dark", "middle")
    sets = [make_samples(40), make_samples(12, seed=1)]
    for each in sets:
        each.classes[:9] = 2  # classes of unequal weights
    # Number 3 stands for no label: -1 takes the last place.
    numbered = [
        SimpleNamespace(
            **{**vars(s), "classes": np.array([1, 2, 0, -1])[s.classes], "labels": permuted.heads[0].labels}
        )
        for s in sets
    ]
    by_name = train(permuted, *sets, folder=tmp_path / "by_name", epochs=2)
    by_head = train(permuted, *numbered, folder=tmp_path / "by_head", epochs=2)
    assert by_name.identity == by_head.identity
    assert [e.loss_expression for e in by_name.epochs] == pytest.approx([e.loss_expression for e in by_head.epochs])
    assert [e.validation for e in by_name.epochs] == [pytest.approx(e.validation) for e in by_head.epochs]


def test_a_class_that_the_model_does_not_have_trains_nothing(spec, make_samples, tmp_path):
    sets = [make_samples(16), make_samples(6)]
    fewer = train(with_labels(spec, "dark", "middle"), *sets, folder=tmp_path / "fewer", epochs=1)
    for each in sets:
        each.classes[each.classes == 2] = -1
    unlabelled = train(with_labels(spec, "dark", "middle"), *sets, folder=tmp_path / "unlabelled", epochs=1)
    assert fewer.epochs[0].loss == pytest.approx(unlabelled.epochs[0].loss)


def test_samples_of_none_of_the_models_classes_are_refused(spec, make_samples, tmp_path):
    with pytest.raises(UnknownName, match="'night'"):
        train(with_labels(spec, "night", "day"), make_samples(16), make_samples(6), folder=tmp_path)


def test_classes_and_numbers_of_any_kind_are_trained(spec, make_samples, tmp_path):
    sets = [make_samples(64), make_samples(30, seed=1)]
    for each in sets:
        each.value_names = ("age", "level")
    heads = [
        {"kind": "classes", "name": "gray", "labels": ("bright", "dark", "middle")},
        {"kind": "regression", "name": "level", "targets": ("level",)},
    ]
    other = ModelSpec.model_validate(spec.model_dump() | {"heads": heads})
    history = train(other, *sets, folder=tmp_path, epochs=8)
    assert set(history.epochs[-1].validation) == {"accuracy", "rmse_level"}
    assert history.epochs[-1].loss_expression < history.epochs[0].loss_expression
    assert history.epochs[-1].loss_valence_arousal < history.epochs[0].loss_valence_arousal


def test_valence_and_arousal_are_trained_in_the_range_that_the_head_answers_in(spec, make_samples, tmp_path):
    sets = [make_samples(16), make_samples(6)]
    tenfold = ModelSpec.model_validate(
        spec.model_dump() | {"heads": [{"kind": "valence_arousal", "name": "va", "range": (-10, 10)}]}
    )
    (epoch,) = train(tenfold, *sets, folder=tmp_path / "tenfold", epochs=1).epochs
    for each in sets:
        each.values = 10 * each.values
    unit = ModelSpec.model_validate(spec.model_dump() | {"heads": [{"kind": "valence_arousal", "name": "va"}]})
    assert epoch.loss == pytest.approx(train(unit, *sets, folder=tmp_path / "unit", epochs=1).epochs[0].loss)


def test_other_settings_do_not_continue_a_checkpoint(spec, make_samples, tmp_path):
    samples, validation = make_samples(16), make_samples(6)
    train(spec, samples, validation, folder=tmp_path, epochs=1)
    with pytest.raises(UsageError, match="other settings"):
        train(spec, samples, validation, folder=tmp_path, epochs=2, seed=1)
    assert train(spec, samples, validation, folder=tmp_path, epochs=1, seed=1, resume=False).seed == 1


def test_other_images_under_equal_labels_do_not_continue_a_checkpoint(spec, make_samples, tmp_path):
    train(spec, make_samples(40), make_samples(6), folder=tmp_path, epochs=1)
    with pytest.raises(UsageError, match="other settings, samples or seed"):
        train(spec, make_samples(40, seed=5), make_samples(6), folder=tmp_path, epochs=2)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"epochs": 0}, "0 epochs train nothing"), ({"seed": -1}, "seed -1 is negative")]
)
def test_no_epochs_and_negative_seeds_are_refused(spec, make_samples, tmp_path, wrong, said):
    with pytest.raises(UsageError, match=f"tiny_net: {said}"):
        train(spec, make_samples(16), make_samples(6), folder=tmp_path, **wrong)


def test_a_head_without_any_label_is_named(spec, make_samples, tmp_path):
    samples = make_samples(16)
    samples.classes[:] = -1
    with pytest.raises(DataError, match="training samples: none has a label for expression"):
        train(spec, samples, make_samples(6), folder=tmp_path)
    samples.values[:, 1] = np.nan  # half a label is none
    with pytest.raises(DataError, match="none has a label for expression, valence_arousal"):
        train(spec, samples, make_samples(6), folder=tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_damaged_checkpoint_is_named(spec, make_samples, tmp_path, keep):
    train(spec, make_samples(16), make_samples(6), folder=tmp_path, epochs=1)
    file = tmp_path / "checkpoint.npz"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * keep)])
    with pytest.raises(ModelFileError, match=r"checkpoint\.npz: the checkpoint cannot be read"):
        train(spec, make_samples(16), make_samples(6), folder=tmp_path, epochs=2)


def test_diverging_loss_stops_the_training(spec, make_samples, tmp_path):
    wild = spec.model_copy(update={"training": spec.training.model_copy(update={"learning_rate": 1e38})})
    with pytest.raises(NonFiniteOutput, match="the loss became"):
        train(wild, make_samples(40), make_samples(6), folder=tmp_path)
    assert not (tmp_path / WEIGHTS_FILE).exists()


def test_unwritable_folder_is_a_store_error(spec, make_samples, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"file.*(Not a directory|File exists)"):
        train(spec, make_samples(16), make_samples(6), folder=tmp_path / "file", epochs=1)


def test_images_of_another_size_are_refused(spec, make_samples, tmp_path):
    wide = spec.model_copy(update={"input": spec.input.model_copy(update={"size": (12, 12)})})
    with pytest.raises(DataError, match=r"\(12, 10, 3\), the model takes \(12, 12, 3\)"):
        train(wide, make_samples(6), make_samples(6), folder=tmp_path)


def test_empty_sets_are_refused(spec, make_samples, tmp_path):
    with pytest.raises(DataError, match="training samples: there are none"):
        train(spec, make_samples(0), make_samples(6), folder=tmp_path)
    with pytest.raises(DataError, match="validation samples: there are none"):
        train(spec, make_samples(6), make_samples(0), folder=tmp_path)


def test_only_the_zoo_is_trained(spec, make_samples, tmp_path):
    whole = ModelSpec(**spec.model_dump(exclude={"source"}), source={"keras": "net.keras"})
    with pytest.raises(UsageError, match="only an architecture of the zoo"):
        train(whole, make_samples(6), make_samples(6), folder=tmp_path)


def test_the_room_loads_no_framework_before_it_trains():
    code = "import sys, edgebench.training; print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
