"""Makes the file that the examples analyse: toy collisions with two muons of a Z boson among others, named as in NanoAOD.

Run when the image is built: python3 make_events.py FILE. The same seed gives the same events.
"""

import sys

import awkward as ak
import numpy as np
import uproot

EVENTS = 40_000
Z_MASS, Z_WIDTH, RESOLUTION = 91.19, 2.5, 1.2


def events(number: int = EVENTS, seed: int = 2026) -> dict[str, ak.Array | np.ndarray]:
    """Columns: run, event, and of each event's muons pt, eta, phi, mass and charge."""
    random = np.random.default_rng(seed)
    pairs = random.random(number) < 0.4
    others = random.poisson(0.8, number)
    counts = others + 2 * pairs
    muons = _others(random, counts.sum())
    _put_pairs(random, np.concatenate([[0], np.cumsum(counts)[:-1]])[pairs], muons)
    types = {"pt": "f4", "eta": "f4", "phi": "f4", "mass": "f4", "charge": "i4"}
    jagged = {f"Muon_{name}": ak.unflatten(muons[name].astype(kind), counts) for name, kind in types.items()}
    return {"run": np.ones(number, "u4"), "event": np.arange(number, dtype="u8"), **jagged}


def _others(random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
    return {
        "pt": 3 + random.exponential(9, number),
        "eta": random.uniform(-2.4, 2.4, number),
        "phi": random.uniform(-np.pi, np.pi, number),
        "mass": np.full(number, 0.10566),
        "charge": random.choice([-1, 1], number),
    }


def _put_pairs(random: np.random.Generator, first: np.ndarray, muons: dict[str, np.ndarray]) -> None:
    """Back to back, with the difference in eta that a mass near the Z's gives: m² = 2 pt² (cosh Δη + 1)."""
    second, number = first + 1, len(first)
    mass = Z_MASS + Z_WIDTH / 2 * np.tan(np.pi * (random.random(number) - 0.5) * 0.96)
    mass = np.clip(mass + random.normal(0, RESOLUTION, number), 40, 200)
    ratio = np.clip(random.normal(0.96, 0.04, number), 0.5, 0.999)
    delta = np.arccosh(2 / ratio**2 - 1)
    centre = random.uniform(-1.2, 1.2, number)
    phi, charge = muons["phi"], muons["charge"]
    muons["pt"][first] = muons["pt"][second] = mass / 2 * ratio
    muons["eta"][first], muons["eta"][second] = centre + delta / 2, centre - delta / 2
    phi[second] = np.where(phi[first] > 0, phi[first] - np.pi, phi[first] + np.pi)
    charge[second] = -charge[first]


if __name__ == "__main__":
    with uproot.recreate(sys.argv[1]) as file:
        columns = events()
        muons = ak.zip({name.removeprefix("Muon_"): columns.pop(name) for name in list(columns) if name[:5] == "Muon_"})
        file.mktree("Events", {**{name: values.dtype for name, values in columns.items()}, "Muon": muons.type})
        for begin in range(0, EVENTS, 10_000):  # several clusters of entries: ROOT cuts the work at their borders
            part = slice(begin, begin + 10_000)
            file["Events"].extend({**{name: values[part] for name, values in columns.items()}, "Muon": muons[part]})
