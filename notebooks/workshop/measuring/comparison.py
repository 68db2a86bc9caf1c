"""Show side by side what was overheard: the costs of polling and of one socket."""

import statistics

from workshop.drawing import Table


def compare(*overheard):
    """Return a Comparison of these Overheard conversations."""
    return Comparison(overheard)


class Comparison(Table):
    """Requests, bytes and delays of some conversations, one in each row. `rows` has them as numbers, delays in ms."""

    def __init__(self, overheard):
        self.overheard = overheard
        self.rows = [
            (each.name, each.requests, each.size, 1000 * statistics.mean(each.delays), 1000 * max(each.delays))
            for each in overheard
        ]

    def cells(self):
        yield ["", "requests", "bytes", "late, on average", "late, at worst"]
        for name, requests, size, mean, worst in self.rows:
            yield [name, str(requests), str(size), f"{mean:.1f} ms", f"{worst:.1f} ms"]

    def plot(self):
        """Draw a bar for each number, black for a socket."""
        import matplotlib.pyplot as plt

        plt.rcParams["font.size"] = 14
        names, requests, sizes, means, _ = zip(*reversed(self.rows), strict=True)  # from the bottom up
        columns = {"requests": requests, "bytes": sizes, "late, on average (ms)": means}
        colors = ["black" if each.on_a_socket else "lightgray" for each in reversed(self.overheard)]
        figure, axes = plt.subplots(1, 3, figsize=(11, 3), sharey=True, facecolor="white", layout="constrained")
        for ax, (title, values) in zip(axes, columns.items(), strict=True):
            bars = ax.barh(names, values, color=colors, edgecolor="black")
            ax.bar_label(bars, [f"{value:.1f}".removesuffix(".0") for value in values], padding=4)
            ax.set_title(title, loc="left")
            ax.set(xticks=[], xlim=(0, 1.4 * max(values)))
            ax.tick_params(length=0)
            ax.spines[["top", "right", "bottom"]].set_visible(False)
        plt.show()

    def plot_delays(self):
        """Draw a line for each message, from when it was said to when it was heard."""
        import matplotlib.pyplot as plt

        plt.rcParams["font.size"] = 14
        shown = self.overheard[::-1]
        figure, ax = plt.subplots(figsize=(11, 4.5), facecolor="white", layout="constrained")
        for row, each in enumerate(shown):
            height = [row - 0.3 + 0.6 * number / len(each.moments) for number in range(len(each.moments))]
            heard = [moment + delay for moment, delay in zip(each.moments, each.delays, strict=True)]
            ax.hlines(height, each.moments, heard, color="black", linewidth=2)
            ax.plot(heard, height, "o", color="black", markersize=6)
        names = [each.name for each in shown]
        ax.set(yticks=range(len(names)), yticklabels=names, xlabel="seconds from the beginning of the conversation")
        ax.spines[["top", "right"]].set_visible(False)
        plt.show()
