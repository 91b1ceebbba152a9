"""The points of the charts are the records, and nothing is drawn that was not measured."""

from __future__ import annotations

from edgebench.render import scatter


def test_every_timed_variant_is_a_point_with_both_intervals(results):
    (scene,) = scatter.latency_scenes(results).values()
    rows = {row["variant"]: row for row in scatter.rows(scene, results)}
    timed = {v.variant: v for v in results.variants if v.latency}
    assert set(rows) == set(timed)
    for name, row in rows.items():
        median, accuracy = timed[name].latency[0].median_ms, timed[name].scores.metrics["accuracy"]
        assert (row["x_low"], row["x"], row["x_high"]) == (median.low, median.value, median.high)
        assert (row["y_low"], row["y"], row["y_high"]) == (accuracy.low, accuracy.value, accuracy.high)
        assert row["front"] == timed[name].on_front


def test_reference_executed_variants_have_no_latency_but_a_size(results):
    timed = scatter.rows(scatter.latency_scenes(results)[1], results)
    sized = scatter.rows(scatter.size_scene(results), results)
    assert not any(row["format"] == "coreml" for row in timed)
    assert sum(row["format"] == "coreml" for row in sized) == 6
    assert all(row["latency_text"] == "not measured" for row in sized)


def test_source_models_are_lines_not_points(results):
    scene = scatter.size_scene(results)
    assert list(scene.sources) == ["a0.25 source", "a0.5 source"]
    assert not any(dot.variant.recipe == "source" for dot in scene.dots)


def test_sources_too_close_to_label_apart_share_one_label(results):
    scene = scatter.size_scene(results)
    same = scatter.Scene(scene.dots, scene.x, scene.y, {"one": 0.64, "other": 0.641, "far": 0.72})
    assert scatter.source_labels(same) == {"one, other": 0.64, "far": 0.72}


def test_the_front_is_drawn_at_the_lowest_thread_count_only(make):
    results = make(threads=(2, 4))
    scenes = scatter.latency_scenes(results)
    assert [scene.front for scene in scenes.values()] == [True, False]
    assert scenes[2].x == scenes[4].x, "panels are compared, so they share their axes"
    assert not any(row["front"] for row in scatter.rows(scenes[4], results))


def test_area_grows_with_bytes_and_the_largest_is_the_same_in_every_report(results):
    size_of = scatter.area(results)
    largest = max(v.size_bytes or 0 for v in results.variants)
    assert size_of(None) == scatter.AREA_PX2[0]
    assert size_of(largest) == scatter.AREA_PX2[1]
    assert size_of(largest // 2) < size_of(largest)


def test_points_on_the_front_carry_their_names_and_others_at_most_their_model(results):
    rows = scatter.rows(scatter.latency_scenes(results)[1], results)
    for row in rows:
        assert row["label"].endswith(f"{row['format']}-{row['recipe']}") == row["front"]
        assert row["front"] or row["label"] in ("", "a0.25", "a0.5")


def test_small_points_are_drawn_on_large_ones(results):
    areas = [row["area"] for row in scatter.rows(scatter.latency_scenes(results)[1], results)]
    assert areas == sorted(areas, reverse=True)


def test_nothing_measured_is_no_scene(unscored, untimed):
    assert scatter.latency_scenes(untimed) == {}
    assert scatter.size_scene(untimed) is not None
    assert scatter.size_scene(unscored) is None


def test_concordance_is_drawn_where_there_is_no_accuracy(valence_only):
    scene = scatter.size_scene(valence_only)
    assert {dot.y.value for dot in scene.dots} == {0.55}
