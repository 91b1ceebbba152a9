"""Sentences say what the records hold and no more."""

from __future__ import annotations

from edgebench.records.results import Estimate
from edgebench.render.conclusions import conclusions, fastest, passing, smallest


def with_verdict(results, verdict):
    """The same results with every variant judged alike."""
    variants = tuple(
        v.model_copy(update={"drift": v.drift.model_copy(update={"verdict": verdict})}) if v.drift else v
        for v in results.variants
    )
    return results.model_copy(update={"variants": variants})


def test_verdicts_are_counted_then_every_model_gets_one_sentence(results):
    counted, *advice = conclusions(results)
    good = passing(results.variants)
    assert counted.startswith(f"{len(good)} of 18 variants keep their source model's accuracy within the margin")
    assert [sentence.partition(":")[0] for sentence in advice] == ["mobilenet_v1_a0.25", "mobilenet_v1_a0.5"]


def test_the_fastest_and_the_smallest_that_pass_are_named_with_their_numbers(results):
    for model, sentence in zip(("mobilenet_v1_a0.25", "mobilenet_v1_a0.5"), conclusions(results)[1:], strict=True):
        good = [v for v in passing(results.variants) if v.model == model]
        quick = min((v for v in good if v.latency), key=lambda v: v.latency[0].median_ms.value)
        small = min(good, key=lambda v: v.size_bytes)
        assert fastest(good) == (quick, quick.latency[0])
        assert smallest(good) == small
        assert f"{quick.format}-{quick.recipe} (" in sentence
        assert f"{small.format}-{small.recipe}" in sentence


def test_a_variant_that_fails_is_never_recommended(results):
    sentences = conclusions(with_verdict(results, "fail"))
    assert sentences[0].startswith("0 of 18 variants keep")
    assert "18 do not" in sentences[0]
    assert all("no variant is shown to pass" in sentence for sentence in sentences[1:])


def test_an_undecided_variant_is_not_called_failed(results):
    sentences = conclusions(with_verdict(results, "inconclusive"))
    assert "18 cannot be decided" in sentences[0]
    assert "do not" not in sentences[0]


def test_variants_with_overlapping_latency_intervals_are_not_told_apart(results):
    one, other = [v for v in results.variants if v.variant.endswith(("a0.5.tflite-fp32", "a0.5.tflite-fp16"))]
    apart = one.latency[0].model_copy(update={"median_ms": Estimate(value=0.1, low=0.09, high=0.11)})
    pair = with_verdict(results.model_copy(update={"variants": (one, other)}), "pass")
    assert "not told apart in speed from tflite-fp16" in conclusions(pair)[1]
    distinct = (one.model_copy(update={"latency": (apart,)}), other)
    pair = with_verdict(results.model_copy(update={"variants": distinct}), "pass")
    assert "told apart" not in conclusions(pair)[1]


def test_without_latency_only_size_is_advised(untimed):
    for sentence in conclusions(untimed)[1:]:
        assert "fastest" not in sentence
        assert "the smallest is" in sentence
        assert "none of them has a latency" in sentence


def test_several_thread_counts_are_told_apart(make):
    assert all(" at 2 threads (" in sentence for sentence in conclusions(make(threads=(1, 2)))[1:])


def test_nothing_judged_recommends_nothing(unscored):
    assert conclusions(unscored) == ("No variant was compared with its source model, so none is recommended.",)


def test_a_single_variant_is_spoken_of_in_the_singular(results):
    lone = with_verdict(results.model_copy(update={"variants": results.variants[1:2]}), "pass")
    assert conclusions(lone)[0] == "1 of 1 variant keeps its source model's accuracy within the margin."


def test_concordance_is_named_where_it_is_the_criterion(valence_only):
    assert "CCC mean -0.004" in " ".join(conclusions(with_verdict(valence_only, "pass")))
