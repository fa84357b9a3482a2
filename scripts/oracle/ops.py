"""Writes test/fixtures/ops.safetensors: every op on small random inputs, as PyTorch computes it in float64.

Run from the project's root: python scripts/oracle/ops.py (torch, safetensors, transformers for the rotary embedding).
Results are stored as F32 (rounded once), integers as I32.
"""

import safetensors
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

SEED = 20261123
random = torch.Generator().manual_seed(SEED)
out: dict[str, torch.Tensor] = {}


def put(op: str, **tensors: torch.Tensor) -> None:
    for name, t in tensors.items():
        out[f"{op}.{name}"] = t.to(torch.float32 if t.is_floating_point() else torch.int32).contiguous()


def normal(*shape: int) -> torch.Tensor:
    """float64 numbers that an F32 holds exactly, as the reference will read them."""
    return torch.randn(*shape, generator=random).double()


def heads(x: torch.Tensor, n: int) -> torch.Tensor:
    return x.view(x.shape[0], n, -1).transpose(0, 1)  # [T, n·D] → [n, T, D]


def attend(q, k, v, causal: bool, gates=None) -> torch.Tensor:
    """[T, H·D]: two query heads a key/value head, D 4; with `causal` the last query sees the last key."""
    q, k, v = heads(q, 4), heads(k, 2), heads(v, 2)
    bias = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[1]) if causal else None
    z = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, enable_gqa=True)
    if gates is not None:
        z = z * gates.view(-1, 1, 1)
    return z.transpose(0, 1).reshape(q.shape[1], -1)


x, w, bias, residual = normal(3, 5), normal(4, 5), normal(4), normal(3, 4)
y = F.linear(x, w, bias)
put("matmul", x=x, w=w, bias=bias, residual=residual, y=y, gelu=F.gelu(y) + residual)

grid = torch.linspace(-6, 6, 97).float().double()
put("erf", x=grid, y=torch.erf(grid), gelu=F.gelu(grid))

x, w, bias = normal(7, 3), normal(2, 3, 3), normal(2)
for stride in (1, 2):
    y = F.gelu(F.conv1d(x.T[None], w, bias, stride=stride, padding=1))[0].T
    put("conv1d", **{f"y{stride}": y})
put("conv1d", x=x, w=w.transpose(1, 2).reshape(2, 9), bias=bias)

table, ids = normal(6, 3), torch.tensor([5, 0, 3, 3])
put("embed", table=table, ids=ids, y=F.embedding(ids, table))

x, weight, bias = normal(3, 5), normal(5), normal(5)
put("norm", x=x, weight=weight, bias=bias)
put("norm", rms=F.rms_norm(x, (5,), weight, 1e-6), layer=F.layer_norm(x, (5,), weight, bias, 1e-5))

x, positions = normal(3, 2 * 8), torch.tensor([0, 7, 1200])
frequency = 10000.0 ** (-torch.arange(0, 8, 2).double() / 8)
angles = (positions[:, None] * frequency).repeat(1, 2)
turned, _ = apply_rotary_pos_emb(heads(x, 2)[None], heads(x, 2)[None], angles.cos()[None], angles.sin()[None])
put("rope", x=x, positions=positions, y=turned[0].transpose(0, 1).reshape(3, 16))

q, k, v, gates = normal(3, 16), normal(5, 8), normal(5, 8), torch.tensor([1.0, 0.0, 0.25, -1.0]).double()
put("attention", q=q, k=k, v=v, gates=gates, whole=attend(q, k, v, False), causal=attend(q, k, v, True))
put("attention", gated=attend(q, k, v, True, gates))
put("decode", y=attend(q[:1], k[[4, 0, 2]], v[[4, 0, 2]], False, gates))

x = normal(3, 10)
gate, up = x.chunk(2, -1)
put("swiglu", x=x, y=F.silu(gate) * up)

x = normal(7, 3)
put("pool", x=x, y=F.avg_pool1d(x.T[None], 2, 2)[0].T)

x = normal(3, 11)
values, found = x.topk(4)
put("top-k", x=x, values=values, ids=found, lse=x.logsumexp(-1), argmax=x.argmax(-1))

save_file(
    out,
    "test/fixtures/ops.safetensors",
    metadata={
        "source": "scripts/oracle/ops.py",
        "seed": str(SEED),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "safetensors": safetensors.__version__,
    },
)
