#!/usr/bin/python3
"""Joint against sequential over overlap and dose: the joint solve needs less overlap.

  joint_overlap.py POLYPTYCH [--steps 5,8,12,16] [--photons 1e4,1e5,1e6] [--width 32] [--views 16] [--iterations 50] [--out overlap]

For every step of the scan and every dose it simulates a campaign of balls, solves it view by view (tomo with total variation) and then
jointly, compares both volumes with the truth, and draws OUT/overlap.png; OUT/overlap.txt has the numbers: the errors of delta as it is, and
those of its means over voxels, which the truth holds and which are drawn: a reconstruction is samples of a band-limited object. Detector, probe and volume
are `width` pixels, 0.4 `width`, `width`. Needs python3-numpy, python3-h5py, python3-matplotlib. SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os
import subprocess

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

PIPELINE = """schema = 1; output = "."; threads = {threads};
stages = (
  {{ use = "simulate"; phantom = "balls"; largest_phase = 1.5; width = {width}; views = {views}; detector_size = {width};
     scan_step = {step}; photons = {photons}; }},
  {{ use = "ptycho"; iterations = 100; refine_probe = false; }},
  {{ use = "align"; ramp = "none"; vertical = false; horizontal = "none"; }},
  {{ use = "tomo"; method = "tv"; }},{joint}
  {{ use = "save"; }}
);
"""
JOINT = """
  {{ use = "joint"; iterations = {iterations}; }},"""


def middle(a, size):
    return a[tuple(slice(s // 2 - size // 2, s // 2 - size // 2 + size) for s in a.shape)]


def means(a):
    """Over each voxel, of the band-limited field with these samples."""
    spectrum = np.fft.fftn(a)
    for axis, size in enumerate(a.shape):
        spectrum *= np.sinc(np.fft.fftfreq(size)).reshape([-1 if k == axis else 1 for k in range(3)])
    return np.fft.ifftn(spectrum).real


def errors(folder):
    """Relative errors of delta and of its means in the central three quarters of each axis. Views are aligned: no translation is fitted."""
    with h5py.File(f"{folder}/simulated/truth.h5") as f:
        truth = f["delta"][()].astype(float)
    with h5py.File(f"{folder}/volume.h5") as f:
        found = f["entry/data/delta"][()].astype(float)
    size = 3 * truth.shape[0] // 4
    truth = middle(truth, size)
    return [np.linalg.norm(middle(v, size) - truth) / np.linalg.norm(truth) for v in (found, means(found))]


def solve(a, folder, step, photons, joint):
    text = PIPELINE.format(width=a.width, views=a.views, step=step, photons=photons, threads=a.threads,
                           joint=JOINT.format(iterations=a.iterations) if joint else "")
    with open(f"{folder}.cfg", "w") as f:
        f.write(text)
    with open(f"{folder}.log", "w") as log:
        subprocess.run([a.polyptych, "run", "--restart", f"{folder}.cfg", f"output={folder}"], check=True, stdout=log, stderr=log)
    return errors(folder)


def draw(a, steps, doses, table, path):
    overlap = [100 * (1 - s / (0.4 * a.width)) for s in steps]
    colours = plt.cm.viridis(np.linspace(0, 0.8, len(doses)))
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    for d, colour in enumerate(colours):
        axes.plot(overlap, table[0, d, :, 1], "o--", color=colour, mfc="none", label=f"{doses[d]:.0e} photons, sequential")
        axes.plot(overlap, table[1, d, :, 1], "o-", color=colour, label=f"{doses[d]:.0e} photons, joint")
    axes.set_xlabel("1 - step / probe width, %")
    axes.set_ylabel("relative error of delta, means over voxels")
    axes.set_ylim(0, None)
    axes.invert_xaxis()
    axes.legend(fontsize=7)
    axes.set_title(f"{a.views} views, {a.width} pixels", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("polyptych")
    ap.add_argument("--steps", default="5,8,12,16")
    ap.add_argument("--photons", default="1e4,1e5,1e6")
    ap.add_argument("--width", type=int, default=32)
    ap.add_argument("--views", type=int, default=16)
    ap.add_argument("--iterations", type=int, default=50)
    ap.add_argument("--threads", type=int, default=0)
    ap.add_argument("--out", default="overlap")
    a = ap.parse_args()
    a.polyptych = os.path.abspath(a.polyptych)
    out = os.path.abspath(a.out)
    os.makedirs(out, exist_ok=True)
    steps, doses = [float(s) for s in a.steps.split(",")], [float(p) for p in a.photons.split(",")]
    table = np.zeros((2, len(doses), len(steps), 2))
    with open(f"{out}/overlap.txt", "w") as f:
        f.write("# step/pixel photons; sequential, joint: as it is; sequential, joint: means\n")
        for d, photons in enumerate(doses):
            for s, step in enumerate(steps):
                for joint in (0, 1):
                    table[joint, d, s] = solve(a, f"{out}/step{step:g}-photons{photons:.0e}", step, photons, joint)
                line = f"{step:g} {photons:.0e} " + " ".join(f"{table[j, d, s, k]:.4f}" for k in (0, 1) for j in (0, 1))
                f.write(line + "\n")
                print(line, flush=True)
    draw(a, steps, doses, table, f"{out}/overlap.png")


if __name__ == "__main__":
    main()
