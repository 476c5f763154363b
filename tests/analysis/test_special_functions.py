"""The functions of scipy.special without its package around them: the same numbers, sooner."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.special
from paretofleet_analysis import special_functions

ALONE = """
import sys
from paretofleet_analysis.special_functions import stdtrit
wrappers = [name for name in sys.modules if "scipy._lib._array_api" in name or name == "scipy.special"]
import scipy.special, scipy.stats
print(wrappers, scipy.special.stdtrit is stdtrit, round(scipy.stats.t(3).ppf(0.975) - stdtrit(3, 0.975), 12))
"""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bdtr", (3, 10, 0.4)),
        ("bdtrc", (3, 10, 0.4)),
        ("betaincinv", (2.5, 4.0, 0.3)),
        ("chdtrc", (1.0, 2.7)),
        ("chdtri", (7.0, 0.2)),
        ("fdtr", (4.0, 9.0, 1.7)),
        ("fdtrc", (4.0, 9.0, 1.7)),
        ("log_ndtr", (-30.0,)),
        ("logit", (0.3,)),
        ("ndtr", (-1.3,)),
        ("ndtri", (0.02,)),
        ("ndtri_exp", (-40.0,)),
        ("psi", (2.5,)),
        ("stdtr", (4.0, 1.2)),
        ("stdtrit", (4.0, 0.9)),
    ],
)
def test_each_function_gives_the_number_that_scipy_gives(name, arguments):
    ours, theirs = getattr(special_functions, name), getattr(scipy.special, name)
    assert ours(*arguments) == theirs(*arguments)
    assert np.array_equal(ours(*map(np.full, [3] * len(arguments), arguments)), [theirs(*arguments)] * 3)


def test_they_load_without_their_package_which_is_whole_for_whoever_imports_it_later():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] True 0.0"
