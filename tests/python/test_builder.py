# SPDX-License-Identifier: MIT
"""Builder: oblivious trees, told by their levels, beside the same trees told by their nodes and
beside a walk in numpy that knows neither."""
import numpy as np
import pytest

import mdl
from mdl import _lib

COLS, ROWS = 4, 500
LEFT = _lib.NODE_NAN_DEFAULT | _lib.NODE_DEFAULT_LEFT
RIGHT = _lib.NODE_NAN_DEFAULT
NO_RULE = 0                                     # NaN fails every comparison
RULES = np.array([LEFT, RIGHT, NO_RULE])


def make_tree(random, depth, width):
    """Levels and leaves; category questions on column 3 alone."""
    feature = random.integers(0, COLS, depth)
    asks = feature == COLS - 1
    flags = RULES[random.integers(0, 3, depth)] | np.where(
        asks, _lib.NODE_CATEGORY | _lib.NODE_SET_LEFT * random.integers(0, 2, depth),
        _lib.NODE_NUMBER)
    return dict(flags=flags, feature=feature, threshold=np.round(random.normal(size=depth), 1),
                value=random.normal(size=(1 << depth, width)),
                cover=random.integers(1, 50, 1 << depth),
                set_start=np.concatenate([[0], np.cumsum(asks)]),
                set_words=random.integers(0, 1 << 20, asks.sum()))


def by_nodes(tree):
    """The same as a heap whose last level are the leaves."""
    depth = len(tree["flags"])
    inner, leaves = (1 << depth) - 1, 1 << depth
    level = np.repeat(np.arange(depth), 1 << np.arange(depth))
    none = np.zeros(leaves, int)
    cover = np.zeros(inner + leaves)
    cover[inner:] = tree["cover"]
    for i in reversed(range(inner)):
        cover[i] = cover[2 * i + 1] + cover[2 * i + 2]
    words = [tree["set_words"][tree["set_start"][at]:tree["set_start"][at + 1]] for at in level]
    return dict(
        flags=np.append(tree["flags"][level], none), feature=np.append(tree["feature"][level], none),
        threshold=np.append(tree["threshold"][level], none), cover=cover,
        left=np.append(2 * np.arange(inner) + 1, none),
        right=np.append(2 * np.arange(inner) + 2, none),
        value=np.concatenate([np.zeros((inner, tree["value"].shape[1])), tree["value"]]),
        leaf_id=np.append(np.zeros(inner, int), np.arange(leaves)),
        set_start=np.cumsum([0] + [len(w) for w in words] + [0] * leaves),
        set_words=np.concatenate([np.zeros(0, int), *words]))


def walk(tree, x):
    """The leaf of each row."""
    leaf = np.zeros(len(x), int)
    for level, flags in enumerate(tree["flags"]):
        cell = x[:, tree["feature"][level]]
        missing = np.isnan(cell)
        if flags & _lib.NODE_CATEGORY:
            word = int(tree["set_words"][tree["set_start"][level]])
            member = np.array([not np.isnan(c) and bool(word >> int(c) & 1) for c in cell])
            right = ~member if flags & _lib.NODE_SET_LEFT else member
        else:
            right = ~(cell <= tree["threshold"][level])
        if flags & _lib.NODE_NAN_DEFAULT:
            right = np.where(missing, not flags & _lib.NODE_DEFAULT_LEFT, right)
        leaf = 2 * leaf + right
    return leaf


def built(trees, width, told):
    b = mdl.Builder()
    x = b.input("x", _lib.F64, COLS)
    b.column(x, COLS - 1, "kind", _lib.COLUMN_CATEGORY)
    node = b.trees(x, compare=_lib.TREES_LE, threshold_type=_lib.F64, leaf_type=_lib.F64,
                   outputs=width, leaf_width=width, base=np.arange(width) - 0.5)
    for i, tree in enumerate(trees):
        if told == "levels":
            b.oblivious_tree(node, iteration=i, weight=0.5, **tree)
        else:
            b.tree(node, iteration=i, weight=0.5, **by_nodes(tree))
    b.output("sum", _lib.OUTPUT_RAW, b.result(node))
    b.output("leaf", _lib.OUTPUT_LEAF, b.result(node, 1))
    return b.to_model()


@pytest.mark.parametrize("width", [1, 3])
def test_levels_nodes_and_a_walk_in_numpy_give_the_same_bits(width):
    random = np.random.default_rng(width)
    trees = [make_tree(random, depth, width) for depth in (6, 1, 0, 8, 5, 3, 6, 6)]
    x = np.round(random.normal(size=(ROWS, COLS)), 1)
    x[:, -1] = random.integers(0, 24, ROWS)
    x[random.random(x.shape) < 0.1] = np.nan
    levels, nodes = built(trees, width, "levels"), built(trees, width, "nodes")

    leaves = np.column_stack([walk(tree, x) for tree in trees])
    sums = np.tile(np.arange(width) - 0.5, (ROWS, 1))
    for tree, leaf in zip(trees, leaves.T):
        sums = sums + 0.5 * tree["value"][leaf]
    assert len(np.unique(leaves[:, 0])) > 20
    for model in (levels, nodes):
        assert np.array_equal(model.apply(x), leaves)
        assert np.array_equal(model.predict_raw(x).reshape(ROWS, width), sums)
    assert np.array_equal(levels.explain(x[:20]).values, nodes.explain(x[:20]).values)
    assert len(levels.to_bytes()) < len(nodes.to_bytes())


def test_flat_and_nested_values_are_the_same_leaves():
    tree = make_tree(np.random.default_rng(0), 3, 2)
    flat = {**tree, "value": tree["value"].ravel().tolist(), "flags": tree["flags"].tolist()}
    assert built([tree], 2, "levels").to_bytes() == built([flat], 2, "levels").to_bytes()


def test_a_tree_without_levels_is_one_leaf():
    none = dict(flags=[], feature=[], threshold=[], value=[4.0])
    b = mdl.Builder()
    node = b.trees(b.input("x", _lib.F32, 1), compare=_lib.TREES_LT, threshold_type=_lib.F32,
                   leaf_type=_lib.F32)
    b.oblivious_tree(node, **none)
    b.output("sum", _lib.OUTPUT_RAW, b.result(node))
    assert b.to_model().predict([[1.0], [np.nan]]).tolist() == [4, 4]


GOOD = dict(flags=[1, 1, 1], feature=[0, 1, 2], threshold=[0.5, 1.5, 2.5], value=np.arange(8))


@pytest.mark.parametrize("changes, said", [
    (dict(value=np.arange(15)), "value has 15 entries, expected 8 for a tree of 3 levels"),
    (dict(cover=np.arange(7)), "cover has 7 entries, expected 8 for a tree of 3 levels"),
    (dict(feature=[0, 1]), "feature has 2 entries, expected 3"),
    (dict(threshold=np.zeros(7)), "threshold has 7 entries, expected 3"),
    (dict(threshold=[0, np.nan, 0]), "NaN"), (dict(feature=[0, 1, 4]), "column 4 of 4"),
    (dict(feature=[0, 1, 2.5]), "feature"), (dict(flags=[1, 0, 1]), "of no known kind"),
    (dict(flags=[1] * 31), "flags has 31 levels, expected at most 30"),
    (dict(flags=[1, 2, 1]), "has no set"), (dict(set_start=[0, 0, 1, 1]), "come together"),
    (dict(set_start=[0, 0, 2, 2], set_words=[5]), "set_words has 1 entries, expected 2"),
    (dict(set_start=[0, 0, 1], set_words=[5]), "set_start has 3 entries, expected 4"),
    (dict(value=None), "needs flags, feature, threshold and value"), (dict(output=1), "column 1"),
])
def test_levels_that_do_not_make_a_tree_are_refused_at_once(changes, said):
    b = mdl.Builder()
    node = b.trees(b.input("x", _lib.F64, COLS), compare=_lib.TREES_LE, threshold_type=_lib.F64,
                   leaf_type=_lib.F64)
    with pytest.raises(mdl.Error, match=said):
        b.oblivious_tree(node, **{**GOOD, **changes})


def test_trees_told_by_levels_and_by_nodes_do_not_mix():
    b = mdl.Builder()
    node = b.trees(b.input("x", _lib.F64, COLS), compare=_lib.TREES_LE, threshold_type=_lib.F64,
                   leaf_type=_lib.F64)
    b.oblivious_tree(node, **GOOD)
    with pytest.raises(mdl.Error, match="tree 1 is oblivious and others are not"):
        b.tree(node, flags=[0], left=[0], right=[0], feature=[0], threshold=[0], value=[1])
    with pytest.raises(ValueError, match="node 7 is no ensemble"):
        b.oblivious_tree(7, **GOOD)
