import subprocess
import sys

import pytest

from edgebench.errors import UnknownName
from edgebench.zoo import ARCHITECTURES, architecture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_row_builds_and_has_a_revision(name):
    found = architecture(name)
    assert found.revision >= 1
    assert callable(found.build)


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'mobilenet_v1'"):
        architecture("mobilnet_v1")


def test_looking_at_the_zoo_loads_no_framework():
    code = (
        "import sys; from edgebench.zoo import architecture; architecture('mobilenet_v1').options();"
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
