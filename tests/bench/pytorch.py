"""The peer of `repartee bench`: the same work in PyTorch and transformers, on random weights.

A measurement, not a test. It needs torch and transformers, which the project itself does not:

    python tests/bench/pytorch.py train    --model gpt2      --batch 4  --length 256 --steps 5
    python tests/bench/pytorch.py generate --model gpt2      --batch 10 --length 64  --prompt 64 --steps 3
    python tests/bench/pytorch.py score    --model bert-base --batch 16 --length 128 --steps 5

Settings are those of `repartee bench`, and so is the line of JSON it prints. A training step is forward
with dropout, backward, clipping and AdamW, all in float32. With --device cuda or mps a step ends when the
device has done its work; float32 products stay float32 (torch's default), not TF32.
"""

import argparse
import json
import resource
import sys
import time

import torch
import transformers


DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def config_of(name):
    sizes = {"gpt2": (768, 12, 12), "gpt2-medium": (1024, 24, 16), "gpt2-large": (1280, 36, 20)}
    if name in sizes:
        n_embd, n_layer, n_head = sizes[name]
        return transformers.GPT2Config(n_embd=n_embd, n_layer=n_layer, n_head=n_head)
    if name == "bert-base":
        return transformers.BertConfig()
    return transformers.AutoConfig.from_pretrained(name)


def train_step(config, args):
    """A closure that takes one optimizer step."""
    is_gpt2 = config.model_type == "gpt2"
    kind = transformers.GPT2LMHeadModel if is_gpt2 else transformers.BertForSequenceClassification
    model = kind(config).train().to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01, fused=args.fused)

    def step():
        ids = torch.randint(config.vocab_size, (args.batch, args.length), device=args.device)
        labels = ids if is_gpt2 else torch.arange(args.batch, device=args.device) % 2
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def generate_step(config, args):
    """A closure that writes `length` tokens after each of `batch` prompts."""
    model = transformers.GPT2LMHeadModel(config).eval().to(args.device, DTYPES[args.dtype])

    @torch.inference_mode()
    def step():
        ids = torch.randint(config.vocab_size, (args.batch, args.prompt), device=args.device)
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=40,
            min_new_tokens=args.length,
            max_new_tokens=args.length,
            pad_token_id=0,
        )
        assert out.shape[1] == args.prompt + args.length

    return step


def score_step(config, args):
    """A closure that scores one batch of pairs."""
    model = transformers.BertForSequenceClassification(config).eval().to(args.device, DTYPES[args.dtype])

    @torch.inference_mode()
    def step():
        ids = torch.randint(config.vocab_size, (args.batch, args.length), device=args.device)
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.softmax(-1).tolist()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["train", "generate", "score"])
    parser.add_argument("--model", default="gpt2", help="gpt2, gpt2-medium, gpt2-large, bert-base or a folder")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5, help="measured, after one that is not")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's choice")
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="of the weights; training is in f32")
    parser.add_argument("--fused", action="store_true", help="torch's fused AdamW")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.what == "train" and args.dtype != "f32":
        parser.error("training is measured in f32")
    transformers.utils.logging.set_verbosity_error()
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(args.device, lambda: None)

    make = {"train": train_step, "generate": generate_step, "score": score_step}[args.what]
    step = make(config_of(args.model), args)
    step()
    wait()
    seconds = []
    for _ in range(args.steps):
        started = time.perf_counter()
        step()
        wait()
        seconds.append(time.perf_counter() - started)

    rows = args.steps * args.batch
    rate = (rows if args.what == "score" else rows * args.length) / sum(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
    print(json.dumps({
        **vars(args),
        "pairs_per_s" if args.what == "score" else "tokens_per_s": rate,
        "seconds": seconds,
        "peak_rss_gb": peak * (1 if sys.platform == "darwin" else 1024) / 1e9,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }))


if __name__ == "__main__":
    main()
