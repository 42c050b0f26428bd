"""Requests per second and their 99th percentile, with wrk, which is not itself the limit."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CREATE = """
wrk.method = "POST"
wrk.body = '{"name": "bench", "disk_format": "raw", "container_format": "bare", "tags": ["a"], "os_distro": "x"}'
wrk.headers["Content-Type"] = "application/json"
"""
PATCH = """
local ids = {}
for line in io.lines("%s") do ids[#ids + 1] = line end
local n = 0
local headers = {["Content-Type"] = "application/openstack-images-v2.1-json-patch"}
request = function()
  n = n %% #ids + 1
  local body = '[{"op": "replace", "path": "/name", "value": "bench ' .. n .. '"}]'
  return wrk.format("PATCH", "/v2/images/" .. ids[n], headers, body)
end
"""
DELETE = """
local ids = {}
for line in io.lines("%s") do ids[#ids + 1] = line end
local n = 0
request = function()
  n = n + 1
  if n > #ids then print("no image is left to delete"); os.exit(3) end
  return wrk.format("DELETE", "/v2/images/" .. ids[n])
end
"""
CHECKED = """
function response(status, headers, body)
  if status ~= %d then wrk.thread:stop(); os.exit(3) end
end
"""


@dataclass(frozen=True)
class Rate:
    """How a load went; latencies in milliseconds."""

    per_second: float
    p99: float
    failed: int


def load(url: str, connections: int, seconds: int, script: str = "", expect: int = 200) -> Rate:
    """Ask one URL as often as so many connections can; every answer must have the status `expect`."""
    with tempfile.TemporaryDirectory() as folder:
        lua = Path(folder) / "load.lua"
        lua.write_text(script + CHECKED % expect)
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(lua), url]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    assert rate, printed
    assert p99, printed
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99.group(2)]
    return Rate(float(rate.group(1)), float(p99.group(1)) * scale, int(failed.group(1)) if failed else 0)
