"""Writes `digits.bin`: the held-out digits of `examples/digits`, each a byte that says which it is and 64 grey pixels.

    pip install scikit-learn==1.9.1
    python tests/data/digits.py

The split is that of `examples/digits/data.py`. The digits are from the UCI data set that its README names (CC BY 4.0).
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HELD_OUT = 0.25
SPLIT_SEED = 0

data = load_digits()
grey = np.round(data.images * 255 / 16).astype(np.uint8)
_, images, _, digits = train_test_split(
    grey, data.target.astype(np.uint8), test_size=HELD_OUT, stratify=data.target, random_state=SPLIT_SEED
)
rows = np.concatenate([digits[:, None], images.reshape(len(images), 64)], axis=1)
Path(__file__).with_name("digits.bin").write_bytes(rows.astype(np.uint8).tobytes())
print(rows.shape)
