"""`python -m dev.leash PID MODULE …` runs MODULE so that it ends with its runner, the process PID.

On Linux, even if that is killed. A room does this itself once it is a program of its own: whatever
a runner with gRPC threads did between fork and exec could hang or crash there.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    runner, module, *words = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(runner):
            sys.exit("The runner has ended.")
    sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
