#!/usr/bin/python3
"""Fourier ring correlation between the even and the odd frames of one view.

  ring_correlation.py POLYPTYCH FILE.cxi [--iterations 40] [--modes 1] [--out frc]

Solves the view twice, with every second frame each, and draws OUT/frc.png. Needs python3-numpy, python3-scipy, python3-h5py,
python3-matplotlib. SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os
import subprocess

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from evaluate import load, ring_correlation
from scipy.ndimage import fourier_shift

here = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument("polyptych")
ap.add_argument("file")
ap.add_argument("--iterations", type=int, default=40)
ap.add_argument("--modes", type=int, default=1)
ap.add_argument("--out", default="frc")
a = ap.parse_args()
out = os.path.abspath(a.out)
halves = []
for half in ("even", "odd"):
    subprocess.run([a.polyptych, "run", os.path.join(here, "../pipelines/measured-view.cfg"), f"load.file={os.path.abspath(a.file)}",
                    f"output={out}/{half}", f"ptycho.half={half}", "ptycho.ring_correlation=false", f"ptycho.iterations={a.iterations}", f"ptycho.probe_modes={a.modes}"],
                   check=True)
    halves.append(load(f"{out}/{half}/views/0000.h5"))

# the middle of the field that both halves saw, in the frame of the absolute grid
grid = [-h[1] for h in halves]
lit = []
for o, _, light, _ in halves:
    rows, columns = np.nonzero(light > 0.3 * light.max())
    lit.append((np.array([rows.min(), columns.min()]), np.array([rows.max(), columns.max()])))
lo = np.max([c[0] + g for c, g in zip(lit, grid)], 0)
hi = np.min([c[1] + g for c, g in zip(lit, grid)], 0)
first, second = (h[0][tuple(slice(p, q) for p, q in zip(lo - g, hi - g))] for h, g in zip(halves, grid))
n = min(first.shape)
first, second = first[:n, :n], second[:n, :n]

# the halves agree up to a constant phase and, where probes were refined, a small shift: the peak of the correlation, parabolic
cross = np.fft.ifft2(np.fft.fft2(first - first.mean()).conj() * np.fft.fft2(second - second.mean()))
peak = np.array(np.unravel_index(np.argmax(abs(cross)), cross.shape))
shift = []
for axis in (0, 1):
    v = [abs(cross[tuple((peak + d * (np.arange(2) == axis)) % n)]) for d in (-1, 0, 1)]
    whole = (peak[axis] + n // 2) % n - n // 2
    shift.append(whole + 0.5 * (v[0] - v[2]) / (v[0] - 2 * v[1] + v[2]))
second = np.fft.ifft2(fourier_shift(np.fft.fft2(second), [-s for s in shift]))
second = second * np.exp(-1j * np.angle(np.vdot(first, second)))
k, frc = ring_correlation(first, second)
below = np.nonzero(frc[4:] < 0.5)[0]
print(f"shift between the halves {shift[0]:.3f}, {shift[1]:.3f} pixels")
print(f"correlation at 0.1, 0.2, 0.3, 0.4, 0.5 / pixel: {[float(round(frc[min(int(f * n), len(frc) - 1)], 3)) for f in (0.1, 0.2, 0.3, 0.4, 0.5)]}")
print("first ring below 1/2:", f"{k[4 + below[0]]:.3f} / pixel" if len(below) else "none: correlated up to 0.5 / pixel")
plt.plot(k, frc)
plt.axhline(0.5, color="gray", linewidth=0.5)
plt.xlabel("frequency / (1 / pixel)")
plt.ylabel("Fourier ring correlation of even and odd frames")
plt.savefig(f"{out}/frc.png", dpi=100)
