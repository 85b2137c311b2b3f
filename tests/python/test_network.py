# SPDX-License-Identifier: MIT
"""torch modules and Keras models: what they answer, libmodel answers

Both go through ONNX.  torch is needed for the first part, Keras 3 with what its exporter wants
for the second; neither is in requirements.txt, because of their size.
"""
import numpy as np
import pytest

import mdl

rng = np.random.default_rng(8)


def numbers(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def proven(source, sample):
    """Converted, which compares; near again after a file; the sample is in it."""
    made = mdl.load(mdl.convert(source, sample=sample).to_bytes())
    assert made.golden.inputs and made.golden.outputs
    for _ in range(2):
        for name, apart in made.check().items():
            assert apart <= 1e-4 * np.abs(made.golden.outputs[name]).max()
    return made


# ---- torch --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nn():
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    return torch.nn


def test_a_perceptron_answers_any_number_of_rows(nn):
    module = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3),
                           nn.Softmax(-1))
    x = numbers(8, 4)
    made = proven(module, x)
    assert module.training and all(part.training for part in module)      # as it was
    assert made.inputs["input"].shape == ("batch", 4)
    assert made.metadata["source"] == "torch" and made.metadata["source_kind"] == "Sequential"
    np.testing.assert_array_equal(made.run({"input": x[:3]})["output"],
                                  made.run({"input": x})["output"][:3])


def test_a_convolutional_network(nn):
    proven(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, stride=2, groups=2), nn.GELU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)),
           numbers(4, 3, 16, 16))


def test_an_lstm_gives_all_that_it_gives(nn):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(5, 7, num_layers=2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(14, 3)

        def forward(self, x):
            y, (h, c) = self.lstm(x)
            return self.head(y), h, c

    made = proven(Network(), numbers(4, 9, 5))
    assert [made.golden.outputs[name].shape for name in made.outputs] == [
        (4, 9, 3), (4, 4, 7), (4, 4, 7)]


def test_a_transformer_encoder(nn):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 16)
            layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)

        def forward(self, ids):
            return self.encoder(self.embed(ids))

    proven(Network(), rng.integers(0, 50, (3, 6)))


def test_inputs_go_by_name_and_a_dict_comes_back(nn):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 2)

        def forward(self, x, scale, bias=None):
            y = self.linear(x) * scale
            return {"logits": y, "best": y.argmax(1)}

    for sample in ((numbers(4, 6), numbers(4, 1)), {"x": numbers(4, 6), "scale": numbers(4, 1)}):
        made = proven(Network(), sample)
        assert list(made.inputs) == ["x", "scale"] and list(made.outputs) == ["logits", "best"]


def test_doubles_stay_doubles(nn):
    made = proven(nn.Linear(3, 2).double(), rng.standard_normal((3, 3)))
    assert made.outputs["output"].dtype == np.float64


def test_a_module_without_a_sample_is_told_to_give_one(nn):
    with pytest.raises(mdl.DataError, match="sample="):
        mdl.convert(nn.Linear(3, 2))


def test_a_module_that_torch_cannot_export_says_why(nn):
    class Network(nn.Module):
        def forward(self, x):
            return {"text": "no tensor", "x": x}

    with pytest.raises(mdl.UnsupportedError, match="str"):
        mdl.convert(Network(), sample=numbers(2, 3))


# ---- Keras --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("keras")
    needed = pytest.importorskip("keras.src.backend").backend()
    for name in {"torch": ["onnx", "onnxscript"], "tensorflow": ["tf2onnx"]}.get(needed, ["tf2onnx"]):
        pytest.importorskip(name)
    import keras
    return keras


def test_a_keras_model_of_layers_in_a_row(keras):
    layers = keras.layers
    proven(keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(8, 3, activation="relu"),
                             layers.MaxPooling2D(), layers.BatchNormalization(), layers.Flatten(),
                             layers.Dropout(0.5), layers.Dense(4, activation="softmax")]),
           numbers(3, 12, 12, 3))


def test_a_keras_model_of_two_inputs_and_outputs(keras):
    layers = keras.layers
    a, b = keras.Input((4,)), keras.Input((6,))
    both = layers.Concatenate()([a, b])
    made = proven(keras.Model([a, b], [layers.Dense(2)(both), layers.Dense(3)(b)]),
                  [numbers(5, 4), numbers(5, 6)])
    assert [one.shape for one in made.golden.outputs.values()] == [(5, 2), (5, 3)]


def test_a_keras_model_without_a_sample_is_told_to_give_one(keras):
    with pytest.raises(mdl.DataError, match="sample="):
        mdl.convert(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
