"""What can go wrong in the analysis, one sentence each.

AnalysisError(ValueError)
+-- ReportError    a report that cannot be read, built or written
+-- SampleError    the samples of a run contradict themselves
+-- SearchError    a search space or a table of trials that no search can use
+-- RankError      a ranking that would compare what cannot be compared
    +-- RequestError    a request that no report could answer: an error of usage
"""

from __future__ import annotations


class AnalysisError(ValueError):
    """Base of this package's errors. The message is one sentence for a person: what, which, what to do."""


class ReportError(AnalysisError):
    """A report that cannot be read, built or written."""


class SampleError(AnalysisError):
    """The samples of one run contradict themselves or their facts."""


class SearchError(AnalysisError):
    """A search space, its trials or a published table that no search can use."""


class RankError(AnalysisError):
    """A ranking that would compare what cannot be compared, or that names something unknown."""


class RequestError(RankError):
    """A request for a ranking that no report could answer: a word that is none of the choices."""
