"use strict";
(() => {
  const specifications = JSON.parse(document.getElementById("specifications").textContent);
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    ast: true, // an interpreter in place of eval, which the page's policy forbids
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  const views = [];
  let focus = "";

  const draw = async (place) => {
    const { view } = await vegaEmbed(place, specifications[place.dataset.chart], options);
    views.push(view);
    view.signal("focus", focus).run();
    place.dataset.ready = "true";
  };
  const drawn = Promise.all([...document.querySelectorAll("[data-chart]")].map(draw));

  const picks = document.querySelectorAll("[data-focus]");
  for (const pick of picks) {
    pick.addEventListener("click", () => {
      focus = focus === pick.dataset.focus ? "" : pick.dataset.focus;
      for (const other of picks) other.setAttribute("aria-pressed", String(other.dataset.focus === focus));
      for (const view of views) view.signal("focus", focus).run();
    });
  }

  const words = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? words.compare(a, b) : a - b);

  const sort = (header) => {
    const table = header.closest("table");
    const was = header.getAttribute("aria-sort");
    const first = header.dataset.first;
    const order = was === null ? first : was === "ascending" ? "descending" : "ascending";
    const key = (row) => row.cells[header.cellIndex].dataset.sort;
    const [known, unknown] = [[], []];
    for (const row of table.tBodies[0].rows) (key(row) === undefined ? unknown : known).push(row);
    known.sort((a, b) => compare(key(a), key(b)) * (order === "ascending" ? 1 : -1));
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    table.tBodies[0].append(...known, ...unknown);
  };
  for (const button of document.querySelectorAll("th > button")) {
    button.addEventListener("click", () => sort(button.parentElement));
  }

  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", unfold);
  drawn.then(unfold); // charts move what stands below them
})();
