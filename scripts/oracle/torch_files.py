"""Writes test/fixtures/torch: state dicts that torch.save wrote in its ways, for the reader of weights.

Run from the project's root: python scripts/oracle/torch_files.py (torch 2.13.0).

  views.pth         views with strides; NAME.rows holds the same elements as NAME, row by row, in a storage of its own
  views.legacy.pth  the same in the layout before PyTorch 1.6
  no_crc.pth        tensor = 0, 1, ... 5, saved with check sums turned off
"""

import pathlib

import torch

OUT = pathlib.Path("test/fixtures/torch")
OUT.mkdir(exist_ok=True)


def ramp(*shape, dtype=torch.float32):
    return torch.arange(torch.Size(shape).numel(), dtype=dtype).view(shape)


weight = ramp(6, 10)
views = {
    "transposed.f16": ramp(5, 7, dtype=torch.float16).t(), "transposed.bf16": ramp(5, 7, dtype=torch.bfloat16).t(),
    "transposed.f64": ramp(5, 7, dtype=torch.float64).t(), "transposed.i64": ramp(5, 7, dtype=torch.int64).t() - 2**40,
    "transposed.i8": ramp(5, 7, dtype=torch.int8).t(), "transposed.bool": (ramp(5, 7) % 3 == 0).t(),
    "permuted": ramp(2, 3, 4).permute(2, 0, 1), "ones": ramp(3, 1, 4).permute(2, 1, 0),
    "weight": weight, "tied": weight, "rows": weight[2:4], "columns": weight[:, 3:7], "column": weight[:, 1],
    "steps": weight[1::2, 2:9:3], "diagonal": weight.diagonal(), "element": weight[1, 2], "none": weight[:, :0],
    "expanded": ramp(1, 3).expand(4, 3), "expanded.inner": ramp(3, 1).expand(3, 5), "expanded.scalar": torch.tensor(7).expand(2, 2),
    "overlapping": ramp(10).unfold(0, 4, 2), "scalar": torch.tensor(3.5),
}  # fmt: skip
state = views | {f"{name}.rows": view.clone(memory_format=torch.contiguous_format) for name, view in views.items()}
torch.save(state, OUT / "views.pth")
torch.save(state, OUT / "views.legacy.pth", _use_new_zipfile_serialization=False)
torch.serialization.set_crc32_options(False)
torch.save({"tensor": ramp(6)}, OUT / "no_crc.pth")
