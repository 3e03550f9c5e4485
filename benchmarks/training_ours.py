"""Kamerton's own tuning as a contender: `python training_ours.py WORK OUT`; see training.py.

The trainer, the batches, the collation and the callbacks are those that the tune stage builds. The
self-tests and the probe before the first step are left out: they are no part of a step.
"""

from pathlib import Path

from peers import measured

from kamerton.develop.training.threads import repeatable


def main() -> None:
    """Train on the rows of work.json, in the batches that it was written with."""
    work, adapter, out = measured.work()
    repeatable(work["seed"], 0)
    import training_work

    from kamerton.develop import hub
    from kamerton.develop.training import speed
    from kamerton.develop.training.trainer import watching
    from kamerton.develop.tune import start, supervised
    from kamerton.develop.tune.adapter import attach
    from kamerton.develop.tune.batches import Batches
    from kamerton.formats.progress import progress

    settings = training_work.settings(work["kind"])
    rows = training_work.encoded(work["rows"])
    model = attach(hub.load_model(training_work.BASE), settings)
    start.take_over(model, adapter)
    lengths = [len(row.ids) for row in rows]
    together = supervised.collation(model, settings, max(lengths))
    size = settings.batch_size
    batches = Batches(lengths, size, size, work["seed"])
    assert list(batches) == work["batches"], "not the rows that the peers have"
    folder = Path(out / "trainer")
    arguments = supervised.arguments(settings, batches, len(rows), folder, work["seed"], True)
    arguments.save_strategy = "no"
    tokenizer = hub.load_tokenizer(training_work.BASE)
    made = supervised.build(model, tokenizer, rows, together, arguments, batches)
    with (
        speed.faster(model),
        progress("ours", len(rows)) as bar,
        watching(made.watch, bar, len(rows), folder) as callbacks,
    ):
        for callback in callbacks:
            made.add_callback(callback)
        measured.run(made, out)


if __name__ == "__main__":
    main()
