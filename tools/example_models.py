# SPDX-License-Identifier: MIT
"""Put the networks of examples/09_file_types.c and examples/10_voice.c into a folder, out of the
Python packages that they ship in, with something to hear and what ONNX Runtime hears in it.

    python tools/example_models.py FOLDER

    magika.onnx magika.json     kinds of files            vad.onnx   speech
    talk.wav                    four seconds, of which the middle two are a voice
    talk.txt                    the probability of speech of each chunk of 512 samples
"""
import shutil
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
from onnx_real import CHUNK, CONTEXT, MAGIKA, RATE, package, voice                 # noqa: E402


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package("magika", f"{MAGIKA}/model.onnx"), folder / "magika.onnx")
    shutil.copyfile(package("magika", f"{MAGIKA}/config.min.json"), folder / "magika.json")
    shutil.copyfile(package("silero_vad", "data/silero_vad.onnx"), folder / "vad.onnx")
    samples = (voice() * 32767).astype("<i2")
    with wave.open(str(folder / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    np.savetxt(folder / "talk.txt", heard(folder / "vad.onnx", samples), "%.6f")


def heard(model, samples):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    sound = np.concatenate([np.zeros(CONTEXT, np.float32), samples.astype(np.float32) / 32768,
                            np.zeros(-len(samples) % CHUNK, np.float32)])
    state, made = np.zeros((2, 1, 128), np.float32), []
    for at in range(0, len(sound) - CONTEXT, CHUNK):
        probability, state = session.run(["output", "stateN"], {
            "input": sound[None, at:at + CONTEXT + CHUNK], "state": state,
            "sr": np.array(RATE, np.int64)})
        made.append(probability[0, 0])
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]))
