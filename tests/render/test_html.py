"""index.html: whole, closed to the network, and deaf to what names try to say."""

from __future__ import annotations

import base64
import hashlib
import html as entities
import json
import re
from html.parser import HTMLParser

import pytest

from edgebench.registry import resolve
from edgebench.render import FORMATS
from edgebench.render.html import render

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements in order, text per element, and whether every tag is closed."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self):
        """Of the page, and of the pictures inside it."""
        return [attributes.get("href") or attributes.get("xlink:href") for attributes in self.all("a")]

    @property
    def words(self):
        skipped = ("script", "style")
        return " ".join(" ".join(t for tag, found in self.texts.items() if tag not in skipped for t in found).split())


@pytest.fixture(scope="module")
def data(results):
    return render(results)


@pytest.fixture(scope="module")
def page(data):
    return Page(data)


def test_every_tag_is_closed_and_every_id_is_unique(page):
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.links} <= set(ids)


def test_it_is_small_and_the_same_bytes_each_time(results, data):
    assert len(data) < 2_500_000
    assert render(results) == data


def test_it_refers_to_nothing_outside_itself(page):
    loaded = [attributes.get(key) for _, attributes in page.elements for key in ("src", "srcset", "data", "action")]
    assert not any(loaded)
    assert not page.all("link")
    assert all(link.startswith("#") for link in page.links)
    assert "url(" not in "".join(page.texts["style"])
    assert "@import" not in "".join(page.texts["style"])


def test_the_policy_allows_exactly_the_scripts_and_the_style_of_the_page(page):
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    digests = [hashlib.sha256(text.encode()).digest() for text in (*page.texts["script"], *page.texts["style"])]
    allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    _, *scripts, style = allowed
    assert rules["script-src"].split() == scripts, "the first script is data and needs no leave"
    assert rules["style-src"] == style
    assert not any("style" in attributes or "onclick" in attributes for _, attributes in page.elements)


def test_the_title_the_banner_and_the_conclusions_name_the_data_set(page, results):
    assert page.texts["title"] == ["Fixture data, measured by nobody on synthetic faces"]
    assert "synthetic faces: these accuracies say nothing about AffectNet" in page.words
    assert "variants keep their source model's accuracy within the margin" in page.words
    real = results.dataset.model_copy(update={"synthetic": False, "name": "AffectNet"})
    other = Page(render(results.model_copy(update={"dataset": real})))
    assert other.texts["title"] == ["Fixture data, measured by nobody on AffectNet"]
    assert "say nothing" not in other.words


def test_sections_come_in_the_readers_order(page):
    headings = [attributes["id"] for attributes in page.all("h2")]
    assert headings == ["conclusions", "front", "variants", "blocks", "details", "conditions", "method"]


def test_every_variant_has_a_row_and_its_details(page, results):
    details = page.all("details")
    assert len(details) == len(results.variants)
    rows = [a for a in page.all("th") if a.get("scope") == "row" and "data-sort" in a]
    assert [row["data-sort"] for row in rows] == [v.variant for v in results.variants]


def test_headings_sort_with_a_button_and_say_what_they_mean(page):
    heads = [a for a in page.all("th") if "data-first" in a]
    assert len(heads) == 16
    assert {head["data-first"] for head in heads} == {"ascending", "descending"}
    assert all(head.get("title") for head in heads[1:])


def test_numbers_commands_caveats_and_conditions_are_all_there(page, results):
    for variant in results.variants:
        for command in variant.commands.values():
            assert command in page.texts["code"]
        for caveat in variant.caveats:
            assert caveat.text in page.words
    for wanted in ("Cortex-A72", "performance", "61", "another process used 0.4 cores", "clock rate fell", "bootstrap"):
        assert wanted in page.words
    assert page.words.count("not measured") > 10


def test_bounds_and_missing_intervals_are_called_what_they_are(page):
    assert "p90 at most" in page.texts["th"]
    assert not {"p90", "p99"} & set(page.texts["th"])
    for wanted in ("upper bounds that hold with 99 % confidence", "needs 30 images", "5 changed predictions"):
        assert wanted in " ".join(page.words.split())


def test_the_confusion_matrix_is_whole_and_shaded(page, results):
    matrices = [a for a in page.all("table") if a.get("class") == "small confusion"]
    shades = [a["class"] for a in page.all("td") if (a.get("class") or "").startswith("shade-")]
    assert len(matrices) == len(results.variants)
    assert len(shades) == 64 * len(matrices)
    assert {int(shade.removeprefix("shade-")) for shade in shades} <= set(range(11))
    assert "shade-7" in shades


def test_charts_are_there_with_a_picture_for_readers_without_scripts(page):
    charts = [a["data-chart"] for a in page.all("div") if "data-chart" in a]
    assert charts == ["latency-1", "size-0", "blocks-1"]
    assert set(json.loads(page.texts["script"][0])) == set(charts)
    assert len(page.all("noscript")) == 3
    assert len([a for a in page.all("svg") if a.get("class") == "marks"]) == 3


def test_several_thread_counts_have_a_chart_and_columns_each(make):
    page = Page(render(make(threads=(1, 2))))
    charts = [a["data-chart"] for a in page.all("div") if "data-chart" in a]
    assert charts == ["latency-1", "latency-2", "size-0", "blocks-1", "blocks-2"]
    assert "front at 1 thread, size left out" in page.words
    assert "latency, 2 threads" in page.words


def test_without_latency_the_first_chart_gives_way_to_a_sentence(untimed):
    page = Page(render(untimed))
    assert [a["data-chart"] for a in page.all("div") if "data-chart" in a] == ["size-0"]
    assert "No variant has both a latency and a value of accuracy" in page.words
    assert "No latency was measured." in page.words


def test_results_of_nothing_but_names_are_still_a_page(unscored):
    page = Page(render(unscored))
    assert page.open == []
    assert page.texts["title"][0].endswith("on no data set")
    assert not [a for a in page.all("div") if "data-chart" in a]


def test_models_of_valence_and_arousal_are_reported_by_concordance(valence_only):
    page = Page(render(valence_only))
    assert "CCC mean over latency" in page.words
    assert not [a for a in page.all("table") if a.get("class") == "small confusion"]


def test_hostile_names_are_shown_and_never_obeyed(hostile):
    data = render(hostile)
    page = Page(data)
    assert len(page.all("script")) == 3
    assert not page.all("img")
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert "<script>document.title='owned'</script>" in entities.unescape(page.words)
    assert not re.search(r"<img src=x", data.decode().replace("&lt;", ""))
    assert json.loads(page.texts["script"][0]), "names cannot end the data they stand in"


def test_every_format_of_the_registry_renders_bytes(results):
    for name in FORMATS:
        assert isinstance(resolve(FORMATS, name, kind="report format")(results), bytes)
