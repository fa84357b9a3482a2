"""Normalised texts and scores of the reference packages, for test/tasks.

Run from the repository root: python scripts/oracle/metrics.py
Writes test/fixtures/metrics/{normalizer,edits,bleu,rouge,meteor}.json, each with the versions that made it. The normalizer
is transformers' with the spellings of src/tasks/british-spellings.json. Edits are counted by nltk.edit_distance. The package
rouge-score is not asked: ROUGE-L is computed here, from its definition (Lin 2004) by a recursion, with that package's tokens.
METEOR is nltk's, with a WordNet that knows no synonyms.
"""

import json
import platform
import random
import re
from functools import cache
from pathlib import Path

import nltk
import sacrebleu
import transformers
from nltk.metrics.distance import edit_distance
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

OUT = Path("test/fixtures/metrics")
VERSIONS = {
    "python": platform.python_version(),
    "transformers": transformers.__version__,
    "sacrebleu": sacrebleu.__version__,
    "nltk": nltk.__version__,
}
TEXTS = [
    "", " ", "  Hello,   World!  ", "set the heat in the bedroom to twenty", "Twenty one", "twenty-one", "one oh one", "One.", "ones and twos",
    "I owe you $5 million.", "five million dollars", "$20 million", "two dollars and seven cents", "$2 and ¢7", "$0.05", "five cents", "zero dollars",
    "three pounds fifty", "£3.50 or 4 euros", "¢99", "it is 50% off", "fifty percent", "fifty per cent", "per cent", "five per person", "100 %",
    "one hundred and twenty three", "two thousand and twenty six", "twenty twenty six", "nineteen eighty four", "nineteen oh five", "one two three four",
    "double seven", "double oh seven", "triple nine five", "double trouble", "triple eleven", "three point one four", "point five", "the point is five",
    "point taken", "two and a half million", "two and a half", "and a half", "dogs and a half", "5 and a half hours", "one and two", "minus five", "negative one point five",
    "plus or minus", "plus ten", "a positive result", "minus double six", "the first of may", "twenty first", "twenty-first century", "ninth and nineth", "the fifties", "nineteen sixties",
    "1960s 274th 32nd 1 st", "one hundredth", "three hundreds", "two millions", "hundred thousand", "three hundred thousand and five", "1,234,567.89",
    "192.168.0.1", "3.0 and 007", "1.5 million", "1.55 hundred", "1.234 hundred", "point five million", "three point million", "one thousand million", "0 hundred", "zero hundredth", "oh million",
    "nine nonillion decillion", "twelve thirteen", "thirty twelve", "one eleven", "hundred eleven", "hundred thirty", "hundred one hundred", "seven eighty", "seventy eight nine",
    "five six sevens", "twenty sixes", "one two hundredths", "1.5 thousandth", "1.234 tenths thousandths", "oh sixties", "1.2.3 $4.5 $", "ten. 5. five", "one. two", "a.m. and p.m.", "U.S.A.", "v1.2", "covid19 b2b",
    "I can't, won't, and don't; let's go!", "ain't y'all gonna wanna? gotta imma i'ma", "woulda coulda shoulda ma'am", "He'd been there; she's gone; it's got to be; he'd done",
    "they're we'll I've I'm she'd you're it's John's", "shouldn't've can't've", "the cat 's tail", "' quoted ' text", "‘curly’ don’t", "'tis 't", "rock 'n' roll",
    "Mr. Smith and Mrs. Jones", "Dr Who, St. Paul, Prof. X", "Lt. Col. Sen. Gov. Jr. Sr.", "st's mr's", "um, uh, hmm, mm, mhm, mmm well", "ummm uhh", "ümm émm um",
    "[noise] hello <unk> (laughs) there", "(unclosed hello", "a () b", "[a] b [c] <d> (e (f) g)", "<<a>> [[b]]",
    "The colour of the centre was grey", "analyse organisation theatre cheque storey", "favourite neighbour's travelled programme", "aluminium pyjamas", "gauge glamour archaeology",
    "naïve café résumé Ångström", "Œuvre œsophagus Øre æther straße ẞ Đ ð Þorn Łódź", "e\u0301 n\u0303", "ﬁne ﬀ x² ½ ³", "snow—man…ok", "#1 @home & co.", "a_b c-d e/f", "50€ 3$ 4£", "€ $ £ ¢ % .",
    "a$b 3%x %5 .5 5. $.5", "今天天气很好。", "你好，world！ 三", "Привет, мир! 1я ё", "ΣΟΦΟΣ", "İstanbul", "नमस्ते", "🙂 smile 👍🏽", "nbsp\u00a0here\u3000there", "line\nbreak.\nnext\ttab",
    "1 1s 11 one's ones", "one's ones'", "o o o", "oh no oh one", "okay o'clock five o'clock", "a hundred and one dalmatians", "thousand and", "and and and", "hundred and and five", "per per cent five per cent",
    "dollars dollars five dollars five", "five dollars and five cents", "$5 and 7 cents", "minus five dollars", "$ five", "$0 05 $0.5", "$1 $1.00 1.00", "seconds second third thirds", "zeroth zeros",
]
NUMBERS = (
    "one two six eight ten eleven nineteen twenty ninety hundred thousand million oh zero o and point double triple per cent percent dollars cents euro pounds minus plus "
    "first second twelfth eighth twenties thirtieth hundreds thousandth sixes 5 12 3.5 7.0 $4 ¢9 £2.50 007 0 1 1s half a house years 20th 1960s %"
).split()


def texts():
    rng = random.Random(0)
    return TEXTS + [" ".join(rng.choices(NUMBERS, k=rng.randrange(2, 9))) for _ in range(400)]


PAIRS = [
    ("set the heat in the bedroom to twenty", "set the heat in the bedroom to twenty"), ("play music", "play jazz music in the garden"), ("", "open the door"), ("", ""),
    ("hello there", ""), ("a a a a", "a"), ("a", "a a a a"), ("the cat sat on the mat", "on the mat the cat sat"), ("Hello, World!", "hello world"), ("The quick, brown fox.", "the quick brown fox jumps."),
    ("he obeys the commands of the party, always", "the party's command is always obeyed by him"), ("running runners ran easily", "the runner runs with ease"), ("the dogs are barking loudly in the garden", "a dog barks loud in a garden"),
    ("die and dying, flies and skies", "dies dyed fly sky"), ("twenty one dollars", "21 dollars"), ("I can't go", "I cannot go"), ("$5.00, 3-4 and 1,000.5", "$5.00 and 3-4, 1,000.50"), ("&quot;a &amp; b&quot; <skipped>", '"a & b"'),
    ("stelle die heizung im schlafzimmer auf zwanzig", "stelle die Heizung im Schlafzimmer auf zwanzig"), ("Grüße aus München", "Grüsse aus München"), ("今天天气很好。", "今天的天气非常好。"), ("我有3.5个苹果 and pears", "我有3个苹果和pears"),
    ("“引号” — 破折号…", "“引号”—破折号"), ("𠮷野家 ０１２", "吉野家 ０１２"), ("a - b -\nc", "a - b c"), ("  lead and trail  ", "lead and trail"), ("x y z", "a b c"), ("one two three four five six", "one two three five four six"),
]
CORPORA = {"all": PAIRS, "western": PAIRS[:1] + PAIRS[4:20], "short": [("a b", "a b")], "nothing": [("x y z w", "a b c d")], "empty": [("", "a b")], "zh": PAIRS[20:24], "one": [("the cat sat on the mat today", "the cat sat on a mat today")]}


def write(name, data):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps({"versions": VERSIONS, **data}, ensure_ascii=False, indent=1) + "\n")


def normalizer():
    lines = json.loads(Path("src/tasks/british-spellings.json").read_text())
    pairs = [pair.split("=") for line in lines["pairs"] + lines["added"] for pair in line.split()]
    return EnglishTextNormalizer(dict(pairs))


def edits(normalize):
    rows = []
    for hypothesis, reference in PAIRS:
        h, r = normalize(hypothesis).strip(), normalize(reference).strip()
        words = [edit_distance(h.split(), r.split()), len(r.split())]
        rows.append({"hypothesis": hypothesis, "reference": reference, "words": words, "characters": [edit_distance(h, r), len(r)]})
    return rows


def bleu(pairs, tokenizer):
    metric = sacrebleu.BLEU(tokenize=tokenizer)
    found = metric.corpus_score([h for h, _ in pairs], [[r for _, r in pairs]])
    tokens = [[metric.tokenizer(text.rstrip()).split() for text in pair] for pair in pairs]
    return {"score": found.score, "precisions": found.precisions, "brevityPenalty": found.bp, "lengths": [found.sys_len, found.ref_len], "tokens": tokens}


def rouge(hypothesis, reference):
    h, r = (re.findall("[a-z0-9]+", text.lower()) for text in (hypothesis, reference))

    @cache
    def lcs(i, j):
        if i == 0 or j == 0:
            return 0
        return lcs(i - 1, j - 1) + 1 if h[i - 1] == r[j - 1] else max(lcs(i - 1, j), lcs(i, j - 1))

    common = lcs(len(h), len(r))
    return 0.0 if common == 0 else 2 * common / (len(h) + len(r))


class NoSynonyms:
    def synsets(self, word):
        return []


def meteor(hypothesis, reference):
    h, r = (re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower()) for text in (hypothesis, reference))
    return single_meteor_score(r, h, wordnet=NoSynonyms())


def stems():
    words = set(re.findall("[a-z]+", Path("src/tasks/british-spellings.json").read_text()))
    paper = Path(nltk.stem.porter.__file__).read_text()
    words |= set(re.findall("[a-z]+", paper))
    ends = "s es ies ied ing ed eed ly ation ational izer fulness ness ment ement ion y ogi alli fulli logy iviti ability e ll".split()
    stems = "a b dy tr sk y yy fl hop fall fiz relat conflat bl siz control sens form electr adopt spy enjoy happ radic hope ski archeo".split()
    words |= {stem + end for stem in stems for end in ends}
    stemmer = PorterStemmer()
    return {word: stemmer.stem(word) for word in sorted(words)}


def main():
    normalize = normalizer()
    write("normalizer", {"cases": [[text, normalize(text)] for text in texts()]})
    write("edits", {"pairs": edits(normalize)})
    write("bleu", {"corpora": {name: {"pairs": pairs, "13a": bleu(pairs, "13a"), "zh": bleu(pairs, "zh")} for name, pairs in CORPORA.items()}})
    write("rouge", {"pairs": [{"hypothesis": h, "reference": r, "f1": rouge(h, r)} for h, r in PAIRS]})
    write("meteor", {"pairs": [{"hypothesis": h, "reference": r, "score": meteor(h, r)} for h, r in PAIRS], "stems": " ".join(f"{w}={s}" for w, s in stems().items())})


main()
