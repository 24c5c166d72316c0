"""Commands of which each is imported when it is called, or when all are listed.

To import all takes several times as long as most of them run.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command


class LazyGroup(TyperGroup):
    """``lazy`` maps a command's name to what registers it, and perhaps others beside it."""

    lazy: ClassVar[Mapping[str, Callable[[typer.Typer], None]]] = {}

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - whatever typer has
        super().__init__(**options)
        self._known = cast("dict[str, Any]", self.commands)
        for name in self.lazy:
            self._known.setdefault(name, None)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - as typer calls it
        """Find a command; import it first, if nobody has yet."""
        if self._known.get(cmd_name) is None and cmd_name in self.lazy:
            self._known.update(_commands(self.lazy[cmd_name]))
        return self._known.get(cmd_name)


def _commands(register: Callable[[typer.Typer], None]) -> dict[str, Any]:
    app = typer.Typer()
    app.callback()(lambda: None)  # so that one command is a group as well
    register(app)
    return dict(cast("TyperGroup", get_command(app)).commands)
