#!/usr/bin/python3
"""Memory of the fullest device over the number of devices, for each way to split a view: from the plan, nothing is run.

  memory_per_device.py POLYPTYCH [--pipeline pipelines/gradient-decomposition.cfg] [--devices 1 2 4 8 16] [--out memory.png] [--set ptycho.x=y ...]

Draws OUT and prints a table. Needs python3-matplotlib. SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os
import re
import subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

here = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument("polyptych")
ap.add_argument("--pipeline", default=os.path.join(here, "../pipelines/gradient-decomposition.cfg"))
ap.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8, 16])
ap.add_argument("--out", default="memory.png")
ap.add_argument("--set", nargs="*", default=[], help="further key=value for the program")
a = ap.parse_args()
units = {"B": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3}


def fullest(method, devices):
    """MB of the fullest device; None where the method refuses."""
    got = subprocess.run([a.polyptych, "plan", a.pipeline, f"partition.devices_per_view={devices}", f"partition.method={method}", *a.set],
                         capture_output=True, text=True)
    rows = re.findall(r"device \d+: .* ([\d.e+]+) MB", got.stdout)
    if rows:
        return max(float(r) for r in rows)
    alone = re.search(r"ptycho +host ([\d.]+) (\w+)", got.stdout)
    return float(alone[1]) * units[alone[2]] if alone and devices == 1 else None


print("devices ", *(f"{d:>8}" for d in a.devices))
for method in ("hybrid", "gradient", "halo", "independent"):
    values = [fullest(method, d) for d in a.devices]
    print(f"{method:12}", *(f"{v:8.1f}" if v else "  refused" for v in values))
    known = [(d, v) for d, v in zip(a.devices, values) if v]
    plt.loglog(*zip(*known), "o--" if method == "independent" else "o-", label=method)
plt.xticks(a.devices, a.devices)
low, high = plt.ylim()
ticks = [m * 10**e for e in range(-3, 7) for m in (1, 2, 5) if low <= m * 10**e <= high]
plt.yticks(ticks, [f"{t:g}" for t in ticks])
plt.minorticks_off()
plt.xlabel("devices")
plt.ylabel("MB of the fullest device")
plt.legend()
plt.grid(alpha=0.3)
plt.tight_layout()
plt.savefig(a.out, dpi=100)
