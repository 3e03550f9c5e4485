"""Near duplicates with datatrove 0.10.1, in its own environment: `python datatrove_near.py IN OUT`.

IN is a folder with paragraphs.jsonl (id, text); the ids of what it drops go to OUT/dropped.txt.
Words are split at white space, which is faster than its language tokenizers and enough after its
own normalising. Its settings are those of its documentation for a similarity of about 0.8.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.word_tokenizers import WhitespaceTokenizer


def main() -> None:
    """Run the four steps one after another in this process."""
    source, out = sys.argv[1], Path(sys.argv[2])
    config = MinhashConfig(n_grams=3, num_buckets=14, hashes_per_bucket=8)
    with tempfile.TemporaryDirectory() as work:
        words = WhitespaceTokenizer()
        signature = MinhashDedupSignature(f"{work}/sigs", config, language=words)
        buckets = MinhashDedupBuckets(f"{work}/sigs", f"{work}/buckets", config=config)
        cluster = MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config)
        keep = MinhashDedupFilter(f"{work}/remove", JsonlWriter(f"{work}/dropped"))
        steps = [
            (1, [JsonlReader(source), signature]),
            (config.num_buckets, [buckets]),
            (1, [cluster]),
            (1, [JsonlReader(source), keep, JsonlWriter(f"{work}/kept")]),
        ]
        for number, (tasks, pipeline) in enumerate(steps):
            logs = f"{work}/logs{number}"
            LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=logs).run()
        dropped = []
        for file in Path(work, "dropped").glob("*.gz"):
            with gzip.open(file, "rt", encoding="utf-8") as stream:
                dropped += [json.loads(line)["id"] for line in stream]
    out.mkdir(parents=True, exist_ok=True)
    (out / "dropped.txt").write_text("\n".join(sorted(dropped)) + "\n")


if __name__ == "__main__":
    main()
