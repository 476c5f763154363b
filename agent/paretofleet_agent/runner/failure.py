"""Why a run cannot be: one of the reasons of a failed run and a sentence."""

from typing import Any, Mapping, Optional, Tuple

OUT_OF_MEMORY = (
    "bad_alloc",
    "failed to allocate memory",
    "cannot allocate memory",
    "can't allocate memory",
    "out of memory",
    "outofmemory",  # cudaErrorOutOfMemory, and TensorRT's OutOfMemory
    "cudaerrormemoryallocation",
    "_status_alloc_failed",  # cuBLAS and cuDNN
)


class RunFailed(Exception):
    """Ends a run with `reason` (`unsupported`, `wrong_output`, ...), a sentence, and facts if any."""

    def __init__(self, reason: str, message: str, facts: Optional[Mapping[str, Any]] = None) -> None:
        super(RunFailed, self).__init__(message)
        self.reason = reason
        self.facts = dict(facts or {})


def explain(error: BaseException) -> Tuple[str, str]:
    """(reason, message) of `error`, whatever was raised in a runner."""
    message = one_line(error)
    if isinstance(error, RunFailed):
        return error.reason, message
    if isinstance(error, MemoryError) or says_out_of_memory(message):
        return "oom", "memory ran out: " + (message or "MemoryError")
    return "crashed", "%s: %s" % (type(error).__name__, message)


def refusal(context: str, error: BaseException) -> RunFailed:
    """`oom` or `unsupported` for the `error` of a library; `context` says what failed, before a colon."""
    message = one_line(error)
    if isinstance(error, RunFailed):
        return error
    if isinstance(error, MemoryError) or says_out_of_memory(message):
        return RunFailed("oom", "%s: %s" % (context, message or "MemoryError"))
    return RunFailed("unsupported", "%s: %s" % (context, message))


def says_out_of_memory(text: str) -> bool:
    """Whether `text`, a library's message, means that memory ran out."""
    return any(mark in text.lower() for mark in OUT_OF_MEMORY)


def one_line(error: object, most: int = 400) -> str:
    """The text of an error in one line of at most `most` characters, with "?" for what cannot be printed.

    Runtimes quote names of a stranger's file, which must not write on a terminal.
    """
    text = "".join(each if each.isprintable() else "?" for each in " ".join(str(error).split()))
    return text if len(text) <= most else text[: most - 3] + "..."
