"""Writes test/fixtures/masks: files of torch.save, harmless and hostile, for the reader of published masks.

Run from the project's root: python scripts/oracle/masks.py (torch 2.13.0; the pickles are the same whatever the version).
mask.pth, mask.torch2.pth and mask_runner.pth, already there, are a mask of 4 layers x 8 heads as the authors of AHAMask
publish them (torch 1.x, torch 2.x, and a whole training state); expected.json has its logits.

  values.PROTOCOL.pth  a dict of every plain value and of tensors of every element type, by pickle protocol
  zip64.pth            mask.pth with every size and offset in zip64 records
  deflated.pth         mask.pth compressed
  legacy.pth           mask.pth in the layout before PyTorch 1.6
  evil.NAME.pth        files that would call the function NAME; ours must never do so
"""

import collections
import io
import json
import os
import pathlib
import zipfile

import torch

OUT = pathlib.Path("test/fixtures/masks")


def values() -> dict:
    return {
        "none": None, "yes": True, "no": False, "int": -7, "word": 70000, "long": 2**40, "huge": -(2**70), "float": 0.25,
        "text": "père", "bytes": b"\x00\xff", "list": [1, [2, []]], "tuple": (1, 2, 3, 4), "set": {5},
        "ordered": collections.OrderedDict(b=1, a=2), 3: "three", "size": torch.Size([2, 3]), "device": torch.device("cpu"),
        "f64": torch.tensor([0.5, -2], dtype=torch.float64), "f32": torch.tensor([[1.0, 2, 3], [4, 5, 6]]),
        "f16": torch.tensor([0.5, -2], dtype=torch.float16), "bf16": torch.tensor([0.5, -2], dtype=torch.bfloat16),
        "i64": torch.tensor([1, -2]), "i32": torch.tensor([1, -2], dtype=torch.int32),
        "i16": torch.tensor([1, -2], dtype=torch.int16), "i8": torch.tensor([1, -2], dtype=torch.int8),
        "u8": torch.tensor([1, 254], dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "transposed": torch.arange(6.0).view(2, 3).t(), "slice": torch.arange(6.0)[2:5], "scalar": torch.tensor(3.5),
        "expanded": torch.tensor([9.0]).expand(2, 2), "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.tensor([7.0])),
    }  # fmt: skip


class Call:
    """Pickles as the call function(*args)."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def repack(name: str, **options) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(OUT / "mask.pth") as old, zipfile.ZipFile(out, "w", **options) as new:
        for entry in old.infolist():
            info = zipfile.ZipInfo(entry.filename)
            info.compress_type = new.compression
            new.writestr(info, old.read(entry))
    (OUT / name).write_bytes(out.getvalue())


mask = torch.load(OUT / "mask.pth", weights_only=True)
json.dump({"logits": mask["model"]["tensor"].tolist()}, (OUT / "expected.json").open("w"))
torch.save(mask, OUT / "legacy.pth", _use_new_zipfile_serialization=False)
for protocol in (2, 3, 4, 5):
    torch.save(values(), OUT / f"values.{protocol}.pth", pickle_protocol=protocol)
repack("deflated.pth", compression=zipfile.ZIP_DEFLATED)
zipfile.ZIP64_LIMIT = 1
zipfile.ZIP_FILECOUNT_LIMIT = 1
repack("zip64.pth")

evil = {
    "system": Call(os.system, "touch evil-was-here"),
    "eval": Call(eval, "1 + 1"),
    "getattr": [1, {"nested": Call(getattr, Call(__import__, "os"), "system")}],
    "load": Call(torch.load, "other.pth"),
}
for name, value in evil.items():
    torch.save({"model": {"tensor": value}}, OUT / f"evil.{name}.pth", pickle_protocol=2)
    torch.save({"model": {"tensor": value}}, OUT / f"evil.{name}.4.pth", pickle_protocol=4)
