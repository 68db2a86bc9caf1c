"""
Run a program that ends with the one that started it: `python guard.py nginx -c nginx.conf`.

Its standard input is a pipe. When that closes, because its other end has ended in whatever way, the program is told to
end, too, or killed, if "kill" came through the pipe.
"""

import subprocess
import sys
import threading


def guard(command):
    """Run a program, and return its exit code."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end():
        if sys.stdin.read() == "kill":
            program.kill()
        else:
            program.terminate()

    threading.Thread(target=end, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
