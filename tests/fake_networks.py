"""Stand-ins for torch, CHGNet, SevenNet and MACE: what our code calls of them, without networks.

Their "features" of an atom are its number and two sums over neighbours within 3 angstrom, so that
whoever looks at the rows sees whose they are.
"""

from __future__ import annotations

from contextlib import nullcontext
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from analytics.descriptors import learned

CUTOFF = 3.0


def twin(frame: Atoms) -> np.ndarray:
    """Return (n, 3): the atomic number, and sums over neighbours of 1 / d and of their number."""
    rows = np.zeros((len(frame), 3))
    rows[:, 0] = frame.numbers
    at, other, distance = neighbor_list("ijd", frame, CUTOFF)
    np.add.at(rows[:, 1], at, 1.0 / distance)
    np.add.at(rows[:, 2], at, frame.numbers[other])
    return rows


class Tensor(np.ndarray):
    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def tensor(values: Any) -> Tensor:
    return np.asarray(values).view(Tensor)


class Modules:
    """Says that packages are installed and hands out their modules, for the time of a test.

    They are not put into `sys.modules`: scipy would take a torch there for the real one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._folder = folder
        self.versions: dict[str, str] = {}
        self.modules: dict[str, ModuleType] = {}
        monkeypatch.setattr(learned, "import_module", self._module)
        monkeypatch.setattr(learned.metadata, "version", self._version)
        monkeypatch.setattr(learned, "find_spec", self._spec)
        learned._loaded.cache_clear()

    def _module(self, name: str) -> ModuleType:
        if name not in self.modules:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return self.modules[name]

    def _version(self, name: str) -> str:
        if name not in self.versions:
            raise PackageNotFoundError(name)
        return self.versions[name]

    def _spec(self, name: str) -> ModuleSpec | None:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(self._folder / name)]
        return spec

    def put(self, name: str, **members: Any) -> None:
        module = ModuleType(name)
        vars(module).update(members)
        self.modules[name] = module

    def write(self, name: str, content: str = "weights") -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def torch(self, **more: Any) -> None:
        self.put(
            "torch",
            serialization=SimpleNamespace(add_safe_globals=lambda kinds: None),
            set_num_threads=lambda n: None,
            no_grad=nullcontext,
            from_numpy=tensor,
            **more,
        )

    # ------------------------------------------------------------------------------ the packages

    def chgnet(self) -> None:
        self.torch()
        self.versions["chgnet"] = "0.4.2"
        self.write("chgnet/pretrained/0.3.0/chgnet.pth.tar")

        class Graphs:
            atom_graph_cutoff = CUTOFF

            def set_isolated_atom_response(self, how: str) -> None:
                assert how == "ignore"

            def __call__(self, structure: Atoms) -> Atoms:
                return structure

        class CHGNet:
            atom_fea_dim = 3
            graph_converter = Graphs()

            @classmethod
            def load(cls, *, model_name: str, use_device: str, verbose: bool) -> Any:
                print("CHGNet says something to standard output")
                assert (model_name, use_device, verbose) == ("0.3.0", "cpu", False)
                return cls()

            def eval(self) -> Any:
                return self

            def __call__(self, graphs: list, *, task: str, return_atom_feas: bool) -> Any:
                assert task == "e"
                assert return_atom_feas
                return {"atom_fea": [tensor(twin(graph)) for graph in graphs]}

        def structure(cell: Any, numbers: Any, positions: Any, **how: bool) -> Atoms:
            assert how == {"coords_are_cartesian": True, "to_unit_cell": True}
            return Atoms(numbers, positions, cell=cell, pbc=True)

        self.put("chgnet.model.model", CHGNet=CHGNet)
        self.put("pymatgen.core", Structure=structure)

    def sevennet(self) -> None:
        self.torch()
        self.versions["sevenn"] = "0.13.0"
        self.write("sevenn/pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth")
        types = {1: 2, 6: 0, 14: 1}

        def layer(data: dict) -> dict:  # sees types, as the network does
            back = {at: z for z, at in types.items()}
            assert [back[at] for at in data["x"].tolist()] == data["z"].tolist()
            return data | {"x": tensor(np.concatenate([twin(f) for f in data["frames"]]))}

        def readout(data: dict) -> dict:
            raise AssertionError("energies are not asked for")

        readout.linear = SimpleNamespace(irreps_in=SimpleNamespace(dim=3))
        network = SimpleNamespace(
            set_is_batch_data=lambda batch: None,
            named_children=lambda: iter(
                {"0_convolution": layer, "reduce_input_to_hidden": readout}.items()
            ),
        )
        network.eval = lambda: network
        config = {"cutoff": CUTOFF, "_type_map": types}

        def model_from_checkpoint(path: str) -> Any:
            assert Path(path).read_text() == "weights"
            return network, config

        def batch(frames: list[Atoms]) -> dict:
            return {"frames": frames, "z": tensor(np.concatenate([f.numbers for f in frames]))}

        self.put("sevenn._keys", ATOMIC_NUMBERS="z", NODE_FEATURE="x", CUTOFF="cutoff",
                 TYPE_MAP="_type_map")  # fmt: skip
        self.put("sevenn.util", model_from_checkpoint=model_from_checkpoint)
        self.put("sevenn.train.dataload", unlabeled_atoms_to_graph=lambda frame, cutoff: frame)
        self.put("sevenn.atom_graph_data",
                 AtomGraphData=SimpleNamespace(from_numpy_dict=lambda graph: graph))  # fmt: skip
        self.put("torch_geometric.data", Batch=SimpleNamespace(from_data_list=batch))

    def mace(self) -> Path:
        kinds = ["float32"]
        file = self.write("own.model")
        self.versions["mace-torch"] = "0.3.16"

        class Network:
            r_max, num_interactions, atomic_numbers, heads = CUTOFF, 1, [1, 6, 14], ["pbe"]
            products = (
                SimpleNamespace(linear=SimpleNamespace(irreps_out=SimpleNamespace(lmax=0, dim=3))),
            )

            def parameters(self) -> Any:
                return iter([SimpleNamespace(dtype="float64")])

            def eval(self) -> Any:
                return self

            def __call__(self, data: dict, *, compute_force: bool) -> dict:
                assert not compute_force
                assert kinds[-1] == "float64"
                rows = np.concatenate([twin(frame) for frame in data["frames"]])
                return {"node_feats": tensor(rows)}

        def load(path: Path, map_location: str, weights_only: bool) -> Any:
            if path.read_text() != "weights":
                raise ValueError("no pickle")
            return Network()

        self.torch(load=load, get_default_dtype=lambda: kinds[-1], set_default_dtype=kinds.append)

        def from_config(frame: Atoms, *, z_table: Any, cutoff: float, heads: list) -> Atoms:
            assert (z_table, cutoff, heads) == ((1, 6, 14), CUTOFF, ["pbe"])
            return frame

        def batch(frames: list[Atoms]) -> Any:
            return SimpleNamespace(to_dict=lambda: {"frames": frames})

        def extract(found: Tensor, *, num_layers: int, num_features: int, l_max: int) -> Tensor:
            assert (num_layers, num_features, l_max) == (1, 3, 0)
            return found

        self.put("mace.data", config_from_atoms=lambda frame, head_name: frame,
                 AtomicData=SimpleNamespace(from_config=from_config))  # fmt: skip
        self.put("mace.tools", utils=SimpleNamespace(AtomicNumberTable=tuple))
        self.put("mace.modules.utils", extract_invariant=extract)
        self.put("mace.tools.torch_geometric.batch", Batch=SimpleNamespace(from_data_list=batch))
        return file
