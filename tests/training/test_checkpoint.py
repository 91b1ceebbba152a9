import numpy as np
import pytest

from edgebench.errors import ModelFileError, StoreError
from edgebench.training import checkpoint
from edgebench.training.step import Trainer


@pytest.fixture
def trainer(spec):
    return Trainer(spec, np.ones(3, np.float32), seed=0)


@pytest.fixture
def history(spec):
    from edgebench.training import History

    return History(model=spec.name, identity="i", seed=0, samples=8, validation_samples=2, training=spec.training)


def test_a_checkpoint_brings_back_weights_and_optimizer(spec, trainer, history, make_samples, tmp_path):
    samples = make_samples(8)
    images = samples.images.astype(np.float32) / 255
    trainer.step(images, samples.classes, samples.values)
    checkpoint.save(tmp_path, trainer.model, trainer.optimizer, history)
    other = Trainer(spec, np.ones(3, np.float32), seed=9)
    assert checkpoint.load(tmp_path, other.model, other.optimizer) == history
    for one, two in zip(
        trainer.model.variables + trainer.optimizer.variables,
        other.model.variables + other.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)


def test_an_empty_folder_has_no_checkpoint(trainer, tmp_path):
    assert checkpoint.load(tmp_path, trainer.model, trainer.optimizer) is None


def test_a_checkpoint_of_another_net_is_refused(spec, trainer, history, tmp_path):
    checkpoint.save(tmp_path, trainer.model, trainer.optimizer, history)
    wider = spec.model_copy(update={"source": spec.source.model_copy(update={"options": {"filters": 6}})})
    other = Trainer(wider, np.ones(3, np.float32), seed=0)
    with pytest.raises(ModelFileError, match="cannot be read"):
        checkpoint.load(tmp_path, other.model, other.optimizer)


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "kept.txt"
    checkpoint.write_text(path, "first")

    def no_space(temporary):
        with open(temporary, "w") as file:
            file.write("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"kept\.txt: No space left on device \(fix: free space"):
        checkpoint.write_weights(path, no_space)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_writing_leaves_nothing_behind(tmp_path):
    def interrupted(temporary):
        with open(temporary, "w") as file:
            file.write("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoint.write_weights(tmp_path / "file", interrupted)
    assert not list(tmp_path.iterdir())
