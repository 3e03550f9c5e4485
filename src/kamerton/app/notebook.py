"""A run's progress as a notebook's own bars, drawn from the events of its stages."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kamerton.formats.events import Event, read_events
from kamerton.pipeline.graph import Planned

_POLL_SECONDS = 0.3


@contextmanager
def bars(stages: Sequence[Planned]) -> Iterator[None]:
    """Draw a bar for each thing that progresses, as long as the block lasts."""
    ended = threading.Event()
    drawing = threading.Thread(target=_draw, args=(stages, time.time(), ended), daemon=True)
    drawing.start()
    try:
        yield
    finally:
        ended.set()
        drawing.join()


def _draw(stages: Sequence[Planned], since: float, ended: threading.Event) -> None:
    read = {item.name: 0 for item in stages}
    drawn: dict[tuple[str, str], Any] = {}
    while True:
        last = ended.wait(_POLL_SECONDS)
        for item in stages:
            events, read[item.name] = read_events(item.folder, read[item.name])
            for event in events:
                if event.kind == "progress" and event.at >= since:
                    _show(drawn, item.name, event)
        if last:
            break
    for bar in drawn.values():
        bar.close()


def _show(drawn: dict[tuple[str, str], Any], stage: str, event: Event) -> None:
    from tqdm.auto import tqdm

    key = (stage, event.label)
    if key not in drawn:
        label = f"{stage}: {event.label}"
        drawn[key] = tqdm(total=event.total, initial=event.done, desc=label, unit=event.unit)
    bar = drawn[key]
    bar.update(event.done - bar.n)
    bar.set_postfix_str(event.text)
