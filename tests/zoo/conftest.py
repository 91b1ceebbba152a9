import pytest

from edgebench.specs.catalog import load_model
from edgebench.specs.model import ModelSpec


@pytest.fixture
def mobilenet(root):
    """The shipped spec of a width with random weights; any part of it can be replaced."""

    def make(alpha, **replaced):
        spec = load_model(f"mobilenet_v1_a{alpha}", (root / "model_specs",))
        source = spec.source.model_copy(update={"weights": "random"})
        stated = spec.model_dump(exclude={"source"}) | {"source": source.model_dump()}
        return ModelSpec(**(stated | replaced))

    return make


@pytest.fixture(scope="session")
def shipped(root):
    """A shipped spec by name; any part of it can be replaced, its input's parts by `input_`."""

    def load(name, *, input_=None, **replaced):
        stated = load_model(name, (root / "model_specs",)).model_dump() | replaced
        return ModelSpec(**(stated | {"input": stated["input"] | (input_ or {})}))

    return load
