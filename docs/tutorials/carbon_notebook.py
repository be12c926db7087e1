# %% [markdown]
# # What can a data set spare?
#
# Carbon, 552 structures that come with Winnow: what is wrong with it, what is redundant, which
# tenth of it one can defend. Run it with `pip install winnow-atomistic` and Jupyter, on your own
# file if you like.

# %%
import winnow_atomistic as winnow
from analytics.runtime.assets import asset

data = winnow.read(asset("carbon.xyz.gz"))  # or "your_file.xyz", or a list of ase.Atoms
data

# %% [markdown]
# ## What is wrong with it
#
# Checks say what they found, in which structures, and what to do about it. Nothing is taken out.

# %%
winnow.check(data)

# %% [markdown]
# ## What is redundant
#
# Each atom and its neighbours are an *environment*. The kernel says how alike two are; how wide it
# is, the data choose: so that a random tenth of the structures covers 90 % of the rest.

# %%
information = winnow.analyse(data)
information

# %%
print(f"width h = {information.spec.bandwidth:.4f} 1/Å")
print(f"{information.redundancy:.1%} of {information.n_environments} environments are redundant")

# %% [markdown]
# That number hangs on the width. At the published one it is another:

# %%
published = winnow.analyse(data, spec=winnow.KernelSpec(bandwidth=0.015))
print(f"{published.redundancy:.1%} redundant at h = 0.015 1/Å")

# %% [markdown]
# ## Which tenth?
#
# Random, coverage (every environment close to one that is kept), importance (largest force first).
# None is best at everything.

# %%
methods = ["random", "facility_location", "largest_force"]
budgets = [0.02, 0.05, 0.1, 0.2, 0.5]
compared = winnow.compare(information, methods, budgets)
table = compared.table
table[table.n_structures == 55].set_index("method")[
    ["mean_delta_entropy", "overlap", "force_top1pct_kept", "n_environments"]
].round(3)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
shown = {
    "mean_delta_entropy": "mean delta entropy (nats)",
    "force_top1pct_kept": "top 1 % of |F| kept",
}
for axis, (column, label) in zip(axes, shown.items(), strict=True):
    for method, rows in table.groupby("method", sort=False):
        axis.plot(
            100 * rows.n_structures / information.n_structures, rows[column], "o-", label=method
        )
    axis.set(xscale="log", xlabel="structures kept (%)", ylabel=label)
    axis.set_xticks([2, 5, 10, 20, 50], labels=["2", "5", "10", "20", "50"])
    axis.minorticks_off()
_ = axes[0].legend(frameon=False)

# %% [markdown]
# ## Take it home
#
# The certificate says how much of the best possible the selection reaches at least; the recipe
# picks the same structures again, anywhere.

# %%
kept = winnow.select(information, "facility_location", size=0.1)
subset = winnow.to_atoms(data, kept)
print(f"{len(subset)} structures, the isolated atom among them")
kept

# %% [markdown]
# `kept.save("kept.json", information)` writes the recipe, `winnow.export(data, kept, "kept.xyz")`
# files for training, `winnow.retrain(information, methods, [0.1])` trains potentials on each, and
# `winnow.panel(data)` shows the page in a cell.
