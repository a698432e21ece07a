"""A hub and a package index on loopback that have the starter weights, for a Myna that has none."""

import os
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.weights.sites import Answer, Site, make_wheel, site

from myna.weights.catalog import HubSource, Model, RegistrySource
from myna.weights.store import WeightsStore

SLOW_S = 0.2
"""Between two chunks of 4 KiB: 20 kB a second."""


@dataclass
class Shelf:
    """What there is of the weights, model by model."""

    store: WeightsStore
    site: Site = field(repr=False)
    _of: dict[str, list[Answer]] = field(default_factory=dict[str, list[Answer]], repr=False)

    @property
    def environ(self) -> Mapping[str, str]:
        """What has Myna, and the pip that it runs, ask here and nowhere else."""
        return {
            "MYNA_WEIGHTS__HF_ENDPOINT": self.site.url,
            "MYNA_WEIGHTS__MODELSCOPE_ENDPOINT": self.site.url,
            "MYNA_WEIGHTS__CONNECT_S": "60",  # a machine that others keep busy is no failure
            "PIP_INDEX_URL": f"{self.site.url}/simple",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "npm_config_registry": self.site.url,
        }

    def put(self, names: Sequence[str], *, slow: Sequence[str] = ()) -> None:
        """Have these models from now on; of ``slow`` ones next to nothing comes, until they are let go."""
        for model in self.store.catalog.expand(names):
            before = set(self.site.answers)
            self._put(model)
            self._of[model.name] = [self.site.answers[path] for path in self.site.answers.keys() - before]
            self._set(model.name, SLOW_S if model.name in slow else 0.0)

    def let_go(self, name: str) -> None:
        """Give the rest of a slow model at once."""
        self._set(name, 0.0)

    def _set(self, name: str, delay_s: float) -> None:
        for answer in self._of[name]:
            answer.chunk_delay_s = delay_s if len(answer.body) > 1_000_000 else 0.0

    def _put(self, model: Model) -> None:
        wheels: dict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
        for file in self.store.files(model):
            content = self.store.path_of(model, file).read_bytes()
            for source in file.sources:
                if isinstance(source, HubSource) and source.kind == "hf":
                    self.site.answers[f"/{source.repo}/resolve/{source.revision}/{source.file}"] = Answer(content)
                    break
                if isinstance(source, RegistrySource) and source.kind == "pypi":
                    at = 0
                    for part in source.parts:
                        wheels[part.package, part.version][part.member] = content[at : at + part.size]
                        at += part.size
                    break
        for (package, version), members in wheels.items():
            name = package.lower().replace("_", "-")
            file_name = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
            wheel = make_wheel(name, version, members, compressed=False)
            self.site.answers[f"/simple/{name}/"] = Answer(f'<a href="/files/{file_name}">{file_name}</a>'.encode())
            self.site.answers[f"/files/{file_name}"] = Answer(wheel)


@contextmanager
def open_shelf(store: WeightsStore) -> Generator[Shelf]:
    """An empty shelf, to be filled from ``store``."""
    with site() as it:
        yield Shelf(store, it)
