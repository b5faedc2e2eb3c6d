#!/usr/bin/python3
"""SSIM, PSNR, cost and change of the object over iterations on 1, 2, 4 and 8 devices, as the published evaluation of Yu et al. (2021) shows them.

  published_curves.py POLYPTYCH [--pipeline pipelines/ptyger-siemens.cfg] [--devices 1 2 4 8] [--iterations 4 8 16 32 64 128] [--out curves]
                      [--set simulate.width=512 ...]

Every point is a run of its own: the data are simulated once. Leaves OUT/curves.png, OUT/seams.png (phase errors) and a table.
Needs python3-numpy, python3-h5py, python3-matplotlib. SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import json
import os
import subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from evaluate import changes, load, quality

here = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument("polyptych")
ap.add_argument("--pipeline", default=os.path.join(here, "../pipelines/ptyger-siemens.cfg"))
ap.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
ap.add_argument("--iterations", type=int, nargs="+", default=[4, 8, 16, 32, 64, 128])
ap.add_argument("--set", nargs="*", default=[], help="further key=value for the program")
ap.add_argument("--out", default="curves")
a = ap.parse_args()
out = os.path.abspath(a.out)
os.makedirs(out, exist_ok=True)

def seconds_of(run):
    """Of the solver in all iterations."""
    with open(os.path.join(run, "provenance.json")) as f:
        return json.load(f)["seconds"]["ptycho"]


figure, axes = plt.subplots(1, 4, figsize=(20, 4))
seams, pictures = plt.subplots(1, len(a.devices), figsize=(5 * len(a.devices), 5), squeeze=False)
reference = None
for number, (devices, picture) in enumerate(zip(a.devices, pictures[0])):
    rows = []
    width = 1.2 + 2 * (len(a.devices) - 1 - number)  # curves that coincide show as bands
    for count in a.iterations:
        run = os.path.join(out, f"{devices}-devices-{count}")
        subprocess.run([a.polyptych, "run", a.pipeline, f"output={run}", f"simulate.directory={out}/data", f"ptycho.iterations={count}",
                        f"partition.devices_per_view={devices}", *a.set], check=True)
        view = os.path.join(run, "views/0000.h5")
        psnr, similarity, off = quality(view, f"{out}/data/truth.h5")
        rows.append((count, similarity, psnr))
        print(f"{devices} devices, {count:4d} iterations: SSIM {similarity:.6f}, PSNR {psnr:.2f} dB", flush=True)
    o, _, light, cost = load(view)
    reference = o if reference is None else reference
    lit = light > 0.05 * light.max()
    print(f"{devices} devices: object {np.linalg.norm((o - reference)[lit]) / np.linalg.norm(reference[lit]):.1e} from the first")
    rows = np.array(rows)
    axes[0].plot(rows[:, 0], rows[:, 1], linewidth=width, label=f"{devices} device{'s' if devices > 1 else ''}")
    axes[1].plot(rows[:, 0], rows[:, 2], linewidth=width)
    axes[2].semilogy(np.maximum(cost, 1e-30), linewidth=width)
    change = changes(view)
    axes[3].semilogy(np.arange(1, len(change) + 1) * seconds_of(run) / len(change), np.maximum(change, 1e-30))
    limit = 3 * off.std()
    picture.imshow(off, vmin=-limit, vmax=limit, cmap="gray")
    picture.set_title(f"{devices} device{'s' if devices > 1 else ''}:\nerror of the phase, $\\pm${limit:.1e} rad", fontsize=10)
for axis, label in zip(axes, ("SSIM", "PSNR in dB, range 1 rad", "cost", "|object - object of the iteration before|")):
    axis.set_xlabel("iteration")
    axis.set_ylabel(label)
axes[3].set_xlabel("seconds of the solver")
axes[0].legend()
figure.tight_layout()
figure.savefig(f"{out}/curves.png", dpi=100)
seams.savefig(f"{out}/seams.png", dpi=100)
