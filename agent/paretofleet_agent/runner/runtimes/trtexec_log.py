"""What `trtexec` prints: that it starts, its version, and among many lines of errors the cause."""

import re
import signal
from typing import List, Optional

from ..failure import RunFailed, one_line, says_out_of_memory

STARTED = "Starting inference"
VERSION = r"\[TensorRT v(\d+)\]"
#: What it says after a cause, whatever that was.
TAIL = (
    "Failed to parse onnx file",
    "Parsing model failed",
    "Network And Config setup failed",
    "Engine could not be created from network",
    "Building engine failed",
    "Failed to create engine from model or file",
    "Engine set up failed",
    "Inference set up failed",
    "Error occurred during inference",
)
#: Between these lines stands the text of a node.
NODE = ("--- Begin node ---", "--- End node ---")


class TrtexecLog(object):
    """Takes the lines one by one. `started_ns`: when it said that inference starts."""

    def __init__(self) -> None:
        self.started_ns: Optional[int] = None
        self.version = "unknown"
        self._errors: List[str] = []
        self._is_in_node = self._goes_on = False

    def take(self, line: bytes, now_ns: int) -> None:
        """Takes the next line, which came at `now_ns`."""
        text = line.decode("utf-8", "replace").strip()
        if STARTED in text and self.started_ns is None:
            self.started_ns = now_ns
        version = re.search(VERSION, text)
        self.version = version.group(1) if version else self.version
        is_error = "[E]" in text or "rror" in text
        if any(mark in text for mark in NODE):
            self._is_in_node = NODE[0] in text
        elif text and (is_error or self._goes_on) and not self._is_in_node:
            self._errors.append(re.sub(r"^.*\[E\] (\[TRT\] )?", "", text))
            # The parser breaks the line between the place of an error and the error.
            self._goes_on = is_error and text.endswith(":")

    def failure(self, code: int, *, killed_for_memory: bool = False) -> RunFailed:
        """Why it ended with this code, negative for a signal: `oom` where any line or the kernel says so."""
        if code == -signal.SIGKILL and killed_for_memory:
            return RunFailed("oom", "the kernel ended trtexec with SIGKILL, for lack of memory")
        memory = [line for line in self._errors if says_out_of_memory(line)]
        causes = [line for line in self._errors if not any(line.startswith(end) for end in TAIL)]
        lines = memory[:1] or causes or self._errors or ["it said no error"]
        reason = "oom" if memory else "crashed" if code < 0 else "unsupported"
        return RunFailed(reason, one_line("trtexec ended with code %d: %s" % (code, "; ".join(lines))))
