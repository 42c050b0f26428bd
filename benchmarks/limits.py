"""What the database can do on this machine, measured by its own tool."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SELECT = "\\set n random(1, 10000)\nSELECT id, name FROM bench_limits WHERE id = :n;\n"
COMMIT = "\\set n random(1, 10000)\nUPDATE bench_limits SET name = 'x' || :n WHERE id = :n;\n"


def pgbench(dsn: str, script: str, connections: int, seconds: int) -> float:
    """Return how many single-row selects or commits per second so many connections get."""
    binary = shutil.which("pgbench") or str(sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))[-1])
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        argv = [binary, "-n", "-M", "prepared", "-c", str(connections), "-T", str(seconds), "-f", file.name, dsn]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"tps = ([\d.]+)", printed)
    assert rate, printed
    return float(rate.group(1))
