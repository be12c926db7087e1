"""The commands that look at data, select in steps and run recipes again, in this process."""

import csv
import shutil

import pytest
from makers import real_file

import winnow_atomistic as winnow
from analytics.curation.conflicts import conflicts
from analytics.curation.duplicates import near_duplicates
from analytics.curation.overlap import classes_of, leakage, overlap_matrix
from analytics.information.bandwidth import bandwidth_by_volume, bandwidth_scan
from analytics.information.intrinsic_dimension import intrinsic_dimension
from analytics.recipe import Recipe


@pytest.fixture(scope="module")
def tantalum():
    return f"{real_file('ta_snap2014.xyz.gz')}@100:300"


@pytest.fixture(scope="module")
def described(tantalum):
    dataset = winnow.read(tantalum)
    return dataset, winnow.describe(dataset)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def one_atom(path, n=3):
    path.write_text("1\nProperties=species:S:1:pos:R:3\nC 0 0 0\n" * n)
    return path


#: What the functions of the library take unless told otherwise.
PUBLISHED = ("--bandwidth", "published")

# ------------------------------------------------------------------------------- duplicates


def test_duplicates(run, run_json, tantalum, described, tmp_path):
    expected = near_duplicates(*described)
    found = run_json("duplicates", tantalum)
    frames = described[0].frame_indices
    assert found["n_copies"] == len(expected.copies) > 10
    assert [c["structure"] for c in found["copies"]] == frames[expected.copies].tolist()
    assert found["copies"][0]["repeats"] >= 100
    few = run_json("duplicates", tantalum, "--tolerance", 0.01)
    assert few["n_copies"] < found["n_copies"]
    code, out, err = run("duplicates", tantalum)
    assert (code, err) == (0, "")
    assert f"{found['n_copies']} of 200 structures" in out
    path = tmp_path / "copies.csv"
    assert run("duplicates", tantalum, "-o", path)[0] == 0
    assert [int(row["structure"]) for row in rows_of(path)] == frames[expected.copies].tolist()


# ------------------------------------------------------------------------------- conflicts


def test_conflicts(run, run_json, tantalum, tmp_path):
    tantalum = tantalum.replace("@100:300", "@225:290")
    dataset = winnow.read(tantalum)
    x = winnow.describe(dataset)
    expected = conflicts(dataset, x)
    found = run_json("conflicts", tantalum)
    assert len(found["forces"]) == len(expected.forces)
    assert len(found["out_of_line"]) == len(expected.out_of_line)
    wide = run_json("conflicts", tantalum, "--force", 0.01, "--relative-force", 0)
    assert len(wide["forces"]) > len(found["forces"])
    code, out, _ = run("conflicts", tantalum, "--force", 0.01, "--top", 2)
    assert code == 0
    assert "environments with another one within 0.1 h" in out
    assert run("conflicts", tantalum, "-o", tmp_path / "c.csv")[0] == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["c_energies.csv", "c_forces.csv", "c_out_of_line.csv"]
    assert len(rows_of(tmp_path / "c_forces.csv")) == len(expected.forces)


def test_a_conflict_is_shown_with_its_evidence(run, run_json, tmp_path):
    path = tmp_path / "same.xyz"
    head = 'Lattice="3 0 0 0 3 0 0 0 3" pbc="T T T" Properties=species:S:1:pos:R:3'
    path.write_text("".join(f"1\n{head} energy={e}\nW 0 0 0\n" for e in (-9.0, -8.7, -9.0)))
    (found,) = run_json("conflicts", path)["energies"]
    assert sorted(found["structures"]) == [0, 1, 2]
    assert found["spread_eV_per_atom"] == pytest.approx(0.3)
    assert found["exact"] is True
    out = run("conflicts", path)[1]
    assert "300.00" in out
    assert "exact" in out


# ------------------------------------------------------------------------------- overlap


def test_overlap_of_two_files(run, run_json, tmp_path):
    files = [real_file(f"mlearn_Si_{part}.xyz") for part in ("train", "test")]
    pairs = []
    for file in files:
        dataset = winnow.read(file)
        pairs.append((dataset, winnow.describe(dataset)))
    expected = leakage(*pairs)
    found = run_json("overlap", *files, *PUBLISHED)
    assert found["coverage"] == pytest.approx(expected.novelty.covered_environments)
    assert [r["test_structure"] for r in found["near_duplicates"]] == [22, 23, 24]
    assert len(found["structures"]) == found["n_structures"] == 25
    largest = [r["largest_delta_entropy_nats"] for r in found["structures"]]
    assert largest == sorted(largest, reverse=True)
    p_values = [r["p_value"] for r in found["structures"]]
    assert p_values == sorted(p_values)
    assert found["false_alarms"]["rate"] == 0.01
    assert found["false_alarms"]["n_novel"] == sum(p <= 0.01 for p in p_values)
    out = run("overlap", *files, *PUBLISHED)[1]
    assert "novel at a false-alarm rate of 1.0 %" in out
    assert "3 of 25 structures (12.0 %) are near-duplicates" in out
    assert run("overlap", *files, "-o", tmp_path / "o.csv")[0] == 0
    assert len(rows_of(tmp_path / "o.csv")) == 25


def test_what_is_there_already_is_not_novel(run_json, tantalum):
    found = run_json("overlap", tantalum, tantalum, "--rate", 0.2)
    assert len(found["near_duplicates"]) == found["n_structures"]
    assert any(each["p_value"] <= 0.2 for each in found["structures"])
    assert found["false_alarms"]["n_novel"] == 0


def test_overlap_of_classes_and_of_many_files(run, run_json, tantalum, tmp_path):
    tantalum = tantalum.replace("@100:300", "@225:290")
    dataset = winnow.read(tantalum)
    expected = overlap_matrix(classes_of(dataset, winnow.describe(dataset)))
    found = run_json("overlap", tantalum, *PUBLISHED)
    assert found["names"] == list(expected.names)
    assert [r["coverage"] for r in found["rows"]] == pytest.approx(expected.coverage.ravel())
    assert run("overlap", tantalum)[1].count("\n") == len(expected.names) + 3
    assert run("overlap", tantalum, "-o", tmp_path / "m.csv")[0] == 0
    assert len(rows_of(tmp_path / "m.csv")) == len(expected.names) ** 2
    parts = [tantalum.replace("@225:290", f"@{a}:{a + 20}") for a in (0, 100, 200)]
    many = run_json("overlap", *parts, "--sample", 50)
    assert many["names"] == [f"ta_snap2014.xyz.gz{end}" for end in ("", " (2)", " (3)")]
    assert len(many["rows"]) == 9


# ------------------------------------------------------------------------------- bandwidth


def test_bandwidth(run, run_json, tantalum, described, tmp_path):
    found = run_json("bandwidth", tantalum, "--bandwidths", "0.01,0.03", *PUBLISHED)
    scan = bandwidth_scan(*described, bandwidths=[0.01, 0.03])
    assert [r["entropy_nats"] for r in found["rows"]] == pytest.approx(scan.entropy)
    assert found["rule"] == bandwidth_by_volume(found["volume_A3_per_atom"]["median"])
    assert found["chosen"] == 0.015
    out = run("bandwidth", tantalum, "--sample", 200)[1]
    assert "rule by atomic volume: h = 0.0" in out
    assert "averages over 200 of them" in out
    assert out.count("chosen") == 1
    assert run("bandwidth", tantalum, "-o", tmp_path / "b.csv")[0] == 0
    assert {row["mark"] for row in rows_of(tmp_path / "b.csv")} == {"", "chosen", "rule"}


# ------------------------------------------------------------------------------- analyse


def test_analyse_by_class_with_curve_and_dimension(run, run_json, tantalum, described, tmp_path):
    options = ("--learning-curve", "--orders", 2, "--dimension", "--seed", 4)
    found = run_json("analyse", tantalum, *options)
    names = sorted(set(described[0].config_type.tolist()))
    assert [row["config_type"] for row in found["classes"]] == names
    assert found["efficiency"] == pytest.approx(found["entropy_nats"] / found["max_entropy_nats"])
    assert len(found["learning_curve"]) == 11
    expected = intrinsic_dimension(described[1].values, bandwidth=found["bandwidth"], seed=4)
    assert found["intrinsic_dimension"]["dimension"] == pytest.approx(expected.dimension)
    out = run("analyse", tantalum, *options)[1]
    assert "TwoNN over" in out
    assert "100.0 % ± 0.0" in out
    assert all(name in out for name in names)
    assert run("analyse", tantalum, "-o", tmp_path / "a.csv")[0] == 0
    assert len(rows_of(tmp_path / "a.csv")) == 1 + len(names)


# ------------------------------------------------------------------------------- select, replay


@pytest.fixture
def chosen(run_json, tantalum, tmp_path):
    """Select in several steps, given a reference, and return (recipe file, printed)."""
    reference = tantalum.replace("@100:300", "@300:340")
    path = tmp_path / "r.json"
    options = ("--budget", 12, "--keep", "130", "--drop", "128,129", "--drop-duplicates")
    printed = run_json("select", tantalum, *options, "--reference", reference, "--recipe", path)
    return path, reference, printed


def test_select_in_steps(chosen, described):
    path, _, printed = chosen
    recipe = Recipe.load(path)
    assert recipe == Recipe.from_dict(printed)
    assert recipe.reference["frames"] == "300:340:1"
    assert recipe.drop == (128, 129)
    assert 130 in recipe.picked
    assert [step["step"] for step in printed["steps"]] == ["reject", "drop_duplicates", "select"]
    gone = [s for entry in printed["ledger"] for s in entry["structures"]]
    assert sorted([*gone, *recipe.kept]) == list(range(100, 300))
    assert len(printed["information_gained_nats"]) == 12
    expected = near_duplicates(*described, keep=[30], exclude=[28, 29])
    removed = [s for e in printed["ledger"] if e["step"] == "drop_duplicates"
               for s in e["structures"]]  # fmt: skip
    assert sorted(removed) == (expected.copies + 100).tolist()


def test_replay(chosen, run, run_json, tantalum, tmp_path):
    path, reference, printed = chosen
    found = run_json("replay", path, tantalum, "--reference", reference)
    assert found["same"] is True
    assert found["picked_frame_indices"] == printed["picked_frame_indices"]
    code, out, _ = run("replay", path, tantalum, "--reference", reference, "-o", tmp_path / "s.xyz")
    assert code == 0
    assert "the same 12 structures in the same order" in out
    kept = winnow.read(tmp_path / "s.xyz")
    assert kept.n_structures == len(printed["kept_frame_indices"])
    assert Recipe.load(tmp_path / "s.json").picked == tuple(printed["picked_frame_indices"])


def test_replay_finds_the_file_and_its_slice(chosen, run_json, tantalum, tmp_path):
    path, reference, _ = chosen
    shutil.copy(tantalum.partition("@")[0], tmp_path / "ta_snap2014.xyz.gz")
    assert run_json("replay", path, "--reference", reference)["same"] is True
    assert run_json("replay", path)["same"] is True


def test_replay_says_what_differs(chosen, run, run_json, fails, tantalum, tmp_path):
    path, reference, _ = chosen
    other = tantalum.replace("@100:300", "@100:299")
    found = run_json("replay", path, other, "--reference", reference, code=1)
    assert found["same"] is False
    assert "199 structures and not 200" in found["differences"][0]
    code, out, _ = run("replay", path, other, "--reference", reference)
    assert code == 1
    assert out.startswith("not run:\n  data: ta_snap2014.xyz.gz has the fingerprint")
    assert "say FILE" in fails("replay", path)
    assert "no such file" in fails("replay", path, tmp_path / "gone.xyz")
    assert "cannot be read" in fails("replay", tmp_path / "gone.json", other)
    assert "say --reference" in fails("replay", path, tantalum)


def test_budget_in_environments_and_certificate(run, run_json, tantalum):
    found = run_json("select", tantalum, "--budget", 300, "--unit", "environments")
    assert found["budget"]["unit"] == "environments"
    assert 0 < found["budget"]["environments"] <= 300
    bound = run_json("select", tantalum, "--budget", 10, "--certificate")
    assert 0.6 < bound["certificate"]["share"] <= 1
    assert bound["certificate"]["size"] == len(bound["picked_frame_indices"]) == 10
    plain = run_json("select", tantalum, "--budget", 10)
    assert bound["picked_frame_indices"] == plain["picked_frame_indices"]
    found = {row["share"]: row for row in bound["fewest_structures"]}
    assert all(row["found"] is None or row["found"] >= row["at_least"] for row in found.values())


# ------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("command", ["duplicates", "conflicts", "overlap", "bandwidth"])
def test_bad_input_is_one_line(fails, tmp_path, command):
    path = one_atom(tmp_path / "atoms.xyz")
    assert "no such file" in fails(command, tmp_path / "gone.xyz")
    assert "atoms.xyz" in fails(command, path)
    assert "--bandwidth is -1" in fails(command, path, "--bandwidth=-1")
    assert "no folder" in fails(command, path, "-o", tmp_path / "no" / "t.csv")
    before = path.read_bytes()
    if command != "conflicts":
        assert "overwrite the file that is read" in fails(command, path, "-o", path)
    assert path.read_bytes() == before


def test_bad_options(fails, tantalum, tmp_path):
    assert "--tolerance is -1" in fails("duplicates", tantalum, "--tolerance=-1")
    assert "name it .csv" in fails("conflicts", tantalum, "-o", tmp_path / "x.txt")
    assert "is not a bandwidth" in fails("bandwidth", tantalum, "--bandwidths", "0.1,-1")
    select = ("select", tantalum, "--budget", 5, "--json")
    assert "options of --drop-duplicates" in fails(*select, "--duplicates-tolerance", 0.5)
    assert "no such file" in fails(*select, "--reference", tmp_path / "gone.xyz")
    assert "cannot start from a reference" in fails(
        *select, "--method", "largest_force", "--reference", tantalum
    )
    assert "maximises no objective" in fails(*select, "--method", "random", "--certificate")
    assert "environments, more than the" in fails(
        "select", tantalum, "--budget", 10**6, "--unit", "environments", "--json"
    )
    assert "overwrite" in fails(
        "select", one_atom(tmp_path / "a.xyz"), "--budget", 1, "--recipe", tmp_path / "a.xyz"
    )


def test_a_single_class_has_nothing_to_compare(fails, tmp_path):
    path = tmp_path / "two.xyz"
    path.write_text("2\nProperties=species:S:1:pos:R:3\nC 0 0 0\nC 1.4 0 0\n" * 2)
    assert "single config_type" in fails("overlap", path)
    assert "no labels to compare" in fails("conflicts", path)
