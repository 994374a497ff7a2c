"""A person at a terminal: runs a program on a pty, waits for each text in turn and answers it.

Reads {"argv", "cwd", "env", "steps": [[expected, answer], …]} on stdin. The answer "^C" is that key; null is none. Prints what
the terminal showed and exits as the program did (or with 99 where it waited in vain).
"""

import json
import os
import pty
import select
import signal
import sys
import time

PATIENCE = 60


def main():
    play = json.load(sys.stdin)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(play["cwd"])
        os.execve(play["argv"][0], play["argv"], play["env"])
    shown, read_to, steps = b"", 0, list(play["steps"])
    deadline = time.monotonic() + PATIENCE
    while True:
        if steps:
            expected, answer = steps[0]
            at = shown.find(expected.encode(), read_to)
            if at >= 0:
                read_to = at + len(expected.encode())
                steps.pop(0)
                deadline = time.monotonic() + PATIENCE
                if answer == "^C":
                    os.write(fd, b"\x03")
                elif answer is not None:
                    os.write(fd, answer.encode() + b"\n")
                continue
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            break
        ready, _, _ = select.select([fd], [], [], 0.2)
        if ready:
            try:
                more = os.read(fd, 65536)
            except OSError:
                more = b""
            if not more:
                break
            shown += more
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.stdout.buffer.write(shown)
    if steps:
        sys.stdout.buffer.write(f"\n[not shown: {steps[0][0]}]\n".encode())
        sys.exit(99)
    sys.exit(status if status >= 0 else 98)


main()
