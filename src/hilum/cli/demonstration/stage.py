"""What is said on the terminal, and how: headings, commands, results, quotations, moving tables."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Final, TypeVar

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

T = TypeVar("T")

_MARGIN: Final = 3
_NAMES: Final = 12  # the column of who is quoted
_REFRESH_SECONDS: Final = 0.1
_REMEDY: Final = "Remedy:"
_WIDTH_MAX: Final = 100  # longer lines are hard to read


class Terminal(Console):
    """A console that says when nobody reads any more; rich itself would end the process there."""

    def on_broken_pipe(self) -> None:
        """Let the error go on: whoever runs commands knows what to do with it."""
        raise  # noqa: PLE0704 - called while it is being handled


class Stage:
    """Words on a terminal, or in a file when there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._acts = 0
        # A terminal that only knows ASCII gets words.
        self._done, self._wrong = ("ok", "!!") if console.options.ascii_only else ("✓", "✗")

    def title(self, text: str, *lines: str) -> None:
        """Open."""
        self._console.print(Text(text, style="bold"))
        for line in lines:
            self._print(Text(line, style="dim"))

    def act(self, text: str) -> None:
        """Begin the next part."""
        self._acts += 1
        self._console.print()
        self._print(Text(text, style="bold"), Text(f"{self._acts}  ", style="bold cyan"))

    def command(self, *lines: str) -> None:
        """Show the command that does the same by hand; copied from here it is what it was."""
        for number, line in enumerate(lines):
            start = "  " if number else "$ "
            end = " \\" if number < len(lines) - 1 else ""
            text = Text.assemble(" " * _MARGIN, (start, "dim"), (line + end, "cyan"))
            self._console.print(text, soft_wrap=True)

    def say(self, text: str) -> None:
        """Explain."""
        self._print(Text(text), Text(" " * (_MARGIN + 2)))

    def done(self, text: str) -> None:
        """Tell a good result."""
        self._print(Text(text), _mark(self._done, "bold green"))

    def wrong(self, text: str) -> None:
        """Tell what went wrong, whether it was meant to or not."""
        self._print(Text(text), _mark(self._wrong, "bold red"))

    def quote(self, who: str, text: str) -> None:
        """Show what somebody said; what is to be done about it stands out."""
        words, remedy, rest = text.partition(_REMEDY)
        said = Text.assemble((words, "yellow"), (remedy + rest, "green"))
        name = who.ljust(_NAMES)
        self._print(said, Text(f"{' ' * (_MARGIN + 2)}{name}", style="dim"))

    def finale(self, headline: str, line: str) -> None:
        """Show the result of it all."""
        text = Text.assemble((headline, "bold green"), "\n", line, justify="center")
        self._console.print()
        self._console.print(Panel.fit(text, border_style="green", padding=(0, 3)))

    def rows(self, head: str, rows: Iterable[tuple[str, str]]) -> None:
        """Show names and what they are."""
        listed = list(rows)
        width = max(len(name) for name, _ in listed) + 2
        self._console.print()
        self._console.print(Text(head, style="bold"))
        for name, text in listed:
            label = Text.assemble(" " * _MARGIN, (name.ljust(width), "cyan"))
            self._print(Text(text), label)

    @contextlib.contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes its time."""
        with self._console.status(text) if self._console.is_terminal else contextlib.nullcontext():
            yield

    async def beside(
        self,
        work: Coroutine[Any, Any, T],  # Any: the types a coroutine is sent and yields
        look: Callable[[], None],
        draw: Callable[[], RenderableType],
    ) -> T:
        """Do `work`; meanwhile look again and again, in a thread, and show what that changed."""
        task = asyncio.create_task(work)
        try:
            with self._moving(draw()) as show:
                while not task.done():
                    await asyncio.wait({task}, timeout=_REFRESH_SECONDS)
                    await asyncio.to_thread(look)
                    show(draw())
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()

    @contextlib.contextmanager
    def _moving(self, first: RenderableType) -> Iterator[Callable[[RenderableType], None]]:
        """Show what is drawn again and again in one place; where that cannot be, only the last."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            with Live(_indented(first), console=self._console, auto_refresh=False) as live:
                yield lambda drawn: live.update(_indented(drawn), refresh=True)
            return
        last = [first]
        yield lambda drawn: last.__setitem__(0, drawn)
        with self._console.capture() as captured:
            self._console.print(_indented(last[0]))
        for line in captured.get().splitlines():
            self._console.print(Text(line.rstrip()), soft_wrap=True)

    def _print(self, text: Text, head: Text | None = None) -> None:
        """Print `text` behind `head`, wrapped in its column; no line ends in blanks."""
        head = head or Text()
        width = max(min(self._console.width, _WIDTH_MAX) - head.cell_len, 20)
        for number, line in enumerate(text.wrap(self._console, width)):
            line.rstrip()
            start = Text(" " * head.cell_len) if number else head
            self._console.print(Text.assemble(start, line), soft_wrap=True)


def _mark(mark: str, style: str) -> Text:
    return Text.assemble(" " * _MARGIN, (mark, style), " ")


def _indented(what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, _MARGIN), expand=False)
