"""A tiny SentencePiece model as Llama's and Vicuna's, and what it makes of texts, for test/text.

Run from the repository root, after text.py: python scripts/oracle/llama_text.py (sentencepiece, tokenizers, transformers)
Writes test/fixtures/text/vicuna/tokenizer.model (trained here on the demo's sentences and on this project's pages),
tokenizer.json beside it (converted as transformers converts Llama's), and test/fixtures/text/vicuna.json: for the texts
of llama.json and more, `literal` by sentencepiece itself, where special tokens' spellings are text; `ids` by the converted
tokenizer, where they are tokens; decoded texts.
"""

import json
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers.convert_slow_tokenizer import generate_merges

OUT = Path("test/fixtures/text")
MORE = [
    "USER: <Speech>", "</Speech> Recognize the speech and give me the transcription.\nASSISTANT:", "USER: <Speech><s></Speech>",
    "<s>USER: <Speech>", "<s> USER", " <s>", "<s><s>", "a<s>b</s>c", "<unk>x", "x <unk> y", "</s>", "▁", "▁▁a", "a▁b", "aaaaaaa", "aaaa aaaa",
    "----------------", "==========", "        return", "\n\n\n\n", "\t\t\t\t", "      ", "0000000", "2024 1999", "hahahahaha", "papapa", "nanana nanana",
]


def corpus():
    answers = json.loads(Path("models/demo/expected.json").read_text())["answers"]
    lines = sorted({answer["text"] for answer in answers} | {answer["prompt"] for answer in answers})
    for page in sorted([*Path("docs").glob("*.md"), *Path(".").glob("*.md")]):
        lines += page.read_text().splitlines()
    # runs, whose pieces overlap: which of two equal merges goes first shows
    return [line for line in lines if line.strip()] + ["aaaa aaaaaaa hahahaha nanana ananas       x\t\t\ty"] * 400


def train(path):
    """Settings as in Llama's tokenizer.model, but for the size."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_prefix=str(path.with_suffix("")), model_type="bpe", vocab_size=1200,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True, split_digits=True,
        byte_fallback=True, character_coverage=0.995, allow_whitespace_only_pieces=True, max_sentence_length=16384,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=1, minloglevel=2,
    )
    path.with_suffix(".vocab").unlink()


def convert(path):
    """As transformers' LlamaConverter with legacy=True, which is how Vicuna's tokenizer.json was made."""
    proto = pb.ModelProto()
    proto.ParseFromString(path.read_bytes())
    vocab = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    merges = generate_merges(vocab, {piece.piece: piece.score for piece in proto.pieces})
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ["<unk>", "<s>", "</s>"]])
    return tokenizer


def main():
    folder = OUT / "vicuna"
    folder.mkdir(parents=True, exist_ok=True)
    train(folder / "tokenizer.model")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    fast = convert(folder / "tokenizer.model")
    (folder / "tokenizer.json").write_text(fast.to_str())
    texts = [case["text"] for case in json.loads((OUT / "llama.json").read_text())["cases"]]
    cases, differ = [], []
    for text in dict.fromkeys(texts + MORE):
        ids, literal = fast.encode(text, add_special_tokens=False).ids, pieces.encode(text)
        plain, special = (fast.decode(ids, skip_special_tokens=skip) for skip in (True, False))
        cases.append({
            "text": text, "ids": ids, "literal": literal, "decoded": plain, "decodedSpecial": special,
            "decodedLiteral": pieces.decode(literal),
        })
        if ids != literal:
            differ.append(text)
    versions = {"sentencepiece": sentencepiece.__version__, "tokenizers": tokenizers.__version__, "transformers": transformers.__version__}
    data = {"versions": versions, "cases": cases}
    (OUT / "vicuna.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace('},{"', '},\n{"') + "\n")
    print(len(cases), "cases; not as sentencepiece without special tokens:", differ)


main()
