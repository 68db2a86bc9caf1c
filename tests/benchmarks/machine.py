"""
What a benchmark's numbers depend on besides the servers: this computer, and what is installed on it.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

PACKAGES = ("Django", "channels", "daphne", "uvicorn", "fastapi", "websockets")


def describe_machine():
    """Return {"cpu", "cores", "system", "python", "versions", "date"}. "versions" maps packages to theirs."""
    return {
        "cpu": find_cpu(),
        "cores": os.cpu_count(),
        "system": find_system(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "date": date.today().isoformat(),
    }


def find_cpu():
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def find_system():
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # not Linux
        return f"{platform.system()} {platform.release()}"
