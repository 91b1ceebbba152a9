"""`edgebench devices list|show|validate|trust|doctor|setup|status|clean`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgebench.cli.session import Column, Session
from edgebench.cli.specs import add_spec_commands
from edgebench.cli.verb import verb

if TYPE_CHECKING:
    from edgebench.pipeline.device_trust import Shown
    from edgebench.specs.catalog import Catalog
    from edgebench.specs.device import DeviceSpec

app = typer.Typer(
    help="Look at device specs, and get a device ready to be measured on.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME")]
UNREADY = 6


def _catalog(session: Session) -> Catalog:
    from edgebench.specs.catalog import devices

    return devices(session.devices or ())


def _row(spec: DeviceSpec) -> tuple[str, ...]:
    if spec.pool:
        return f"pool of {', '.join(spec.pool)}", "", "", spec.description
    return spec.transport, ", ".join(spec.runtimes), ",".join(map(str, spec.threads)), spec.description


add_spec_commands(app, "device", _catalog, ("transport", "runtimes", "threads", "description"), _row)


@app.command("trust")
@verb
def trust(
    session: Session,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust a new key without asking.")] = False,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(metavar="SHA256:...", help="Trust the key if this is its fingerprint; repeat for a jump host."),
    ] = None,
) -> int:
    """Show a device's host key, ask whether it is the right one, and trust it from now on."""
    from edgebench.pipeline.boards.board import another_machine
    from edgebench.pipeline.device_trust import accept, shown_keys

    answers: list[dict[str, Any]] = []
    session.answer({"keys": answers})
    for found in shown_keys(another_machine(session.workspace, name)):
        facts = {"device": found.device, "address": found.address, "kind": found.kind, "before": found.before}
        answers.append({**facts, "fingerprint": found.fingerprint, "state": found.state, "trusted": True})
        _show_key(session, found)
        if found.state == "known":
            session.say("  is trusted already")
        elif _agreed(session, found, yes=yes, fingerprints=fingerprint or ()):
            session.say(f"  trusted from now on, see {accept(found)}")
        else:
            answers[-1]["trusted"] = False
            session.say("  not trusted")
            return 1
    return 0


def _show_key(session: Session, found: Shown) -> None:
    session.say(f"{found.device} ({found.address}) shows {found.kind} {found.fingerprint}")
    if found.state == "changed":
        session.say(f"  WARNING: trusted until now is {' and '.join(found.before)}")
        session.say("  Either its system was installed anew, or someone else answers in its place.")
    if found.state != "known":
        session.say("  Compare with what it says itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")


def _agreed(session: Session, found: Shown, *, yes: bool, fingerprints: list[str] | tuple[()]) -> bool:
    from edgebench.errors import UsageError
    from edgebench.pipeline.device_trust import require_expected

    if fingerprints:
        require_expected(found, fingerprints)
        return True
    if yes and found.state == "new":
        return True
    if yes or session.json or not sys.stdin.isatty():
        what = "its host key has changed" if found.state == "changed" else "nobody can be asked"
        fix = f"if it is the right one, give --fingerprint {found.fingerprint}"
        raise UsageError(what, subject=f"{found.device} ({found.address})", fix=fix)
    print("  Trust it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@app.command("doctor")
@verb
def doctor(session: Session, name: Name) -> int:
    """Say whether one can measure on a device, line by line with what helps; exit 6 where one cannot."""
    from dataclasses import asdict

    from edgebench.pipeline.device_doctor import checks

    with session.progress.step(f"examining {name}"):
        found = list(checks(session.workspace, name))
    code = UNREADY if any(check.state == "fail" for check in found) else 0
    session.answer({"device": name, "checks": [asdict(check) for check in found], "exit_code": code})
    columns = (Column("what"), Column(""), Column("found"), Column("what helps"))
    session.table(columns, [(check.name, check.state, check.found, check.fix) for check in found], title=name)
    return code


@app.command("setup")
@verb
def setup(
    session: Session,
    name: Name,
    wheels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Choose from the wheels in this folder instead of the package index."),
    ] = None,
) -> None:
    """Bring the runtimes to a device, which needs neither internet nor root nor pip for it."""
    from edgebench.pipeline.device_setup import set_up
    from edgebench.units import bytes_text

    done = set_up(session.workspace, name, wheels=wheels)
    brought = [{"name": wheel.name, "version": wheel.version, "sha256": wheel.sha256} for wheel in done.wheels]
    answer = {"device": name, "runtimes": done.runtimes, "wheels": brought, "notes": done.notes}
    session.answer({**answer, "sent_bytes": done.sent_bytes})
    listed = ", ".join(f"{runtime} {version}" for runtime, version in done.runtimes.items())
    sent = f"{bytes_text(done.sent_bytes)} sent" if done.sent_bytes else "nothing had to be sent"
    session.say(f"{name} has {listed}; {sent}")
    for note in done.notes:
        session.say(f"  {note}")


@app.command("status")
@verb
def status(session: Session, name: Name) -> None:
    """Say what a device does now, and what edgebench keeps there."""
    from edgebench.pipeline.device_doctor import status

    with session.progress.step(f"asking {name}"):
        found = status(session.workspace, name)
    session.answer(found)
    session.table((Column(""), Column(name)), _status_rows(found))


def _status_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    from edgebench.pipeline.boards.board import busy_text
    from edgebench.pipeline.boards.checks import throttle_text
    from edgebench.units import bytes_text

    telemetry, uptime_s = found["telemetry"], found["uptime_s"]
    hottest = max((telemetry.get("millicelsius") or {}).values(), default=None)
    return [
        ("board", found["board"] or f"{found['system']} {found['machine']}"),
        ("doing", busy_text(found["busy"]) if found["busy"] else "nothing for edgebench"),
        ("runtimes", ", ".join(f"{name} {version}" for name, version in found["runtimes"].items()) or "none"),
        ("jobs kept", str(len(found["jobs"]))),
        ("disk", f"{bytes_text(found['used_bytes'])} used by edgebench, {bytes_text(found['disk_free_bytes'])} free"),
        ("temperature", "not told" if hottest is None else f"{hottest / 1000:.1f} C"),
        ("throttling", throttle_text(telemetry.get("throttled"))),
        ("load", f"{telemetry['load_1min']:.2f}"),
        ("running", "not told" if uptime_s is None else f"{uptime_s / 3600:,.1f} h"),
    ]


@app.command("clean")
@verb
def clean(
    session: Session,
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="End a job that runs there, and lose blocks that are not home.")
    ] = False,
) -> None:
    """Remove all that edgebench ever put on a device."""
    from dataclasses import asdict

    from edgebench.pipeline.device_doctor import clean
    from edgebench.units import bytes_text

    with session.progress.step(f"cleaning {name}"):
        done = clean(session.workspace, name, force=force)
    session.answer(asdict(done))
    session.say(f"{name}: removed from {done.folder}: {', '.join(done.removed)} ({bytes_text(done.freed_bytes)})")
    if done.left:
        session.say(f"  left, for edgebench did not make it: {', '.join(done.left)}")
    if done.interrupted:
        session.say(f"  interrupted: {', '.join(done.interrupted)}; edgebench run --device {name} --resume goes on")
