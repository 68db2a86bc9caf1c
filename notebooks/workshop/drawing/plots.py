"""Plots of measured numbers."""


def draw_speeds(rows, styles):
    """Draw deliveries a second against the size of the room: a line for each project, in its style."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.8, 4), facecolor="white", layout="constrained")
    for name, style in styles.items():
        own = [row for row in rows if row[1] == name]
        if own:
            sizes, speeds = [row[0] for row in own], [row[2] for row in own]
            ax.plot(sizes, speeds, style, color="black", linewidth=2, markersize=8)
            ax.annotate(name, (sizes[-1], speeds[-1]), xytext=(10, 0), textcoords="offset points", va="center")
    ax.set(xlabel="people in the room", ylabel="deliveries a second", ylim=(0, None))
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    plt.show()


def draw_shares(times):
    """Draw a bar for each name in this Counter of seconds."""
    import matplotlib.pyplot as plt

    plt.rcParams["font.size"] = 12
    names, seconds = zip(*reversed(times.most_common()), strict=True)
    figure, ax = plt.subplots(figsize=(7.8, 0.45 * len(names)), facecolor="white", layout="constrained")
    bars = ax.barh(names, seconds, color="lightgray", edgecolor="black")
    ax.bar_label(bars, [f"{one / times.total():.0%}" for one in seconds], padding=4)
    ax.set(xticks=[], xlim=(0, 1.15 * max(seconds)))
    ax.tick_params(length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    plt.show()
