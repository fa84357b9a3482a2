"""Writes two BEATs with one tensor each beside test/fixtures/salmonn/beats.pt.

Run from the project's root: python scripts/oracle/salmonn.py (torch 2.13.0)

  beats.other.pt  its configuration says that it is of another kind
  beats.wide.pt   it says that it is wider than SALMONN's
"""

from pathlib import Path

import torch

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures" / "salmonn"

checkpoint = torch.load(FIXTURES / "beats.pt", weights_only=True)
name = "encoder.layer_norm.weight"
for file, change in {
    "beats.other.pt": {"layer_norm_first": True, "input_patch_size": 8},
    "beats.wide.pt": {"encoder_embed_dim": 48},
}.items():
    cfg = {**checkpoint["cfg"], **change}
    torch.save({"cfg": cfg, "model": {name: checkpoint["model"][name]}}, FIXTURES / file)
