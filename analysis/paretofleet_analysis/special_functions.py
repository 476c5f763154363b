"""The functions of scipy.special that are used here, without what SciPy puts around them.

`scipy.special` wraps each for arrays of other libraries, which reads large parts of numpy and takes longer
than a ranking of a few rows. The compiled functions below it are the same objects.
"""

from __future__ import annotations

from typing import Any

from paretofleet_analysis.bare_module import bare_module

_NAMES = (
    *("bdtr", "bdtrc", "betaincinv", "chdtrc", "chdtri", "fdtr", "fdtrc", "log_ndtr", "logit"),
    *("ndtr", "ndtri", "ndtri_exp", "psi", "stdtr", "stdtrit"),
)
_functions = bare_module("scipy.special", "_ufuncs", _NAMES)
bdtr: Any = _functions.bdtr
bdtrc: Any = _functions.bdtrc
betaincinv: Any = _functions.betaincinv
chdtrc: Any = _functions.chdtrc
chdtri: Any = _functions.chdtri
fdtr: Any = _functions.fdtr
fdtrc: Any = _functions.fdtrc
log_ndtr: Any = _functions.log_ndtr
logit: Any = _functions.logit
ndtr: Any = _functions.ndtr
ndtri: Any = _functions.ndtri
ndtri_exp: Any = _functions.ndtri_exp
psi: Any = _functions.psi
stdtr: Any = _functions.stdtr
stdtrit: Any = _functions.stdtrit
