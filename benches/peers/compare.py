"""Networks of the zoo, or of files, in ParameterNet and its peers, side by side on the same weights and input.

Every runtime is a process of its own (worker.py, or tract's in Rust). They are measured in turn, a slice of time each, for many rounds, so that
whatever else the machine does meets all alike; only one runs at a time. Results are medians over all runs of all rounds, and
ratios of medians. Outputs must agree. Run it by run.sh.
"""

import argparse
import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "examples/models"

@dataclasses.dataclass(frozen=True)
class Network:
    """A network of the zoo or of a file, with hyper-parameters other than the defaults and what ours stores its experts as."""

    # In our language, within the folder of the zoo or anywhere; or a model in ONNX.
    file: str
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    experts_dtype: str = "f32"
    # What outputs may differ by, as a part of the largest one.
    agreement: float = 1e-3
    # The gain of the weights that are made up: what `pnetc init` says.
    gain: str = "2"

    @property
    def is_plain(self) -> bool:
        """Whether it counts in the mean: as its authors publish it, all in float32."""
        return not self.settings and self.experts_dtype == "f32"

    @property
    def is_onnx(self) -> bool:
        return self.file.endswith(".onnx")


NETWORKS = {
    "ParameterNet-600M": Network("parameternet.pnet"),
    "ParameterNet-600M, experts in bf16": Network("parameternet.pnet", experts_dtype="bf16", agreement=1e-2),
    "ParameterNet-600M, experts in int8": Network("parameternet.pnet", experts_dtype="int8", agreement=5e-2),
    "ParameterNet-600M, 1 expert": Network("parameternet.pnet", {"experts": "1"}),
    # With a gain of 2, this network magnifies rounding to differences as large as the output: `pnetc run` in single precision against
    # `--backend interp`.
    "ParameterNet-600M, 8 experts": Network("parameternet.pnet", {"experts": "8"}, gain="1"),
    "GhostNet": Network("ghostnet.pnet"),
    "MobileNetV2": Network("mobilenetv2.pnet"),
    "MobileNetV3-Large": Network("mobilenetv3_large.pnet"),
    "EfficientNet-B0": Network("efficientnet.pnet"),
    "ResNet-50": Network("resnet50.pnet"),
    "RepVGG-A0": Network("repvgg.pnet"),
    "Swin-T": Network("swin.pnet"),
    "DeiT-Ti": Network("vit.pnet"),
}


def network(name: str) -> Network:
    """The network of the zoo that is called so, or that of a file."""
    if name in NETWORKS:
        return NETWORKS[name]
    return Network(str(Path(name).resolve()))


def name_or_file(argument: str) -> str:
    """Checks what was given as a network."""
    if argument in NETWORKS or (Path(argument).suffix in {".pnet", ".onnx"} and Path(argument).is_file()):
        return argument
    names = ", ".join(f"`{name}`" for name in NETWORKS)
    raise argparse.ArgumentTypeError(f"`{argument}` is neither a file (.pnet, .onnx) nor one of {names}")


RUNTIMES = ["parameternet", "onnxruntime", "openvino", "tract"]
# How long a slice of one runtime is.
SLICE_SECONDS = 0.25


class Worker:
    """A runtime that waits to be asked."""

    def __init__(self, command: list[str], output: Path, cpus: set[int]):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command[0]} ended with {self.process.wait()}")
        self.facts = json.loads(line)
        self.output = numpy.load(output)
        self.times: list[int] = []

    def measure(self, runs: int) -> list[int]:
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def pnetc(options: argparse.Namespace, *arguments: str) -> str:
    done = subprocess.run([options.pnetc, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"pnetc {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def without_budgets(options: argparse.Namespace) -> Path:
    """The zoo without its budgets, which hold for default hyper-parameters alone."""
    folder = options.work / "models"
    for path in MODELS.rglob("*.pnet"):
        copy = folder / path.relative_to(MODELS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(re.sub(r"^budget .*$", "", path.read_text(), flags=re.MULTILINE))
    return folder


def prepare(options: argparse.Namespace, name: str, batch: int, threads: int) -> dict:
    """The files of a network: weights, an input, the model for ONNX, the library of ours, whose work is cut for so many threads; and shapes."""
    chosen = network(name)
    folder = options.work / (re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-").lower() + f"-{batch}")
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "weights": folder / "weights.safetensors",
        "onnx": folder / "model.onnx",
        "library": folder / "libnet.so",
        "input": folder / "input.npy",
    }
    text = without_budgets(options) / chosen.file
    if chosen.is_onnx:
        text = folder / "net.pnet"
        pnetc(options, "import", chosen.file, "--output", str(text), "--weights", str(files["weights"]))
    arguments = [str(text), "--batch", str(batch)]
    for key, value in chosen.settings.items():
        arguments += ["--set", f"{key}={value}"]
    if not chosen.is_onnx:
        pnetc(options, "init", *arguments, "--gain", chosen.gain, "--output", str(files["weights"]))
    weights = ["--weights", str(files["weights"])]
    pnetc(options, "build", *arguments, "--emit", "onnx", *weights, "--output", str(files["onnx"]))
    library = ["--emit", "cdylib", "--prefix", "net", "--header", str(folder / "net.h"), "--output", str(files["library"])]
    library += ["--experts-dtype", chosen.experts_dtype, "--threads", str(threads)]
    pnetc(options, "build", *arguments, *library)
    files["input_shape"], files["output_shape"] = shapes(name, files["onnx"])
    if files["input_shape"][0] != batch:
        raise SystemExit(f"{name}: its batch is always {files['input_shape'][0]}: ask for that with --batch")
    if chosen.is_onnx and shapes(name, Path(chosen.file))[0] == files["input_shape"]:
        # As it was made, which others may know better than what we would make of it.
        files["onnx"] = Path(chosen.file)
    generator = numpy.random.default_rng(0)
    numpy.save(files["input"], generator.standard_normal(files["input_shape"], numpy.float32))
    return files


def shapes(name: str, model: Path) -> tuple[list[int], list[int]]:
    """The shapes of the input and the output of a model, which has one of each."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    ports = session.get_inputs(), session.get_outputs()
    if [len(each) for each in ports] != [1, 1]:
        raise SystemExit(f"{name}: only networks with one input and one output can be compared")
    return ports[0][0].shape, ports[1][0].shape


def start(options: argparse.Namespace, runtime: str, files: dict, threads: int) -> Worker:
    output = files["input"].with_name(f"{runtime}.npy")
    cpus = set(sorted(os.sched_getaffinity(0))[-threads:])
    model = files["library" if runtime == "parameternet" else "onnx"]
    shape = "x".join(str(size) for size in files["output_shape"])
    arguments = [str(model), str(files["weights"]), str(files["input"]), str(output), str(threads), shape]
    if runtime == "tract":
        return Worker([str(options.tract), *arguments], output, cpus)
    return Worker([sys.executable, str(Path(__file__).with_name("worker.py")), runtime, *arguments], output, cpus)


def compare(options: argparse.Namespace, name: str, batch: int, threads: int) -> dict:
    """One row: a network, at a batch size, on some threads."""
    files = prepare(options, name, batch, threads)
    runtimes = [runtime for runtime in options.runtimes if not (runtime == "tract" and threads > 1)]
    workers = {}
    for runtime in runtimes:
        try:
            workers[runtime] = start(options, runtime, files, threads)
        except RuntimeError as error:
            print(f"{name}: {runtime} left out: {error}", file=sys.stderr)
    reference = workers["onnxruntime"].output if "onnxruntime" in workers else workers["parameternet"].output
    for runtime, worker in list(workers.items()):
        difference = float(abs(worker.output - reference).max() / abs(reference).max())
        worker.facts["difference"] = difference
        if difference < network(name).agreement:
            continue
        told = f"{name}: the output of {runtime} differs by {difference:.1e} of the largest"
        if runtime == "parameternet":
            raise SystemExit(told)
        print(f"{told}: left out", file=sys.stderr)
        workers.pop(runtime).close()
    runs = {}
    for runtime, worker in workers.items():
        worker.measure(2)
        fastest = min(worker.measure(3)) / 1e9
        runs[runtime] = max(1, round(SLICE_SECONDS / fastest))
    order = list(workers)
    for _ in range(options.rounds):
        for runtime in order:
            # Threads of the runtime before may spin for a while.
            time.sleep(0.02)
            workers[runtime].times += workers[runtime].measure(runs[runtime])
        order = order[1:] + order[:1]
    row = {"network": name, "batch": batch, "threads": threads, "runtimes": {}}
    for runtime, worker in workers.items():
        milliseconds = [nanoseconds / 1e6 for nanoseconds in worker.times]
        row["runtimes"][runtime] = {
            "median_ms": statistics.median(milliseconds),
            "min_ms": min(milliseconds),
            "runs": len(milliseconds),
            "first_ms": worker.facts["first_seconds"] * 1e3,
            "baseline_mb": worker.facts["baseline_bytes"] / 1e6,
            "peak_mb": worker.facts["peak_bytes"] / 1e6,
            "difference": worker.facts["difference"],
        }
        worker.close()
    peers = {runtime: facts["median_ms"] for runtime, facts in row["runtimes"].items() if runtime != "parameternet"}
    if peers:
        row["best_peer"] = min(peers, key=peers.get)
        row["ratio"] = peers[row["best_peer"]] / row["runtimes"]["parameternet"]["median_ms"]
    row["sizes_mb"] = sizes(options, files)
    return row


def sizes(options: argparse.Namespace, files: dict) -> dict[str, float]:
    """What must be shipped: libraries, network and weights, without Python."""

    def libraries(package: str) -> int:
        found = [
            path
            for folder in sys.path
            for path in Path(folder, package).rglob("*")
            # The wheel of ONNX Runtime has it twice: as a library by itself, and within the module for Python.
            if ".so" in path.name and not path.name.startswith("libonnxruntime.so")
            if path.is_file() and not path.is_symlink()
        ]
        return sum(path.stat().st_size for path in found)

    def size(name: str) -> int:
        return files[name].stat().st_size

    total = {
        "parameternet": size("library") + size("weights"),
        "onnxruntime": libraries("onnxruntime") + size("onnx"),
        "openvino": libraries("openvino") + size("onnx"),
        "tract": Path(options.tract).stat().st_size + size("onnx"),
    }
    return {runtime: total[runtime] / 1e6 for runtime in options.runtimes}


def table(rows: list[dict], runtimes: list[str]) -> str:
    """The rows in Markdown."""
    lines = ["| network | batch | threads | " + " | ".join(runtimes) + " | best peer / ours |"]
    lines.append("|---|--:|--:|" + "--:|" * (len(runtimes) + 1))
    for row in rows:
        cells = [
            f"{row['runtimes'][runtime]['median_ms']:.2f}" if runtime in row["runtimes"] else "" for runtime in runtimes
        ]
        ratio = f"**{row['ratio']:.2f}**" if "ratio" in row else ""
        lines.append(f"| {row['network']} | {row['batch']} | {row['threads']} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def demands(rows: list[dict], runtimes: list[str]) -> str:
    """What else the runtimes need, in Markdown: of each row, cells of three numbers."""
    lines = ["| network | batch | threads | " + " | ".join(runtimes) + " |"]
    lines.append("|---|--:|--:|" + "--:|" * len(runtimes))
    for row in rows:
        cells = []
        for runtime in runtimes:
            facts = row["runtimes"].get(runtime)
            if facts is None:
                cells.append("")
                continue
            memory = facts["peak_mb"] - facts["baseline_mb"]
            numbers = [facts["first_ms"], memory, row["sizes_mb"][runtime]]
            cells.append(" / ".join(f"{number:.0f}" for number in numbers))
        lines.append(f"| {row['network']} | {row['batch']} | {row['threads']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chart(rows: list[dict], runtimes: list[str], path: Path) -> None:
    """A group of bars for each network: the time of each runtime as a part of the best peer's."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "parameternet"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.62 * len(rows)))
    height = 0.8 / len(runtimes)
    for index, runtime in enumerate(runtimes):
        places = [number + index * height for number, row in enumerate(rows) if runtime in row["runtimes"]]
        present = [row["runtimes"][runtime]["median_ms"] for row in rows if runtime in row["runtimes"]]
        bars = axes.barh(places, present, height, label=runtime)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=7)
    axes.set_yticks([number + 0.4 for number in range(len(rows))], [row["network"] for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(f"milliseconds a run, batch {rows[0]['batch']}, {rows[0]['threads']} thread(s); shorter is better")
    axes.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pnetc", required=True)
    parser.add_argument("--tract", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), type=name_or_file, metavar="NAME|FILE", help="of the zoo, or files: .pnet, .onnx")
    parser.add_argument("--runtimes", nargs="*", default=RUNTIMES, choices=RUNTIMES)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--batch", type=int, nargs="*", default=[1])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", type=Path, default=None, help="[default: results.json in the folder of work]")
    parser.add_argument("--svg", type=Path, default=None, help="[default: results.svg in the folder of work]")
    options = parser.parse_args()
    if "parameternet" not in options.runtimes:
        parser.error("`--runtimes` needs parameternet: it is what the others are compared with")
    options.work.mkdir(parents=True, exist_ok=True)
    limits = json.loads(pnetc(options, "bench", str(MODELS / "mlp.pnet"), "--json"))["machine"]
    rows = []
    for threads in options.threads:
        for batch in options.batch:
            for name in options.networks:
                rows.append(compare(options, name, batch, threads))
                print(table(rows[-1:], options.runtimes).splitlines()[-1], flush=True)
    result = {"machine": limits, "cores": os.cpu_count(), "rows": rows}
    (options.json or options.work / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    first = [row for row in rows if (row["threads"], row["batch"]) == (rows[0]["threads"], rows[0]["batch"])]
    chart(first, options.runtimes, options.svg or options.work / "results.svg")
    print(table(rows, options.runtimes))
    print("\nms from files to the first result / MB of memory that it took at most / MB of files to be shipped\n")
    print(demands(rows, options.runtimes))
    ratios = [row["ratio"] for row in first if "ratio" in row and network(row["network"]).is_plain]
    if ratios:
        print(f"\ngeometric mean of the ratios of {len(ratios)} networks, {first[0]['threads']} thread(s): {statistics.geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()
