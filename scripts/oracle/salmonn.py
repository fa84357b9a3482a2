"""Makes test/fixtures/salmonn/beats.other.pt: a BEATs whose configuration says that it is of another kind, with one tensor."""

from pathlib import Path

import torch

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures" / "salmonn"

checkpoint = torch.load(FIXTURES / "beats.pt", weights_only=True)
cfg = {**checkpoint["cfg"], "layer_norm_first": True, "input_patch_size": 8}
name = "encoder.layer_norm.weight"
torch.save({"cfg": cfg, "model": {name: checkpoint["model"][name]}}, FIXTURES / "beats.other.pt")
