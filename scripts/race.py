"""Races Repartee against its peers; `scripts/race` installs them and runs this.

docs/PERFORMANCE.md says how it measures. Every measurement is a process of its own, which prints one line of JSON. In
each round every contestant of a work runs once, in rotated order. Lines go to target/race/results.jsonl, tables between
the markers of docs/PERFORMANCE.md.
"""

import argparse
import csv
import datetime
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from race_peers import (
    BATCH, FAKES_ROWS, GENERATE, LENGTH, MAX_TOKENS, MODELS, PEERS, PROMPT, RACE, ROOT, SCORE, SHARED, WORKS, kind_of,
    threads)

REPARTEE = ROOT / "target/release/repartee"
PAGE = ROOT / "docs/PERFORMANCE.md"
PEER = [sys.executable, ROOT / "scripts/race_peers.py"]
REPARTEE_DTYPES = ["f32", "bf16", "int8"]
# which precision of Repartee a peer's is compared with, where the names differ
SAME = {"f16": "bf16", "q8_0": "int8"}


# The race.


def run(command):
    """The last line of a command's output, as JSON."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{Path(command[0]).name} failed: {said}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def bench(*arguments, steps=1):
    return run([REPARTEE, "bench", *arguments, "--steps", steps, "--device", "cpu", "--json"])


def measure_repartee(work, dtype):
    kind = kind_of(work)
    if kind == "generate":
        model, prompts, candidates = GENERATE[work]
        rows = ["--rows", FAKES_ROWS] if prompts > 1 else []
        line = bench("generate", "--model", model, "--batch", prompts, "--candidates", candidates, "--prompt", PROMPT,
                     "--length", LENGTH, "--dtype", dtype, *rows)
    elif kind == "score":
        model = SHARED / "minilm" if SCORE[work] == "minilm" else SCORE[work]
        line = bench("score", "--model", model, "--pairs", RACE / "pairs.csv", "--tokenizer", SHARED / "minilm",
                     "--batch", BATCH, "--length", MAX_TOKENS, "--dtype", dtype)
    else:
        line = bench("pipeline", "--candidates", 10, "--prompt", PROMPT, "--length", LENGTH, "--dtype", dtype)
    return {"seconds": line["seconds"][0], "done": line.get("done", 1), "peak_rss_gb": line["peak_rss_gb"]} | {
        k: line[k] for k in ("first_token_ms", "generate_s", "score_s") if k in line}


def race(work, args):
    """Runs the rounds of a work: the rates of each contestant by round, or why it failed."""
    contestants = [("repartee", dtype) for dtype in REPARTEE_DTYPES]
    contestants += [(peer, dtype) for peer, dtypes in PEERS[kind_of(work)].items() if peer in args.peers
                    for dtype in dtypes]
    found, failed = {who: {} for who in contestants}, {}
    for n in range(args.rounds):
        turn = n % len(contestants)
        for peer, dtype in contestants[turn:] + contestants[:turn]:
            if (peer, dtype) in failed:
                continue
            load = os.getloadavg()[0]
            try:
                line = measure_repartee(work, dtype) if peer == "repartee" else run(
                    [*PEER, "measure", work, peer, dtype])
            except RuntimeError as error:
                failed[peer, dtype] = str(error)
                print(f"{work}: {peer} {dtype}: {error}", file=sys.stderr)
                continue
            found[peer, dtype][n] = line
            line = {"work": work, "peer": peer, "dtype": dtype, "round": n, "started": args.started,
                    "commit": commit(), "threads": threads(), "load": load, **line}
            with open(RACE / "results.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{work}, round {n + 1}: {peer} {dtype}: {line['seconds']:.3f} s", flush=True)
    return found, failed


def spread(values, digits):
    middle, low, high = (f"{x:,.{digits}f}" for x in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def table(work, found, failed, rounds):
    """The rows of a work: medians with their spread, and how many times as fast Repartee is, round by round."""
    unit = {"generate": "tokens/s", "score": "pairs/s", "pipeline": "s per comment"}[kind_of(work)]
    first = kind_of(work) == "pipeline"
    head = ["", "precision", unit] + ["first token, ms"] * first + ["memory, GB", "Repartee relative to it"]
    rows = [head, ["---"] * len(head)]
    for (peer, dtype), lines in found.items():
        if (peer, dtype) in failed:
            rows.append([peer, dtype, failed[peer, dtype].replace("|", "/")] + ["-"] * (len(head) - 3))
            continue
        values = [line["seconds"] if first else line["done"] / line["seconds"] for line in lines.values()]
        ours = found["repartee", SAME.get(dtype, dtype)]
        ratios = [line["seconds"] / ours[n]["seconds"] for n, line in lines.items() if n in ours]
        row = [peer, dtype, spread(values, 3 if first else 1)]
        row += [f"{statistics.median(line['first_token_ms'] for line in lines.values()):.0f}"] if first else []
        row += [f"{max(line['peak_rss_gb'] for line in lines.values()):.2f}"]
        rows.append(row + ["-" if peer == "repartee" or not ratios else spread(ratios, 2)])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{text}\n\nMedians of {rounds} rounds, with the lowest and the highest."


# Repartee alone, beside the limits.


def profile(args):
    """Where the time of a step goes, by differences between models of which a part is missing."""
    limits = run([REPARTEE, "bench", "limits", "--json"])
    read, multiply = limits["read_gb_per_s"], limits["f32_gflop_per_s"]
    write(args, "limits", f"| memory read | f32 products |\n|---|---|\n| {read:.1f} GB/s | {multiply:.0f} GFLOP/s |\n\n"
          f"The fastest of {limits['rounds']}, on {limits['threads']} threads.")
    if "profile" not in args.only:
        return
    c, layers, vocabulary, small, far = 768, 12, 50257, 1024, 512

    def step(dtype, rows, layers=layers, vocabulary=vocabulary, prompt=PROMPT):
        """Milliseconds of a step: 64 tokens less two tokens, so that reading the prompt cancels out."""
        folder = RACE / f"profile-{layers}-{vocabulary}"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({
            "model_type": "gpt2", "vocab_size": vocabulary, "n_positions": 1024, "n_embd": c, "n_layer": layers,
            "n_head": 12}))
        seconds = [statistics.median(bench(
            "generate", "--model", folder, "--batch", 1, "--candidates", rows, "--prompt", prompt, "--length", length,
            "--dtype", dtype, steps=args.rounds)["seconds"]) for length in (LENGTH, 2)]
        return 1e3 * (seconds[0] - seconds[1]) / (LENGTH - 2)

    lines = [["precision", "rows", "step", "blocks", "of them attention", "vocabulary and sampling", "rest",
              "reading all weights", "f32 products"], ["---"] * 9]
    for dtype in REPARTEE_DTYPES:
        for rows in (10, 1):
            whole = step(dtype, rows)
            blocks = (whole - step(dtype, rows, layers=1)) * layers / (layers - 1)
            words = (whole - step(dtype, rows, vocabulary=small)) * vocabulary / (vocabulary - small)
            # a row attends to its prompt and, on average, to half of what it has written
            attention = (step(dtype, rows, prompt=far) - whole) / (far - PROMPT) * (PROMPT + LENGTH / 2)
            weights = 12 * c * c * layers + vocabulary * c
            memory = 1e3 * weights * {"f32": 4, "bf16": 2, "int8": 1}[dtype] / (read * 1e9)
            products = 1e3 * 2 * weights * rows / (multiply * 1e9)
            times = [whole, blocks, attention, words, whole - blocks - words, memory]
            lines.append([dtype, str(rows)] + [f"{t:.2f}" for t in times] + [
                f"{products:.2f}" if dtype == "f32" else "-"])
            print(f"profile: {' '.join(lines[-1])}", flush=True)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    write(args, "profile", f"{text}\n\nMilliseconds per step of GPT-2 124M; medians of {args.rounds}.")


# The page.


def commit():
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--", "crates", "models", "datasets", "Cargo.lock"],
                             capture_output=True, text=True).stdout.strip()
    return name + (" with changes" if changed else "")


def machine(args):
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        about = Path("/proc/cpuinfo").read_text()
        cpu = re.search(r"model name\s*:\s*(.+)", about)[1] if "model name" in about else cpu
        known = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16"]
        cpu += " (" + ", ".join(name for name in known if re.search(rf"\b{name}\b", about)) + ")"
    packages = ["torch", "transformers", "ctranslate2", "onnxruntime", "openvino"]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    versions.append(f"llama.cpp of llama-cpp-python {os.environ.get('RACE_LLAMA_CPP_PYTHON', '')}")
    return (f"{cpu}, {threads()} threads, {platform.system()} {platform.machine()}; {args.started[:10]}; Repartee "
            f"{commit()}; Python {platform.python_version()}, {', '.join(versions)}")


def write(args, name, text):
    """Puts a text between the markers of that name, or prints it."""
    if args.no_write:
        return print(f"{name}:\n{text}\n")
    page = PAGE.read_text()
    begin, end = f"<!-- race:{name} -->", f"<!-- /race:{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{PAGE} has no place for {name}: expected {begin} and {end} once")
    before, rest = page.split(begin)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def write_pairs(args):
    csv.field_size_limit(1 << 30)
    with open(args.pairs, newline="", encoding="utf-8") as file:
        rows = [(row["comment"], row["reply"]) for row in csv.DictReader(file)][:args.limit]
    with open(RACE / "pairs.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("comment", "reply"), *rows])


def names(text):
    return text.split(",")


def main():
    everything, peers = [*WORKS, "limits", "profile"], sorted({peer for of in PEERS.values() for peer in of})
    parser = argparse.ArgumentParser(prog="scripts/race", description=__doc__.split("\n")[0])
    parser.add_argument("--only", type=names, default=everything, help=f"of {','.join(everything)}")
    parser.add_argument("--peers", type=names, default=peers, help=f"of {','.join(peers)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    sample = SHARED / "reddit/bigquery_sample.csv"
    parser.add_argument("--pairs", default=sample, help="CSV with the columns comment and reply")
    parser.add_argument("--limit", type=int, default=256, help="score this many of its pairs")
    parser.add_argument("--no-write", action="store_true", help="leave docs/PERFORMANCE.md as it is")
    args = parser.parse_args()
    unknown = [name for name in args.only if name not in everything] + [p for p in args.peers if p not in peers]
    if unknown or args.rounds < 1:
        parser.error(f"there is no {', '.join(unknown)}" if unknown else "rounds must be at least 1")
    args.started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    for name in ("RAYON", "OMP", "MKL", "OPENBLAS"):
        os.environ[f"{name}_NUM_THREADS"] = str(args.threads)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    MODELS.mkdir(parents=True, exist_ok=True)
    if os.getloadavg()[0] > 0.5:
        print(f"Other programs are using this machine: load {os.getloadavg()[0]:.1f}", file=sys.stderr)

    works = [work for work in WORKS if work in args.only]
    if {"score", "pipeline"} & {kind_of(work) for work in works} and not (SHARED / "minilm").exists():
        raise SystemExit(f"{SHARED}/minilm is missing: set REPARTEE_SHARED, or leave out scoring (--only)")
    if any(work in SCORE for work in works):
        write_pairs(args)
    models = {model for work in works for model in ([GENERATE[work][0]] if work in GENERATE else
                                                    [SCORE[work]] if work in SCORE else ["gpt2", "bert-base"])}
    for model in sorted(models):
        for peer in args.peers:  # a process each: converting takes more memory than the work
            subprocess.run([*PEER, "prepare", model, peer], check=False)
    write(args, "machine", machine(args))
    for work in works:
        found, failed = race(work, args)
        write(args, work, table(work, found, failed, args.rounds))
    if {"limits", "profile"} & set(args.only):
        profile(args)


if __name__ == "__main__":
    main()
