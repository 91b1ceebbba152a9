"""Results in, bytes out. A renderer writes no file and prints nothing.

Every row names a function `(results: Results) -> bytes`; the same results always give the same bytes.
A new report format is one file and one row.
"""

FORMATS: dict[str, str] = {
    "index.html": "edgebench.render.html:render",
    "pareto.svg": "edgebench.render.pareto:svg",
    "pareto.png": "edgebench.render.pareto:png",
    "results.csv": "edgebench.render.csv:render",
    "results.json": "edgebench.render.results_json:render",
    "summary.md": "edgebench.render.markdown:render",
}
"""File name -> where the function that renders it lives."""
