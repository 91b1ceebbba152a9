"""index.html as a reader meets it: in a real browser, from disk, without a network."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

import pytest

from edgebench.render.html import render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAWN = "[...document.querySelectorAll('[data-chart]')].every(place => place.dataset.ready)"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on the path")


@dataclass
class Seen:
    """What the browser said and asked for while it showed the page."""

    page: object
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(results, make, hostile, untimed, mapped, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pages = {
        "plain": results,
        "threads": make(threads=(1, 2)),
        "hostile": hostile,
        "untimed": untimed,
        "mapped": mapped,
    }
    for name, each in pages.items():
        (folder / f"{name}.html").write_bytes(render(each))
    return folder


@pytest.fixture
def visit(browser, files):
    """Opens a page from disk and waits until its charts are drawn."""
    contexts = []

    def visit(name="plain", *, width=1280, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.on("console", lambda message: seen.messages.append(message.text))
        seen.page.on("pageerror", lambda error: seen.messages.append(str(error)))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.goto((files / f"{name}.html").as_uri())
        if scripts:
            seen.page.wait_for_function(DRAWN)
        return seen

    yield visit
    for context in contexts:
        context.close()


def order(page):
    return page.eval_on_selector_all(".variants tbody tr th", "cells => cells.map(cell => cell.dataset.sort)")


def heading(page, title):
    return page.locator(".variants thead th").filter(has=page.get_by_role("button", name=title, exact=True))


@pytest.mark.parametrize("name", ["plain", "threads", "untimed", "mapped"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_says_nothing_on_the_console_and_asks_for_nothing_but_itself(visit, name, width):
    seen = visit(name, width=width)
    seen.page.locator("[data-chart] .mark-symbol path").last.hover()
    seen.page.wait_for_selector("#vg-tooltip-element.visible")
    assert seen.messages == []
    assert [url.rpartition("/")[2] for url in seen.requests] == [f"{name}.html"]


@pytest.mark.parametrize("name", ["plain", "threads", "hostile", "mapped"])
def test_the_page_never_scrolls_sideways(visit, name):
    page = visit(name).page
    page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"document.querySelector('.chart svg').getBoundingClientRect().width <= {width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_wide_tables_scroll_inside_their_own_box(visit):
    page = visit(width=400).page
    box = page.locator(".scroll").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    box.evaluate("e => e.scrollLeft = 300")
    assert page.locator(".variants tbody th").first.bounding_box()["x"] < 30, "the variant's name stays in sight"


def test_every_chart_has_its_marks(visit, results):
    page = visit().page
    timed = [v for v in results.variants if v.latency]
    assert page.locator("[data-chart=latency-1] .mark-symbol path").count() == len(timed)
    assert page.locator("[data-chart=size-0] .mark-symbol path").count() == 18
    assert page.locator("[data-chart=latency-1] .mark-line path").count() == 1
    blocks = sum(len(v.latency[0].blocks) for v in timed)
    assert page.locator("[data-chart=blocks-1] .layer_1_marks path").count() == blocks
    names = page.locator("[data-chart=latency-1] .mark-text.role-mark text").all_text_contents()
    assert {"a0.25 tflite-int8", "a0.5 source"} <= set(names)


def test_a_cell_tells_its_place_its_error_and_its_labels(visit):
    page = visit("mapped").page
    page.locator("[data-chart=affect-arousal] .mark-rect path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    told = page.locator("#vg-tooltip-element").inner_text().split()
    assert {"valence", "arousal", "to", "RMSE", "labels"} <= set(told)


def test_charts_fill_the_width_they_are_given(visit):
    for width in (400, 1280):
        svg = visit(width=width).page.locator("[data-chart=latency-1] svg").first.bounding_box()
        assert 0.85 * width < svg["width"] <= width


def test_a_tooltip_tells_the_probability_of_being_on_the_front(visit):
    page = visit().page
    page.locator("[data-chart=latency-1] .mark-symbol path").last.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    told = page.locator("#vg-tooltip-element").inner_text()
    assert "P(front)" in told
    assert "93 %" in told
    assert "[" in told, "with intervals"


def test_a_click_on_a_point_opens_its_details(visit):
    page = visit().page
    assert page.locator("details[open]").count() == 0
    page.locator("[data-chart=latency-1] .mark-symbol path").last.click()
    page.wait_for_selector("details[open]")
    assert page.locator("details[open]").get_attribute("id") == page.url.partition("#")[2]


def test_a_click_sorts_by_number_and_the_next_one_turns_the_order(visit, results):
    page = visit().page
    sizes = {v.variant: v.size_bytes for v in results.variants}
    head = heading(page, "size")
    for direction, sign in (("ascending", 1), ("descending", -1)):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction
        known = [sizes[name] * sign for name in order(page) if sizes[name] is not None]
        assert known == sorted(known)
        assert [sizes[name] for name in order(page)[-2:]] == [None, None], "the unmeasured stay last"


def test_the_keyboard_sorts_and_only_one_column_is_marked(visit, results):
    page = visit().page
    heading(page, "size").get_by_role("button").click()
    heading(page, "accuracy").get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading(page, "accuracy").get_attribute("aria-sort") == "descending", "the best comes first"
    assert page.locator("[aria-sort]").count() == 1
    accuracy = {v.variant: v.scores.metrics["accuracy"].value for v in results.variants}
    assert [accuracy[name] for name in order(page)] == sorted(accuracy.values(), reverse=True)
    page.keyboard.press("Space")
    assert heading(page, "accuracy").get_attribute("aria-sort") == "ascending"


def test_the_legend_brings_out_one_format_and_lets_it_go(visit):
    page = visit().page
    faint = "marks => marks.filter(mark => Number(mark.getAttribute('opacity')) < 0.5).length"
    points = "[data-chart=latency-1] .mark-symbol path"
    button = page.get_by_role("button", name="onnx", exact=True)
    for pressed, count in (("true", 6), ("false", 0)):
        button.click()
        assert button.get_attribute("aria-pressed") == pressed
        page.wait_for_function(f"{count} === ({faint})([...document.querySelectorAll('{points}')])")


def test_dark_and_light_flip_with_the_reader_without_reloading(visit):
    page = visit(scheme="light").page
    colors = """() => [document.body, document.querySelector('.chart .role-axis-label text'),
        document.querySelector('.chart .mark-symbol path')].map((e, i) =>
        getComputedStyle(e)[i ? 'fill' : 'backgroundColor'])"""
    light = page.evaluate(colors)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(colors)
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark, strict=True))


def test_print_is_light_even_for_a_reader_in_the_dark(visit):
    page = visit(scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()


def test_without_scripts_the_charts_are_pictures(visit):
    page = visit(scripts=False).page
    assert page.locator("[data-chart=latency-1] svg .mark-symbol path").count() == 12
    assert page.locator(".variants tbody tr").count() == 20


def test_hostile_names_run_nothing(visit):
    seen = visit("hostile")
    seen.page.locator("[data-chart] .mark-symbol path").last.hover()
    seen.page.wait_for_selector("#vg-tooltip-element.visible")
    assert seen.page.title() != "owned"
    assert seen.page.locator("img").count() == 0
    assert seen.messages == []
    assert len(seen.requests) == 1
