"""Ten steps of mask learning in PyTorch, for test/mask/ten-steps.test.ts.

Run from the repository root: python scripts/oracle/learn.py
The model is the tiny Qwen2-Audio of test/fixtures/qwen2audio/mha (f32, eager attention), fed with the embeddings, audio
among the words, that its goldens hold. The head gates are a forward pre-hook on each o_proj. What is random comes from the
same counters as src/mask/noise.ts: Philox4x32-10, written here once more. Everything else is PyTorch's own: autograd
through straight-through gates, cross_entropy, AdamW.
Writes test/fixtures/learn/ten-steps.json: settings, and of each step the loss, the penalty, the norm of the gradient and
the logits after it.
"""

import json
import math
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import Qwen2AudioForConditionalGeneration

MODEL = Path("test/fixtures/qwen2audio/mha")
OUT = Path("test/fixtures/learn/ten-steps.json")
SAMPLES = ["s0", "s1", "multi"]
SETTINGS = {
    "steps": 10,
    "batch": 4,  # more than there are samples: a batch crosses an epoch's end
    "rate": {"start": 1e-6, "peak": 0.1, "end": 1e-3, "warmup": 0.2},
    "tau": {"start": 4, "end": 0.5, "share": 0.5},
    "lambda": 1e-2,
    "gates": "hard",
    "init": {"mean": 1, "std": 0.5},
    "seed": 7,
}


def philox(counter, seed):
    """Salmon et al., SC 2011: ten rounds over four 32-bit words; the key is (seed, 0)."""
    a, b, c, d = counter
    k0, k1 = seed, 0
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & 0xFFFFFFFF, (p >> 32) ^ d ^ k1, p & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


assert philox((0, 0, 0, 0), 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)  # Random123's kat_vectors


def uniforms(seed, place, count):
    words = [w for block in range(math.ceil(count / 4)) for w in philox((block, *place), seed)]
    return [(w + 0.5) / 2**32 for w in words[:count]]


def gate_noise(seed, step, sample, count):
    return torch.tensor([math.log(-math.log(u)) for u in uniforms(seed, (sample, step, 0), count)])


def initial_logits(seed, count, mean, std):
    u = uniforms(seed, (0, 0, 1), 2 * count)
    pairs = zip(u[::2], u[1::2])
    return torch.tensor([mean + std * math.sqrt(-2 * math.log(a)) * math.cos(2 * math.pi * b) for a, b in pairs])


def shuffled(seed, epoch, count):
    u = uniforms(seed, (0, epoch, 2), count)
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = math.floor(u[i] * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def rate_at(rate, step, steps):
    rising = round(rate["warmup"] * steps)
    if step < rising:
        return rate["start"] + (rate["peak"] - rate["start"]) * step / rising
    return rate["end"] + (rate["peak"] - rate["end"]) * 0.5 * (1 + math.cos(math.pi * step / steps))


def tau_at(tau, step, steps):
    falling = tau["share"] * steps
    return tau["start"] + (tau["end"] - tau["start"]) * step / falling if step < falling else tau["end"]


def main():
    model = Qwen2AudioForConditionalGeneration.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    model.requires_grad_(False)
    decoder = next(m for name, m in model.named_modules() if name.endswith("language_model"))
    layers = decoder.layers if hasattr(decoder, "layers") else decoder.model.layers
    config = model.config.text_config
    heads, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    golden = load_file(MODEL / "golden.safetensors")
    gates = None  # [L, H] of the sample that runs

    def gate(layer):
        return lambda _, args: ((args[0].unflatten(-1, (heads, width)) * gates[layer][:, None]).flatten(-2),)

    for l, layer in enumerate(layers):
        layer.self_attn.o_proj.register_forward_pre_hook(gate(l))

    def losses(sample):
        """Cross-entropy of each answer token of a sample, under `gates`."""
        embeds, labels = golden[f"{sample}.merged_embeds"], golden[f"{sample}.merged_labels"].long()
        logits = model(inputs_embeds=embeds, use_cache=False).logits[0, :-1]
        targets = labels[0, 1:]
        return torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100, reduction="none")[targets != -100]

    gates = golden["mask.binary"]
    want = golden["s0.loss.binary"].item()
    assert abs(losses("s0").mean().item() - want) < 1e-5, "the hook or the embeddings are not the golden's"

    s = SETTINGS
    shape = (len(layers), heads)
    count = shape[0] * shape[1]
    logits = torch.nn.Parameter(initial_logits(s["seed"], count, s["init"]["mean"], s["init"]["std"]))
    adam = torch.optim.AdamW([logits], betas=(0.9, 0.999), weight_decay=0)
    steps = []
    for step in range(s["steps"]):
        for group in adam.param_groups:
            group["lr"] = rate_at(s["rate"], step, s["steps"])
        tau = tau_at(s["tau"], step, s["steps"])
        adam.zero_grad()
        token_losses, on = [], []
        for b in range(s["batch"]):
            i = step * s["batch"] + b
            sample = SAMPLES[shuffled(s["seed"], i // len(SAMPLES), len(SAMPLES))[i % len(SAMPLES)]]
            raw = logits + gate_noise(s["seed"], step, b, count)
            assert raw.abs().min() > 1e-4, "a gate on the edge: rounding would decide it; take another seed"
            soft = torch.sigmoid(raw / tau)
            hard = (soft > 0.5).float()
            gates = (hard - soft.detach() + soft).reshape(shape)
            token_losses.append(losses(sample))
            on.append(gates.sum())
        loss = torch.cat(token_losses).mean()
        penalty = s["lambda"] * torch.stack(on).mean()
        (loss + penalty).backward()
        norm = logits.grad.norm().item()
        adam.step()
        steps.append({"loss": loss.item(), "penalty": penalty.item(), "gradientNorm": norm, "logits": logits.tolist()})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"versions": versions, "model": str(MODEL), "samples": SAMPLES, "settings": s, "steps": steps}, indent=1) + "\n")
    print([round(x["loss"], 4) for x in steps])


main()
