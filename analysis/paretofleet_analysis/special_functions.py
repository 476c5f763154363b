"""The functions of scipy.special that are used here, without what SciPy puts around them.

`scipy.special` wraps each for arrays of other libraries, which reads large parts of numpy and takes longer
than a ranking of a few rows. The compiled functions below it are the same objects.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

_WHOLE = "scipy.special"
_NAMES = (
    *("bdtr", "bdtrc", "betaincinv", "chdtri", "fdtr", "fdtrc", "log_ndtr", "logit"),
    *("ndtr", "ndtri", "ndtri_exp", "psi", "stdtr", "stdtrit"),
)


def _compiled() -> ModuleType:
    """The module with the functions; `scipy.special` itself where it is loaded, or keeps them elsewhere."""
    if _WHOLE not in sys.modules:
        scipy = import_module("scipy")
        package = ModuleType(_WHOLE)
        package.__path__ = [str(Path(folder) / "special") for folder in scipy.__path__]
        sys.modules[_WHOLE] = package
        try:
            functions = import_module(f"{_WHOLE}._ufuncs")
        except ImportError:
            functions = package
        finally:
            del sys.modules[_WHOLE]  # whoever imports it later gets the whole
        if all(hasattr(functions, name) for name in _NAMES):
            return functions
    return import_module(_WHOLE)


_functions = _compiled()
bdtr: Any = _functions.bdtr
bdtrc: Any = _functions.bdtrc
betaincinv: Any = _functions.betaincinv
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
