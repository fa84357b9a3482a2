"""Gates as AHAMask's own code drew them, for test/mask/gumbel.test.ts.

Run from the repository root: python scripts/oracle/gumbel.py GOLDEN
GOLDEN holds a run of the published SALMONN code on a tiny random model (transformers 4.28.0, torch 1.13.0a0, tau 1.7):
logits [36] of 4 layers x (8 heads + 1 unused slot), the noise of two samples, and the weights that came of it.
Writes test/fixtures/gumbel.safetensors, the unused slots dropped: logits [4, 8], noise, hard and soft [2, 4, 8],
sigmoid [4, 8] (torch.sigmoid of the logits, where no noise is used).
"""

import sys

import torch
from safetensors.torch import load_file, save_file

TAU = 1.7
golden = load_file(sys.argv[1])


def heads(name):
    return golden[name].reshape(-1, 4, 9)[:, :, :8].contiguous()


logits = heads("mask.logits")[0].contiguous()
noise, hard, soft = (heads(f"batch.{name}") for name in ("gumbel.noise", "gumbel.weights", "gumbelsoft.weights"))
assert torch.allclose(torch.sigmoid((logits + noise) / TAU), soft, atol=1e-6), "another noise or tau"
save_file(
    {"logits": logits, "noise": noise, "hard": hard, "soft": soft, "sigmoid": torch.sigmoid(logits)},
    "test/fixtures/gumbel.safetensors",
    metadata={"tau": str(TAU), "torch": torch.__version__},
)
