"""The peers of scripts/race.py: their models, and one measurement of one of them in this process.

    race_peers.py prepare MODEL PEER          write the model's files in the format that the peer needs
    race_peers.py measure WORK PEER DTYPE     measure; prints one line of JSON
"""

import csv
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RACE = ROOT / "target/race"
MODELS = RACE / "models"
LLAMA = RACE / "llama/build/bin/llama-batched-bench"
SHARED = Path(os.environ.get("REPARTEE_SHARED", ROOT.parent / "shared"))

PROMPT, LENGTH, TOP_K, BATCH, MAX_TOKENS, FAKES_ROWS = 64, 64, 40, 32, 128, 32
# name, model, prompts, candidates
GENERATE = {
    "generate": ("gpt2", 1, 10),
    "stream": ("gpt2", 1, 1),
    "generate-medium": ("gpt2-medium", 1, 10),
    "stream-medium": ("gpt2-medium", 1, 1),
    "fakes": ("gpt2", 50, 10),
}
SCORE = {"score": "bert-base", "score-minilm": "minilm"}
WORKS = [*GENERATE, *SCORE, "pipeline"]
# the precisions in which each peer can do each kind of work
PEERS = {
    "generate": {
        "transformers": ["f32", "bf16"],
        "ctranslate2": ["f32", "int8"],
        "llama.cpp": ["f32", "bf16", "f16", "q8_0"],
    },
    "score": {
        "transformers": ["f32", "bf16"],
        "ctranslate2": ["f32", "int8"],
        "onnxruntime": ["f32", "int8"],
        "openvino": ["f32", "bf16"],
    },
    "pipeline": {"transformers": ["f32", "bf16"], "ctranslate2": ["f32", "int8"]},
}


def kind_of(work):
    return "generate" if work in GENERATE else "score" if work in SCORE else "pipeline"


def threads():
    return int(os.environ["RAYON_NUM_THREADS"])


# The models, once for all peers: random weights from a seed, in target/race/models.


def config_of(model):
    import transformers

    if model in SCORE.values():
        config = transformers.BertConfig()
        if model == "minilm":
            config = transformers.BertConfig.from_pretrained(SHARED / "minilm")
        config.position_embedding_type = "absolute"  # CTranslate2 asks for it; transformers no longer writes it
        return config
    c, layers, heads = {"gpt2": (768, 12, 12), "gpt2-medium": (1024, 24, 16)}[model]
    return transformers.GPT2Config(n_embd=c, n_layer=layers, n_head=heads)


def prepare(model, peer):
    """Writes a model's files in the format that a peer needs; those that exist stay."""
    import torch
    import transformers

    hf, is_bert = MODELS / model, model in SCORE.values()
    if not (hf / "done").exists():
        torch.manual_seed(1)
        kind = transformers.BertForSequenceClassification if is_bert else transformers.GPT2LMHeadModel
        kind(config_of(model)).save_pretrained(hf)
        tokenizer = transformers.AutoTokenizer.from_pretrained(SHARED / "minilm") if is_bert else numbers_as_tokens()
        tokenizer.save_pretrained(hf)
        (hf / "done").touch()
    if peer == "ctranslate2" and not (hf / "ct2/model.bin").exists():
        import ctranslate2

        ctranslate2.converters.TransformersConverter(str(hf)).convert(str(hf / "ct2"), force=True)
    if is_bert and peer in ("onnxruntime", "openvino"):
        write_onnx(hf)
    if not is_bert and peer == "llama.cpp":
        for dtype in PEERS["generate"]["llama.cpp"]:
            write_gguf(hf, dtype)


def numbers_as_tokens():
    """A tokenizer of GPT-2's size whose tokens are `t0`, `t1`, ...: CTranslate2 takes tokens as text."""
    import tokenizers
    import transformers

    end = "<|endoftext|>"
    vocabulary = {f"t{i}": i for i in range(50256)} | {end: 50256}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end, unk_token=end)


def write_gguf(hf, dtype):
    """GPT-2 in llama.cpp's format: matrices as (outputs, inputs) in `dtype`, everything else in f32, no vocabulary."""
    import gguf
    import transformers

    path = hf / f"{dtype}.gguf"
    if path.exists():
        return
    model = transformers.GPT2LMHeadModel.from_pretrained(hf)
    config, kind = model.config, gguf.GGMLQuantizationType[dtype.upper()]
    names = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "ln_1": "attn_norm",
             "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up",
             "mlp.c_proj": "ffn_down"}
    part = path.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "gpt2")
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(4 * config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    for name, tensor in model.transformer.state_dict().items():
        found = re.fullmatch(r"(?:h\.(\d+)\.)?(.+)\.(weight|bias)", name)
        if not found or found[2] not in names:
            continue  # masks that some versions keep as buffers
        block, layer, end = found.groups()
        values = tensor.numpy()
        if block is not None and values.ndim == 2:
            values = values.T.copy()  # transformers keeps (inputs, outputs)
        as_is = values.ndim == 1 or layer == "wpe"
        of = gguf.GGMLQuantizationType.F32 if as_is else kind
        prefix = f"blk.{block}." if block is not None else ""
        writer.add_tensor(f"{prefix}{names[layer]}.{end}", gguf.quants.quantize(values, of), raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(path)


def write_onnx(hf):
    """A classifier as f32.onnx, with ONNX Runtime's fusions, and int8.onnx, quantized dynamically."""
    import onnx
    import torch
    import transformers
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    if (hf / "int8.onnx").exists():
        return
    model = transformers.BertForSequenceClassification.from_pretrained(hf, attn_implementation="eager").eval()

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, mask, types):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits

    some, names = torch.ones(2, 16, dtype=torch.long), ["ids", "mask", "types"]
    # the older exporter: ONNX Runtime finds no attention to fuse in what the newer one writes
    torch.onnx.export(Logits(), (some, some, some), str(hf / "plain.onnx"), input_names=names, output_names=["logits"],
                      dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names}, dynamo=False, opset_version=17)
    config = model.config
    fused = optimize_model(str(hf / "plain.onnx"), model_type="bert", num_heads=config.num_attention_heads,
                           hidden_size=config.hidden_size)
    if not fused.get_fused_operator_statistics()["Attention"]:
        raise SystemExit("ONNX Runtime fused no attention")
    fused.save_model_to_file(str(hf / "f32.onnx"))
    print("fused:", fused.get_fused_operator_statistics(), file=sys.stderr)
    quantize_dynamic(hf / "f32.onnx", hf / "part.onnx", weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    operators = {node.op_type for node in onnx.load(hf / "part.onnx").graph.node}
    if not operators & {"MatMulInteger", "DynamicQuantizeMatMul", "QAttention"}:
        raise SystemExit("ONNX Runtime quantized no product")
    (hf / "part.onnx").rename(hf / "int8.onnx")


# The peers. Each function builds a closure that does one work, for one precision.


def prompts_of(count):
    import torch

    torch.manual_seed(2)
    return torch.randint(50256, (count, PROMPT))


def transformers_model(model, dtype):
    import torch
    import transformers

    kind = transformers.BertForSequenceClassification if model in SCORE.values() else transformers.GPT2LMHeadModel
    return kind.from_pretrained(MODELS / model, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[dtype]).eval()


def transformers_generate(model, dtype):
    import torch
    import transformers

    model = transformers_model(model, dtype)

    class Clock(transformers.LogitsProcessor):
        def __call__(self, ids, logits):
            first.append(time.perf_counter())
            return logits

    first = []

    @torch.inference_mode()
    def generate(prompts, candidates, length=LENGTH):
        """New ids of each candidate, and when the first logits were there. All candidates of some prompts at once."""
        first.clear()
        out = []
        for some in prompts.split(max(1, FAKES_ROWS // candidates)):
            written = model.generate(
                some, attention_mask=torch.ones_like(some), do_sample=True, top_k=TOP_K, pad_token_id=0,
                num_return_sequences=candidates, min_new_tokens=length, max_new_tokens=length,
                logits_processor=transformers.LogitsProcessorList([Clock()]))
            assert written.shape[1] == PROMPT + length
            out += written[:, PROMPT:].tolist()
        return out, first[0]

    return generate


def transformers_score(model, dtype):
    import torch

    model = transformers_model(model, dtype)

    @torch.inference_mode()
    def score(ids, mask, types):
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return model(**{k: torch.from_numpy(v) for k, v in inputs.items()}).logits.float().softmax(-1).tolist()

    return score


def ctranslate2_model(kind, model, dtype):
    import ctranslate2

    wanted = {"f32": "float32", "int8": "int8"}[dtype]
    model = getattr(ctranslate2, kind)(str(MODELS / model / "ct2"), compute_type=wanted, intra_threads=threads())
    if not model.compute_type.startswith(wanted):
        raise SystemExit(f"CTranslate2 computes in {model.compute_type}")
    return model


def ctranslate2_generate(model, dtype):
    model = ctranslate2_model("Generator", model, dtype)

    def generate(prompts, candidates, length=LENGTH):
        out = []
        for some in prompts.split(max(1, FAKES_ROWS // candidates)):
            written = model.generate_batch(
                [[f"t{i}" for i in ids] for ids in some.tolist()], max_length=length, min_length=length, beam_size=1,
                num_hypotheses=candidates, sampling_topk=TOP_K, include_prompt_in_result=False)
            out += [ids for one in written for ids in one.sequences_ids]
        assert [len(ids) for ids in out] == [length] * (candidates * len(prompts))
        return out, None

    return generate


def ctranslate2_score(model, dtype):
    import numpy

    encoder = ctranslate2_model("Encoder", model, dtype)
    head = None

    def score(ids, mask, types):
        """The encoder with its pooler; the head, a product with two columns, is numpy's."""
        nonlocal head
        lengths = mask.sum(1)
        rows = [row[:n].tolist() for row, n in zip(ids, lengths)]
        kinds = [row[:n].tolist() for row, n in zip(types, lengths)]
        pooled = numpy.array(encoder.forward_batch(rows, token_type_ids=kinds).pooler_output)
        if head is None:
            head = numpy.random.default_rng(1).normal(0, 0.02, (pooled.shape[1], 2)).astype("f4")
        return (pooled @ head).tolist()

    return score


def onnxruntime_score(model, dtype):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(MODELS / model / f"{dtype}.onnx", options, ["CPUExecutionProvider"])
    return lambda ids, mask, types: session.run(None, {"ids": ids, "mask": mask, "types": types})[0].tolist()


def openvino_score(model, dtype):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": dtype, "INFERENCE_NUM_THREADS": threads(), "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(MODELS / model / "plain.onnx"), "CPU", settings)
    found = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if found != dtype:
        raise SystemExit(f"OpenVINO computes in {found} on this processor")
    return lambda ids, mask, types: compiled({"ids": ids, "mask": mask, "types": types})[0].tolist()


# One measurement, in this process.


def batches(model):
    """Token ids, mask and types of the pairs in file order, `BATCH` at a time, padded to the longest of the batch."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / model)
    with open(RACE / "pairs.csv", newline="", encoding="utf-8") as file:
        pairs = [(row["comment"], row["reply"]) for row in csv.DictReader(file)]
    out = []
    for at in range(0, len(pairs), BATCH):
        comments, replies = (list(texts) for texts in zip(*pairs[at:at + BATCH]))
        found = tokenizer(comments, replies, truncation="longest_first", max_length=MAX_TOKENS, padding=True,
                          return_token_type_ids=True, return_tensors="np")
        out.append([found[k].astype("i8") for k in ("input_ids", "attention_mask", "token_type_ids")])
    return out


def of_peer(peer, what, model, dtype):
    return globals()[f"{peer}_{what}"](model, dtype)


def measure_llama(work, dtype):
    model, prompts, candidates = GENERATE[work]
    command = [LLAMA, "-m", MODELS / model / f"{dtype}.gguf", "-c", "2048", "-b", "2048", "-ub", "512",
               "-npp", ",".join([str(PROMPT)] * prompts), "-ntg", str(LENGTH), "-npl", str(candidates), "-pps",
               "-t", str(threads()), "-tb", str(threads()), "--output-format", "jsonl"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if len(lines) != prompts:
        raise SystemExit(f"llama-batched-bench gave {len(lines)} results, not {prompts}")
    return {"seconds": sum(line["t_pp"] + line["t_tg"] for line in lines), "done": prompts * candidates * LENGTH}


def measure_generate(work, peer, dtype):
    model, count, candidates = GENERATE[work]
    generate, prompts = of_peer(peer, "generate", model, dtype), prompts_of(count + 1)
    generate(prompts[:1], candidates)
    started = time.perf_counter()
    generate(prompts[1:], candidates)
    return {"seconds": time.perf_counter() - started, "done": count * candidates * LENGTH}


def measure_score(work, peer, dtype):
    model = SCORE[work]
    score, work = of_peer(peer, "score", model, dtype), batches(model)
    for batch in work:
        score(*batch)
    started = time.perf_counter()
    for batch in work:
        score(*batch)
    return {"seconds": time.perf_counter() - started, "done": sum(len(ids) for ids, _, _ in work)}


def measure_pipeline(peer, dtype):
    import numpy

    generate = of_peer(peer, "generate", "gpt2", dtype)
    judges = [of_peer(peer, "score", "bert-base", dtype) for _ in range(2)]
    comments = prompts_of(2)

    def answer(comment):
        started = time.perf_counter()
        replies, first = generate(comment, 10)
        ids = numpy.array([comment[0].tolist() + reply for reply in replies]) % 30522
        types = numpy.repeat([[0] * PROMPT + [1] * LENGTH], len(ids), 0)
        real, votes = (judge(ids, numpy.ones_like(ids), types) for judge in judges)
        max(range(len(ids)), key=lambda i: (votes[i][-1], real[i][-1]))
        return time.perf_counter() - started, first and 1e3 * (first - started)

    answer(comments[:1])
    seconds, first = answer(comments[1:])
    if first is None:  # the peer says nothing before the end: the time of one token by itself
        started = time.perf_counter()
        generate(comments[1:], 10, length=1)
        first = 1e3 * (time.perf_counter() - started)
    return {"seconds": seconds, "done": 1, "first_token_ms": first}


def measure(work, peer, dtype):
    """One measurement of a peer, printed as a line of JSON."""
    if peer == "transformers":
        import torch

        torch.set_num_threads(threads())
    if peer == "llama.cpp":
        line = measure_llama(work, dtype)
    else:
        kind = kind_of(work)
        line = measure_pipeline(peer, dtype) if kind == "pipeline" else globals()[f"measure_{kind}"](work, peer, dtype)
    of = resource.RUSAGE_CHILDREN if peer == "llama.cpp" else resource.RUSAGE_SELF
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps(line | {"peak_rss_gb": resource.getrusage(of).ru_maxrss * unit / 1e9}))


if __name__ == "__main__":
    {"prepare": prepare, "measure": measure}[sys.argv[1]](*sys.argv[2:])
