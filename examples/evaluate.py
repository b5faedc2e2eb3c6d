"""Quality of a reconstructed flat object against the truth of stage simulate, and Fourier ring correlation. Needs numpy and h5py.

Constant phase is free; only pixels with more than 5 % of the largest illumination count; the range of the phase is 1 rad.
SPDX-License-Identifier: BSD-3-Clause
"""
import h5py
import numpy as np


def blur(a, sigma=1.5):
    """Gaussian along both axes, in Fourier space (periodic)."""
    ky, kx = np.fft.fftfreq(a.shape[0])[:, None], np.fft.fftfreq(a.shape[1])
    return np.fft.ifft2(np.fft.fft2(a) * np.exp(-2 * (np.pi * sigma) ** 2 * (ky**2 + kx**2))).real


def ssim(a, b, value_range=1.0):
    """Map of the structural similarity (Wang et al. 2004, Gaussian windows)."""
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    ma, mb = blur(a), blur(b)
    va, vb, vab = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    return (2 * ma * mb + c1) * (2 * vab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))


def load(view):
    """Object [Y, X], its origin, illumination and the history of the cost."""
    with h5py.File(view) as f:
        o, origin, p = (f["entry_1/" + k][()] for k in ("object/data", "object/origin", "probe/data"))
        positions, cost = np.rint(f["entry_1/positions"][()]).astype(int), f["entry_1/process_1/cost"][()]
    light, beam, n = np.zeros(o.shape), (np.abs(p) ** 2).sum(0), p.shape[-1]
    for y, x in positions:
        light[y : y + n, x : x + n] += beam
    return o, origin, light, cost


def changes(view):
    """L2 norm of the object's change in each iteration."""
    with h5py.File(view) as f:
        return f["entry_1/process_1/steps"][:, 1]


def true_phase(truth, shape, origin):
    with h5py.File(truth) as f:
        phase = f["phase"][()]
    out, at = np.zeros(shape), np.asarray(origin) - np.array(phase.shape) // 2
    lo, hi = np.maximum(at, 0), np.minimum(at + phase.shape, shape)
    out[lo[0] : hi[0], lo[1] : hi[1]] = phase[lo[0] - at[0] : hi[0] - at[0], lo[1] - at[1] : hi[1] - at[1]]
    return out


def quality(view, truth):
    """PSNR in dB, mean SSIM, and the map of phase errors in rad."""
    o, origin, light, _ = load(view)
    phase, lit = true_phase(truth, o.shape, origin), light > 0.05 * light.max()
    constant = np.angle(np.sum((o * np.exp(-1j * phase))[lit]))
    off = np.where(lit, np.angle(o * np.exp(-1j * (phase + constant))), 0)
    return -10 * np.log10((off[lit] ** 2).mean()), ssim(phase + off, phase)[lit].mean(), off


def ring_correlation(first, second):
    """Fourier ring correlation of two objects (complex, the same frame), and the frequency of each ring in 1 / pixel."""
    n = min(first.shape)
    window = np.outer(np.hanning(n), np.hanning(n))
    a, b = (np.fft.fft2((o[:n, :n] - o[:n, :n].mean()) * window) for o in (first, second))
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n))
    ring = np.rint(k * n).astype(int).ravel()
    cross, pa, pb = (np.bincount(ring, x.ravel()) for x in ((a * b.conj()).real, abs(a) ** 2, abs(b) ** 2))
    return np.arange(n // 2) / n, (cross / np.sqrt(pa * pb))[: n // 2]
