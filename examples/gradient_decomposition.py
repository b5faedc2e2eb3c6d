#!/usr/bin/python3
"""Tiles of one view: Gradient Decomposition against Halo Voxel Exchange with three periods T, and one device.

  gradient_decomposition.py POLYPTYCH [--devices 9] [--iterations 32] [--periods 1 4 16] [--out tiles]

Leaves OUT/cost.png (cost over iterations) and OUT/seams.png (difference to one device, where tiles would show). Needs
python3-numpy, python3-h5py, python3-matplotlib. SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
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
ap.add_argument("--periods", type=int, nargs="+", default=[1, 4, 16])
ap.add_argument("--out", default="tiles")
a = ap.parse_args()
out = os.path.abspath(a.out)
os.makedirs(out, exist_ok=True)
cases = [("one device", 1, "gradient", 1), (f"gradient, {a.devices} devices", a.devices, "gradient", 1)]
cases += [(f"halo, T = {t}", a.devices, "halo", t) for t in a.periods]
curves, axis = plt.subplots(figsize=(7, 5))
seams, pictures = plt.subplots(1, len(cases) - 1, figsize=(5 * (len(cases) - 1), 5), squeeze=False)
one = None
for i, (name, devices, method, period) in enumerate(cases):
    run = os.path.join(out, f"{method}-{devices}-{period}")
    subprocess.run([a.polyptych, "run", os.path.join(here, "../pipelines/gradient-decomposition.cfg"), f"output={run}",
                    f"simulate.directory={out}/data", f"ptycho.iterations={a.iterations}", f"partition.devices_per_view={devices}",
                    f"partition.method={method}", *([f"partition.period={period}"] if method == "halo" else [])], check=True)
    o, _, light, cost = load(f"{run}/views/0000.h5")
    axis.semilogy(cost[1:], label=name)
    if one is None:
        one, lit = o, light > 0.05 * light.max()
        continue
    off = np.where(lit, np.angle(o * one.conj()), 0)
    limit = max(3 * off.std(), 1e-6)
    pictures[0][i - 1].imshow(off, vmin=-limit, vmax=limit, cmap="gray")
    pictures[0][i - 1].set_title(f"{name}: phase to one device, +-{limit:.1e} rad")
    print(f"{name}: object {np.linalg.norm((o - one)[lit]) / np.linalg.norm(one[lit]):.1e} from one device, cost {cost[-1]:.6g}")
axis.set_xlabel("iteration")
axis.set_ylabel("cost (halo: summed over tiles, patterns in halos counted again)")
axis.legend()
curves.savefig(f"{out}/cost.png", dpi=100)
seams.savefig(f"{out}/seams.png", dpi=100)
