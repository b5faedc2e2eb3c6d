#!/usr/bin/env python3
"""Gives projections.h5 to scikit-image and, where it is installed, to the ASTRA toolbox, and compares with volume.h5.

    other_packages.py OUT [--max 0.1]

OUT is the directory of a run whose tomo stage was fbp with filter = "ramp". Both packages get /exchange/data and
/exchange/theta as they are; only what their documentation says of axis and sense of rotation is translated:
- here detector column u = x cos t + y sin t with the axis through index n / 2, rows and columns of a slice are y and x;
- scikit-image's iradon: u = column cos t - row sin t about index n // 2, so its angle is -t;
- ASTRA's parallel beam: y points up, so its angle is -t; its axis is the middle of the detector.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os
import sys

import h5py
import numpy as np


def read(folder):
    with h5py.File(os.path.join(folder, "projections.h5")) as f:
        if f["exchange/data"].attrs.get("wrapped", 0):
            sys.exit("the phase in projections.h5 is wrapped: put align before tomo")
        phase = f["exchange/data"][()].astype(float)
        angles = f["exchange/theta"][()].astype(float)
        pixel, wavelength = f["exchange/pixel_size"][()], f["process/wavelength"][()]
    with h5py.File(os.path.join(folder, "volume.h5")) as f:
        delta = f["entry/data/delta"][()].astype(float)
    return -phase * wavelength / (2 * np.pi * pixel), angles, delta


def with_skimage(lines, angles):
    from skimage.transform import iradon
    return np.stack([iradon(lines[:, z].T, theta=-angles, filter_name="ramp", circle=True)
                     for z in range(lines.shape[1])])


def with_astra(lines, angles):
    import astra
    n = lines.shape[2]
    # without index 0 the number of pixels is odd and ASTRA's axis, the middle, is index n / 2
    slices = astra.create_vol_geom(n - 1, n - 1)
    geometry = astra.create_proj_geom("parallel", 1.0, n - 1, -np.radians(angles))
    projector = astra.create_projector("linear", geometry, slices)
    out = np.zeros((lines.shape[1], n, n))
    for z in range(lines.shape[1]):
        sinogram = astra.data2d.create("-sino", geometry, np.ascontiguousarray(lines[:, z, 1:], np.float32))
        volume = astra.data2d.create("-vol", slices)
        setup = astra.astra_dict("FBP")
        setup.update(ProjectorId=projector, ProjectionDataId=sinogram, ReconstructionDataId=volume)
        setup["option"] = {"FilterType": "ram-lak"}
        run = astra.algorithm.create(setup)
        astra.algorithm.run(run)
        out[z, 1:, 1:] = astra.data2d.get(volume)
        astra.algorithm.delete(run)
        astra.data2d.delete([sinogram, volume])
    astra.projector.delete(projector)
    return out


def difference(ours, theirs):
    n = ours.shape[2]
    y, x = np.indices((n, n)) - n // 2
    inside = np.hypot(x, y) < 0.45 * n
    return np.linalg.norm((ours - theirs)[:, inside]) / np.linalg.norm(theirs[:, inside])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--max", type=float, default=0.1, help="largest relative difference that is agreement")
    choice = parser.parse_args()
    lines, angles, delta = read(choice.folder)
    compared, good = 0, True
    for name, how in (("scikit-image", with_skimage), ("ASTRA", with_astra)):
        try:
            theirs = how(lines, angles)
        except ImportError:
            print(f"{name}: not installed")
            continue
        here = difference(delta, theirs)
        mirrored = difference(delta, theirs[:, ::-1])
        print(f"{name}: relative difference {here:.4f} (to the mirror image {mirrored:.4f})")
        compared += 1
        good &= bool(here <= choice.max < mirrored)
    sys.exit(77 if compared == 0 else not good)


if __name__ == "__main__":
    main()
