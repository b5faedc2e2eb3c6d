#!/usr/bin/python3
"""Tiles of one view: Gradient Decomposition with exact sums and with local steps for three periods T of the exchange, and Halo Voxel
Exchange for three periods, against one device.

  gradient_decomposition.py POLYPTYCH [--devices 9] [--iterations 32] [--exchanges 1 2 16] [--periods 1 4 16] [--out tiles]
                            [--set simulate.width=256 ...]

--exchanges: of local steps, in an iteration (more than a device has patterns: after every pattern). --periods: of halos, in
iterations. Leaves OUT/cost.png (cost over iterations) and OUT/seams.png (difference to one device, where tiles would show), and prints
seconds an iteration, and what rank 0 waited for others, copied and received. Needs python3-numpy, python3-h5py, python3-matplotlib.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import json
import os
import subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from evaluate import load

here = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument("polyptych")
ap.add_argument("--devices", type=int, default=9)
ap.add_argument("--iterations", type=int, default=32)
ap.add_argument("--exchanges", type=int, nargs="+", default=[1, 2, 16])
ap.add_argument("--periods", type=int, nargs="+", default=[1, 4, 16])
ap.add_argument("--set", nargs="*", default=[], help="further key=value for the program")
ap.add_argument("--out", default="tiles")
a = ap.parse_args()
out = os.path.abspath(a.out)
os.makedirs(out, exist_ok=True)
cases = [("one device", 1, ["method=gradient"]), (f"exact sums, {a.devices} devices", a.devices, ["method=gradient"])]
cases += [(f"local steps, {n} exchange{'s' if n > 1 else ''} an iteration", a.devices, ["method=gradient", "sync=local", f"exchanges={n}"])
          for n in a.exchanges]
cases += [(f"halo, T = {t} iteration{'s' if t > 1 else ''}", a.devices, ["method=halo", f"period={t}"]) for t in a.periods]
curves, axis = plt.subplots(figsize=(8, 6))
columns = (len(cases) + 1) // 2
seams, pictures = plt.subplots(2, columns, figsize=(4.6 * columns, 9), squeeze=False)
frames = iter(pictures.ravel())
one = None
for name, devices, how in cases:
    run = os.path.join(out, "-".join([str(devices), *how]).replace("=", "-"))
    subprocess.run([a.polyptych, "run", os.path.join(here, "../pipelines/gradient-decomposition.cfg"), f"output={run}",
                    f"simulate.directory={out}/data", f"ptycho.iterations={a.iterations}", f"partition.devices_per_view={devices}",
                    *["partition." + h for h in how], *a.set], check=True)
    o, _, light, cost = load(f"{run}/views/0000.h5")
    # one device is a band under the curve of exact sums, which coincides with it
    axis.semilogy(np.arange(1, len(cost)), cost[1:], label=name, linestyle="--" if "method=halo" in how else "-", linewidth=5 if one is None else 1.5)
    with open(f"{run}/provenance.json") as f:
        told = json.load(f)
    each = told["seconds"]["ptycho"] / a.iterations
    if one is None:
        one, lit = o, light > 0.05 * light.max()
        print(f"{name}: {each:.3g} s an iteration")
        continue
    spent = ", ".join(f"{label} {float(told['facts']['ptycho.' + key]):.3g}" for label, key in (
        ("waited s", "seconds_waited"), ("copied s", "seconds_communicated"), ("received bytes", "bytes_received")))
    off = np.where(lit, np.angle(o * one.conj()), 0)
    limit = max(3 * off.std(), 1e-6)
    picture = next(frames)
    picture.imshow(off, vmin=-limit, vmax=limit, cmap="gray")
    picture.set_title(f"{name}:\nphase to one device, $\\pm${limit:.1e} rad", fontsize=9)
    print(f"{name}: object {np.linalg.norm((o - one)[lit]) / np.linalg.norm(one[lit]):.1e} from one device, cost {cost[-1]:.6g}; {each:.3g} s an iteration, {spent}")
for unused in frames:
    unused.axis("off")
axis.set_xlabel("iteration")
axis.set_ylabel("cost (halo: summed over tiles, patterns in halos counted again)")
axis.legend(fontsize=8)
curves.tight_layout()
curves.savefig(f"{out}/cost.png", dpi=100)
seams.tight_layout()
seams.savefig(f"{out}/seams.png", dpi=100)
