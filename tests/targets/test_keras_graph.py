"""Nodes that compute the same are read as one, whoever would merge them later."""

import pytest

from edgebench.targets.keras_graph import without_duplicates

tf = pytest.importorskip("tensorflow")


def inputs_of(make):
    graph = tf.Graph()
    with graph.as_default():
        make(tf.compat.v1.placeholder(tf.float32, [4], "x"))
    return {node.name: list(node.input) for node in without_duplicates(graph.as_graph_def()).node}


def test_whoever_comes_first_by_name_is_read_by_all():
    def make(x):
        first, second = tf.nn.relu(x, name="b"), tf.nn.relu(x, name="a")
        tf.add(first, second, name="sum")

    assert inputs_of(make)["sum"] == ["a", "a"]


def test_what_reads_equal_nodes_is_equal_too():
    def make(x):
        ends = [
            tf.nn.relu(tf.add(x, tf.constant(1.0, name=f"one_{i}"), name=f"add_{i}"), name=f"end_{i}") for i in "ba"
        ]
        tf.subtract(*ends, name="difference")

    assert inputs_of(make)["difference"] == ["end_a", "end_a"]


def test_other_results_and_what_is_only_awaited_keep_their_marks():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [4], "x")
        halves = [tf.split(x, 2, name=f"split_{i}") for i in "ba"]
        tf.add(halves[0][1], halves[1][0], name="sum")
    stated = graph.as_graph_def()
    next(node for node in stated.node if node.name == "sum").input.append("^split_b")
    found = {node.name: list(node.input) for node in without_duplicates(stated).node}
    assert found["sum"] == ["split_a:1", "split_a", "^split_a"]


def test_what_differs_in_a_constant_or_a_type_stays_apart():
    def make(x):
        ends = [
            tf.add(x, tf.constant(value, name=f"{name}_value"), name=name) for name, value in (("b", 1.0), ("a", 2.0))
        ]
        tf.subtract(*ends, name="difference")

    assert inputs_of(make)["difference"] == ["b", "a"]


def test_two_inputs_are_never_one():
    graph = tf.Graph()
    with graph.as_default():
        ends = [tf.compat.v1.placeholder(tf.float32, [4], name) for name in "ba"]
        tf.subtract(*ends, name="difference")
    assert {n.name: list(n.input) for n in without_duplicates(graph.as_graph_def()).node}["difference"] == ["b", "a"]
