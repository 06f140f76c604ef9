#!/usr/bin/env python3
"""Makes the data of graphs/linear_regression.json: y = x w + b + noise, as .npy files of float32. Needs numpy.

    python3 examples/linear_data.py linear                     a million rows of 100 features, 0.4 GB
    python3 examples/linear_data.py linear --rows 15000000     6 GB, in a few megabytes of memory

Features have means and deviations of their own, over several orders of magnitude; the target without its noise has a
variance of 1, and the noise one of 0.01 (--noise 0.1). A tenth as many rows, at most 100,000, are to test with.
"""

import argparse
import pathlib

import numpy as np

CHUNK = 50_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to train on")
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--noise", type=float, default=0.1, help="deviation of the target's noise")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    deviations = 10 ** random.uniform(-2, 2, args.features)
    means = deviations * random.normal(0, 3, args.features)
    direction = random.normal(size=args.features)
    weights = direction / np.linalg.norm(direction) / deviations
    bias = random.normal()
    for split, rows in [("train", args.rows), ("test", max(1, min(args.rows // 10, 100_000)))]:
        folder = args.folder / split
        folder.mkdir(parents=True, exist_ok=True)
        with npy(folder / "features.npy", (rows, args.features)) as features, npy(folder / "target.npy", (rows,)) as target:
            for start in range(0, rows, CHUNK):
                shape = (min(CHUNK, rows - start), args.features)
                x = (means + deviations * random.standard_normal(shape, dtype=np.float32)).astype(np.float32)
                # From what is written, and about the means: the weights of large features would amplify rounding.
                y = (x.astype(np.float64) - means) @ weights + bias + args.noise * random.normal(size=shape[0])
                features.write(x.tobytes())
                target.write(y.astype(np.float32).tobytes())
        print(f"{folder}: {rows:,} rows of {args.features} features")


def npy(path, shape):
    """A .npy file of float32 whose values are written after its header, chunk by chunk."""
    file = open(path, "wb")
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file


if __name__ == "__main__":
    main()
