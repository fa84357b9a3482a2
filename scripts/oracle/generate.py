"""Decoding as transformers does it, for test/model: generate on the demo model and on a table, and its logits processors.

Run from the repository root: python scripts/oracle/generate.py
Writes into test/fixtures/generate:
  demo.json     greedy and beam search on the demo model: ids and scores for a few clips, instructions and settings. Only
                cases whose ids survive logits disturbed by up to 0.003 are kept: an engine must give the same ids.
  markov.json   beam search on tables "next logits by step and last token". The step is part of it because otherwise two
                paths over the same transitions in another order tie, and the winner is a matter of rounding.
  sampling.json which ids temperature, top-k and top-p leave, with their probabilities; repetition penalty.
"""

import itertools
import json
from pathlib import Path

import numpy
import soundfile
import torch
import transformers
from transformers import AutoTokenizer, GenerationConfig, GenerationMixin, LogitsProcessor, LogitsProcessorList
from transformers import PretrainedConfig, PreTrainedModel, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor
from transformers import WhisperFeatureExtractor
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper
from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper
from transformers.modeling_outputs import CausalLMOutput

OUT = Path("test/fixtures/generate")
DEMO = Path("models/demo")
VERSIONS = {"transformers": transformers.__version__, "torch": torch.__version__}
PAIRS = [  # clip, task, condition: a sure answer, a shaky one, one word, a sound, no instruction
    ("clips/eval/speech-000.flac", "asr", "instruction"),
    ("clips/eval/speech-003.flac", "s2tt", "reworded"),
    ("clips/eval/speech-007.flac", "gr", "reworded"),
    ("clips/eval/sound-049.flac", "aac", "instruction"),
    ("clips/eval/speech-012.flac", "asr", "none"),
]


class Disturb(LogitsProcessor):
    def __init__(self, seed):
        self.rng = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids, scores):
        return scores + (torch.rand(scores.shape, generator=self.rng) * 2 - 1) * 0.003


def run(model, inputs, settings, processors=()):
    prompt = inputs["input_ids"].shape[1]
    with torch.no_grad():
        out = model.generate(
            **inputs, **settings, do_sample=False, return_dict_in_generate=True, output_scores=True,
            logits_processor=LogitsProcessorList(processors),
        )
    ids = out.sequences[0, prompt:].tolist()
    eos = set(numpy.atleast_1d(model.generation_config.eos_token_id).tolist())
    end = next((i + 1 for i, id in enumerate(ids) if id in eos), len(ids))
    beams = settings.get("num_beams", 1) > 1
    return ids[:end], float(out.sequences_scores[0]) if beams else None


def demo():
    folder = DEMO / "model"
    model = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    template = json.loads((folder / "chat_template.json").read_text())["chat_template"]
    processor = Qwen2AudioProcessor(
        feature_extractor=WhisperFeatureExtractor.from_pretrained(folder), tokenizer=AutoTokenizer.from_pretrained(folder),
        chat_template=template,
    )
    answers = json.loads((DEMO / "expected.json").read_text())["answers"]
    grid = [{"max_new_tokens": 5}, {"max_new_tokens": 40}]
    grid += [{"max_new_tokens": 40, "repetition_penalty": 1.3}, {"max_new_tokens": 40, "min_new_tokens": 12}]
    grid += [
        {"max_new_tokens": most, "num_beams": beams, "length_penalty": penalty, "early_stopping": early}
        for most, beams, penalty, early in itertools.product([5, 40], [2, 4], [0.5, 1.0, 2.0], [True, False, "never"])
    ]
    prompts, dropped = [], 0
    for audio, task, condition in PAIRS:
        answer = next(a for a in answers if (a["audio"], a["condition"]) == (audio, condition) and (condition == "none" or a["task"] == task))
        samples, rate = soundfile.read(DEMO / audio, dtype="float32")
        content = [{"type": "audio", "audio_url": audio}, {"type": "text", "text": answer["prompt"]}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
        inputs = processor(text=text, audio=[samples], sampling_rate=rate, return_tensors="pt")
        cases = []
        for settings in grid:
            ids, score = run(model, inputs, settings)
            if any(run(model, inputs, settings, [Disturb(seed)])[0] != ids for seed in range(3)):
                dropped += 1
                continue
            cases.append({**settings, "ids": ids} | ({"score": score} if score is not None else {}))
        assert run(model, inputs, {"max_new_tokens": 40})[0] == answer["tokens"], (audio, answer)
        prompts.append({"audio": audio, "prompt": answer["prompt"], "prompt_ids": inputs["input_ids"][0].tolist(), "cases": cases})
    return {"reference": {**VERSIONS, "model": "models/demo/model, float32, eager attention", "dropped": dropped}, "prompts": prompts}


class TableConfig(PretrainedConfig):
    model_type = "table"


class TableModel(PreTrainedModel, GenerationMixin):
    config_class = TableConfig

    def __init__(self, table):
        super().__init__(TableConfig(vocab_size=table.shape[-1], is_decoder=True))
        self.table = table
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(self, input_ids=None, attention_mask=None, return_dict=True, **_):
        step = (input_ids.shape[1] - 1) % self.table.shape[0]
        return CausalLMOutput(logits=self.table[step, input_ids[:, -1]][:, None])

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}


def markov():
    rng = numpy.random.default_rng(0)
    tables, cases = [], []
    for name, vocabulary, eos, lift in [("rare end", 12, [3], -1.0), ("likely end", 12, [3], 1.5), ("two ends", 14, [3, 7], 0.5), ("no end", 12, [], 0)]:
        table = rng.normal(0, 2, (6, vocabulary, vocabulary)).round(4)
        table[..., eos] += lift
        table = table.round(4).astype(numpy.float32)
        tables.append({"name": name, "eos": eos, "logits": [[[round(float(x), 4) for x in row] for row in step] for step in table]})
        model = TableModel(torch.from_numpy(table))
        model.generation_config = GenerationConfig(eos_token_id=eos or None, pad_token_id=0, use_cache=False)
        grid = itertools.product([2, 3, 4], [-0.5, 0.0, 0.5, 1.0, 2.0], [True, False, "never"], [1, 5, 17])
        extra = [{}, {"repetition_penalty": 1.3}, {"min_new_tokens": 4}]
        for i, (beams, penalty, early, most) in enumerate(grid):
            settings = {"num_beams": beams, "length_penalty": penalty, "early_stopping": early, "max_new_tokens": most}
            for more in [{}] if i % 4 else extra if eos else extra[:2]:
                if more.get("min_new_tokens", 0) > most:
                    continue
                start = int(rng.integers(vocabulary))
                model.generation_config.eos_token_id = eos or None
                ids, score = run_table(model, start, {**settings, **more}, eos)
                cases.append({"table": len(tables) - 1, "start": start, **settings, **more, "ids": ids, "score": score})
    return {"reference": VERSIONS, "tables": tables, "cases": cases}


def run_table(model, start, settings, eos):
    input_ids = torch.tensor([[start]])
    with torch.no_grad():
        out = model.generate(
            input_ids, attention_mask=torch.ones_like(input_ids), **settings, do_sample=False,
            return_dict_in_generate=True, output_scores=True,
        )
    ids = out.sequences[0, 1:].tolist()
    end = next((i + 1 for i, id in enumerate(ids) if id in eos), len(ids))
    return ids[:end], float(out.sequences_scores[0])


def sampling():
    rng = numpy.random.default_rng(1)
    rows = [rng.normal(0, scale, 24).round(3).astype(numpy.float32) for scale in (0.5, 3, 8)]
    exact = lambda row: [round(float(x), 3) for x in row]
    nothing = torch.zeros((1, 1), dtype=torch.long)
    kept = []
    for row, temperature, k, p in itertools.product(range(3), [0.3, 0.7, 1.0, 2.0], [0, 1, 5, 24, 50], [0.05, 0.5, 0.9, 0.999, 1.0]):
        scores = torch.from_numpy(rows[row])[None]
        scores = TemperatureLogitsWarper(temperature)(nothing, scores)
        scores = TopKLogitsWarper(k)(nothing, scores) if k else scores
        scores = TopPLogitsWarper(p)(nothing, scores) if p < 1 else scores
        left = scores[0].isfinite().nonzero()[:, 0].tolist()
        probabilities = scores[0].softmax(-1)[left].tolist()
        order = sorted(range(len(left)), key=lambda i: (-probabilities[i], left[i]))
        kept.append({
            "row": row, "temperature": temperature, "top_k": k, "top_p": p,
            "ids": [left[i] for i in order], "probabilities": [round(probabilities[i], 8) for i in order],
        })
    penalised = []
    for row, penalty, seen in itertools.product(range(3), [0.8, 1.0, 1.3], [[], [0], [5, 5, 2, 23, 5]]):
        scores = torch.from_numpy(rows[row])[None].clone()
        out = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([seen], dtype=torch.long), scores)[0]
        penalised.append({"row": row, "penalty": penalty, "seen": seen, "logits": [float(x) for x in out]})
    return {"reference": VERSIONS, "rows": [exact(row) for row in rows], "kept": kept, "penalised": penalised}


def write(name, value):
    text = json.dumps(value)
    for key in ('{"audio"', '{"max_new_tokens"', '{"table"', '{"row"', '{"name"', '"cases"'):
        text = text.replace(key, "\n" + key)
    (OUT / name).write_text(text + "\n")


OUT.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
write("sampling.json", sampling())
write("markov.json", markov())
write("demo.json", demo())
