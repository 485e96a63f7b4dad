"""``snnlab gradients``: the gradients of a run by several methods, side by side."""

from pathlib import Path

import numpy as np

from snnlab.commands.flags import add_data_dir, filled, place, whole


def add_gradients(commands) -> None:
    """Add the command to a parser's commands."""
    text = "compare the gradients of surrogates, EventProp and the chip itself on a run"
    parser = commands.add_parser("gradients", help=text, description=text)
    parser.set_defaults(command=_gradients, prints=True)
    parser.add_argument("run", type=filled, metavar="RUN", help="folder or name of a run")
    add = parser.add_argument
    text = "repeat the training of the run, and compare before and after each of N epochs"
    add("--epochs", type=whole, default=0, metavar="N", help=text)
    add("--images", type=whole, default=100, metavar="N",
        help="training images of the batch (default: 100)")  # fmt: skip
    text = "random directions per layer in which the chip's loss is measured (default: 64)"
    add("--directions", type=whole, default=64, metavar="N", help=text)
    text = "draw the first hidden layer: cosines over neurons, or over the training"
    add("--figure", type=place, metavar="FILE", help=text)
    add("--export", type=place, metavar="FILE", help="write the table as .csv or .parquet")
    add_data_dir(parser)


def _gradients(arguments):
    from snnlab.runs.run import find_run
    from snnlab.runs.tables import check_export, export_table
    from snnlab.studies import gradients as microscope
    from snnlab.text.progress import Bar

    run = find_run(arguments.run, Path("runs"))
    if arguments.export:
        check_export(arguments.export)
    if arguments.figure:
        from snnlab.plotting import check_picture

        check_picture(arguments.figure)
    with Bar(times=True) as bar:
        found = microscope.study(
            run, arguments.data_dir, arguments.epochs, bar.tell,
            images=arguments.images, directions=arguments.directions,
        )  # fmt: skip
    for one in found:
        print(f"step {one.step}, loss {one.loss:.3f}\n\n{microscope.table(one)}\n")
    print(microscope.legend(arguments.directions))
    if arguments.export:
        export_table(arguments.export, microscope.columns(found))
    if arguments.figure:
        _draw(found, arguments.figure)
    return 0


def _draw(found, path):
    from snnlab.model.gradients import TITLES
    from snnlab.plotting import gradients, save

    own, hidden = found[0].trained_by, [one.layers[0] for one in found]
    if len(found) == 1:
        cosine = {name: hidden[0].neuron_cosine[k] for k, name in enumerate(TITLES) if k != own}
        element = gradients.over_neurons(hidden[0].spikes, cosine, "matplotlib")
    else:
        step = np.array([one.step for one in found])
        cosine = {
            name: np.array([layer.cosine[own, k] for layer in hidden])
            for k, name in enumerate(TITLES) if k != own
        }  # fmt: skip
        ylabel = "cosine with the training's gradient"
        element = gradients.over_training(step, cosine, ylabel, "matplotlib")
    save(element, path)
