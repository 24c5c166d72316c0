"""``pcscf decode``: what it can be told, and its exit status.

0: all ESP was read. 1: some of it was not. 2: there is nothing to work on or with.

What only a terminal needs is imported where it is used: rich costs as much as 3,000 packets.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import typer

from pcscf.decode.command import options
from pcscf.decode.command.choices import each, one, read_key, read_name
from pcscf.decode.command.filters import Filters, read_moment, read_network, read_spi
from pcscf.decode.command.options import Format
from pcscf.decode.command.session import Stop, run
from pcscf.decode.decoder import Decoder, Keys
from pcscf.decode.engine import Engine
from pcscf.decode.input.capture import Capture, open_capture
from pcscf.decode.input.live import open_live
from pcscf.decode.input.merge import merged
from pcscf.decode.input.writer import PcapngWriter
from pcscf.decode.keys.key_files import secrets_text
from pcscf.decode.model import Frame
from pcscf.decode.output.esp_sa import EspSa
from pcscf.decode.output.html import Html
from pcscf.decode.output.jsonl import Jsonl
from pcscf.decode.output.output import Output, Sink
from pcscf.decode.output.packets import Packets
from pcscf.decode.output.plain import plain
from pcscf.decode.output.sinks import is_terminal, opened
from pcscf.decode.output.verdict import verdict
from pcscf.errors import PcscfError
from xfrm.keylog import SECRETS_TYPE

_NOT_ALL: Final = 1
_UNUSABLE: Final = 2
_STDIN: Final = "-"


@dataclass(frozen=True)
class _Inputs:
    paths: tuple[str, ...]
    interface: str | None

    def open(self, stack: ExitStack) -> list[Capture]:
        """Open them all; they are closed with the stack."""
        if self.interface is not None:
            return [stack.enter_context(open_live(self.interface))]
        return [stack.enter_context(open_capture(path)) for path in self.paths]

    @property
    def flow(self) -> bool:
        """Whether somebody may be waiting for what comes next."""
        return self.interface is not None or _STDIN in self.paths

    @property
    def heading(self) -> str:
        """What is decoded, for a title."""
        names = ["standard input" if path == _STDIN else Path(path).name for path in self.paths]
        return ", ".join(names) or f"{self.interface}"


@dataclass(frozen=True)
class _Form:
    format: Format
    file: Path | None
    names: Mapping[str, str]
    verbose: bool
    show_keys: bool
    secrets: bool

    @property
    def secret(self) -> bool:
        """Whether there are keys in it."""
        return self.show_keys or self.secrets or self.format is Format.ESP_SA

    def output(self, sink: Sink, heading: str) -> Output:
        """Make the output that writes to the sink."""
        match self.format:
            case Format.JSONL:
                return Jsonl(sink, show_keys=self.show_keys)
            case Format.HTML:
                return Html(sink, heading=heading, names=self.names, show_keys=self.show_keys)
            case Format.ESP_SA:
                return EspSa(sink)
            case Format.PCAPNG:
                return Packets()
            case Format.LADDER:
                return self._ladder(sink)

    def _ladder(self, sink: Sink) -> Output:
        from rich.console import Console  # noqa: PLC0415

        from pcscf.decode.output.ladder import Ladder  # noqa: PLC0415
        from pcscf.decode.output.terminal import colours_of  # noqa: PLC0415

        return Ladder(
            sink,
            colours=None if self.file else colours_of(Console(file=sys.stdout)),
            names=self.names,
            whole=self.verbose,
            show_keys=self.show_keys,
        )


def decode(  # noqa: PLR0917 - typer calls it by name
    files: options.Files = None,
    interface: options.Interface = None,
    key_files: options.KeyFiles = None,
    usim: options.UsimFile = None,
    ck: options.Ck = None,
    ik: options.Ik = None,
    verify: options.Verify = False,
    call_ids: options.CallIds = None,
    methods: options.Methods = None,
    users: options.Users = None,
    addresses: options.Addresses = None,
    spis: options.Spis = None,
    after: options.After = None,
    before: options.Before = None,
    form: options.Form = Format.LADDER,
    file: options.File = None,
    verbose: options.Verbose = False,
    names: options.Names = None,
    secrets: options.Secrets = False,
    show_keys: options.ShowKeys = False,
) -> None:
    """Read the SIP inside a capture of Gm, and see which SA carried each message.

    Keys are found in the capture wherever it has them. What cannot be read is told with the
    likely reason.

    Exit status: 0 all ESP was read, 1 some of it was not, 2 the input cannot be used.
    """
    inputs = _Inputs(tuple(files or ()), interface)
    keys = Keys(
        tuple(key_files or ()),
        usim,
        one("--ck", ck, read_key),
        one("--ik", ik, read_key),
        verify,
    )
    filters = Filters(
        call_ids=frozenset(call_ids or ()),
        methods=frozenset(methods or ()),
        users=tuple(users or ()),
        networks=each("--address", addresses, read_network),
        spis=frozenset(each("--spi", spis, read_spi)),
        after=one("--from", after, read_moment),
        before=one("--to", before, read_moment),
    )
    shape = _Form(form, file, dict(each("--name", names, read_name)), verbose, show_keys, secrets)
    _check(inputs, keys, filters, shape)
    try:
        status = _decode(inputs, keys, filters, shape)
    except PcscfError as error:
        _end(str(error))
    except BrokenPipeError:
        raise  # whoever read the output has had enough; typer ends quietly
    except OSError as error:
        _end(f"output cannot be written: {error.strerror}")
    raise typer.Exit(status)


def _check(inputs: _Inputs, keys: Keys, filters: Filters, form: _Form) -> None:
    """Refuse what makes no sense together."""
    if bool(inputs.paths) == (inputs.interface is not None):
        raise typer.BadParameter("give capture files, - for standard input, or -i NAME")
    if inputs.paths.count(_STDIN) > 1:
        raise typer.BadParameter("there is one standard input")
    if (keys.ck is None) != (keys.ik is None):
        raise typer.BadParameter("--ck and --ik go together")
    packets = form.format is Format.PCAPNG
    if form.secrets and (not packets or inputs.flow):
        raise typer.BadParameter("--secrets is for --format pcapng, of files: they are read twice")
    if filters != Filters() and form.format in (Format.PCAPNG, Format.ESP_SA):
        raise typer.BadParameter(f"filters choose messages, and {form.format} has none")
    if packets and form.file is None and is_terminal(sys.stdout):
        raise typer.BadParameter("a capture is not for the terminal: -o FILE")


def _decode(inputs: _Inputs, keys: Keys, filters: Filters, form: _Form) -> int:
    """Decode and write; give the exit status."""
    with ExitStack() as stack:
        captures = inputs.open(stack)
        decoder = Engine(keys)
        sink = stack.enter_context(opened(form.file, secret=form.secret, inputs=inputs.paths))
        output = form.output(sink, inputs.heading)
        if form.format is Format.PCAPNG and not form.secrets:
            decoder.on_packet = PcapngWriter(sink).write_packet
        frames = _watched(merged(captures, decoder.add_secrets), captures, inputs, form)
        with Stop() as stop:
            shown = sink.flush if inputs.flow else None
            summary = run(stop.until(frames), decoder, output, filters, shown=shown)
            summary.stopped = stop.asked
        summary.notes += _notes(inputs, captures)
        output.end(summary)
        if form.secrets:
            _copy_with_secrets(inputs, decoder, sink)
    if form.format not in (Format.LADDER, Format.JSONL):
        for sentence, _ in verdict(summary):
            typer.echo(sentence, err=True)
    return _NOT_ALL if summary.unread else 0


def _watched(
    frames: Iterator[Frame], captures: list[Capture], inputs: _Inputs, form: _Form
) -> Iterator[Frame]:
    """Show how far it is, on a terminal where nothing else appears."""
    busy = form.file is None and is_terminal(sys.stdout)
    if busy or inputs.interface is not None or not is_terminal(sys.stderr):
        return frames
    from rich.console import Console  # noqa: PLC0415

    from pcscf.decode.command.progress import with_bar  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        return frames
    return with_bar(frames, captures, console)


def _notes(inputs: _Inputs, captures: list[Capture]) -> list[str]:
    if len(captures) == 1:
        return captures[0].notes
    return [
        f"{path}: {note}"
        for path, capture in zip(inputs.paths, captures, strict=True)
        for note in capture.notes
    ]


def _copy_with_secrets(inputs: _Inputs, decoder: Decoder, sink: Sink) -> None:
    """Read the captures once more: whoever reads the copy wants the keys first."""
    writer = PcapngWriter(sink)
    writer.write_secrets(SECRETS_TYPE, secrets_text(decoder.sas))
    with ExitStack() as stack:
        for frame in merged(inputs.open(stack), lambda _kind, _data: None):
            writer.write_frame(frame)


def _end(text: str) -> NoReturn:
    typer.echo(plain(text), err=True)
    raise typer.Exit(_UNUSABLE)
