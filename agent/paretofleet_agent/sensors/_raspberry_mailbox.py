"""The firmware of a Raspberry Pi, asked for the readings of its power chip.

The call is that of the tool vcgencmd (github.com/raspberrypi/utils): ioctl 100, 0 on /dev/vcio with the
property GET_GENCMD_RESULT and the command `pmic_read_adc`. Where that is closed the tool itself is asked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any, Callable

COMMAND = "pmic_read_adc"
DEVICE, TOOL = "dev/vcio", "vcgencmd"
GET_GENCMD_RESULT, PROCESSED = 0x00030080, 0x80000000
#: Characters of an answer; that of 26 lines has less than 900.
ANSWER_BYTES = 1024
#: Size, code, tag, size of the value, its length, the tool's error, the value, the end.
MESSAGE = struct.Struct(f"=6I{ANSWER_BYTES}sI")
#: _IOWR(100, 0, char *), as the kernel's vcio driver numbers it.
REQUEST = 3 << 30 | struct.calcsize("P") << 16 | 100 << 8
TOOL_TIMEOUT_S = 1.0

Ioctl = Callable[[int, int, bytearray], Any]
#: Gives the text of an answer; raises OSError, ValueError or SubprocessError where there is none.
Ask = Callable[[], str]
Close = Callable[[], None]


def by_mailbox(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> str:
    """The answer of the firmware through the open `descriptor` of /dev/vcio.

    `ioctl` stands in for the system's. Raises OSError, or ValueError where the firmware refuses.
    """
    command = COMMAND.encode()
    message = bytearray(
        MESSAGE.pack(MESSAGE.size, 0, GET_GENCMD_RESULT, ANSWER_BYTES, 0, 0, command, 0),
    )
    ioctl(descriptor, REQUEST, message)
    _, code, _, _, _, error, value, _ = MESSAGE.unpack(message)
    text, end, _ = value.partition(b"\0")
    if code != PROCESSED or error or not end:
        raise ValueError(f"the firmware answers with code {code:#x} and error {error}")
    return str(text, "ascii", "replace")


def by_tool(program: str) -> str:
    """The answer of the firmware through vcgencmd, the `program`.

    Raises OSError or SubprocessError; a refusal of the firmware is an answer without readings.
    """
    done = subprocess.run(
        [program, COMMAND],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TOOL_TIMEOUT_S,
        check=True,
    )
    return done.stdout.decode("ascii", "replace")


def open_mailbox(sysroot: Path) -> tuple[Ask, Close]:
    """How to ask the mailbox under `sysroot`, and how to close it. Raises OSError where it does not open."""
    descriptor = os.open(sysroot / DEVICE, os.O_RDONLY)
    return (lambda: by_mailbox(descriptor)), (lambda: os.close(descriptor))


def open_tool() -> tuple[Ask, Close]:
    """How to ask vcgencmd, which leaves nothing open. Raises FileNotFoundError where it is not in PATH."""
    program = shutil.which(TOOL)
    if program is None:
        raise FileNotFoundError(errno.ENOENT, "it is not in PATH")
    path: str = program
    return (lambda: by_tool(path)), (lambda: None)
