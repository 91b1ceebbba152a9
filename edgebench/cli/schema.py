"""`edgebench schema`."""

from __future__ import annotations

import json
from pathlib import Path

from edgebench.cli.options import Out
from edgebench.cli.session import Session


def schema(session: Session, out: Out = None) -> None:
    """Write the JSON Schemas of model and device specs and of dataset.yaml, so that editors complete and check them."""
    from edgebench.data.options import json_schema
    from edgebench.files import as_store_errors
    from edgebench.specs.schema import json_schemas

    folder = out or Path("schemas")
    written = []
    for name, content in {**json_schemas(), "dataset": json_schema()}.items():
        path = folder / f"{name}.schema.json"
        with as_store_errors(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=2) + "\n")
        written.append(path)
    session.answer({"schemas": written})
    for path in written:
        session.say(str(path))
