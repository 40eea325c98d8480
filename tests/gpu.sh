#!/usr/bin/env bash
# Checks what must hold on a machine with an NVIDIA GPU: the build with CUDA; logits, gradients and 20 losses against
# PyTorch's; a run that is killed and resumed; the demo; and speed beside PyTorch on the same GPU. It needs no network.
# Prints a line for each check and a summary, and fails if a check does. The outputs are in target/gpu.
#
#   tests/gpu.sh             all checks
#   tests/gpu.sh NAME...     only these: build logits gradients losses greedy resume demo speed
#
# The machine needs a CUDA toolkit with nvcc on the PATH, a Rust toolchain and Python. What else is needed comes from two
# folders, made where there is network:
#
#   cargo vendor --locked vendor > vendor.toml
#   pip download --dest wheels torch transformers        # with the Python version and platform of the machine
#
# VENDOR, WHEELS     where those are, if elsewhere [default: vendor, wheels]; vendor.toml is next to the folder
# CUDA_COMPUTE_CAP   compute capability to compile for, without the dot [default: that of the GPU]
#
# Without vendor.toml crates come from cargo's cache. Without wheels the comparison uses the torch that Python has.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export PATH="$HOME/.cargo/bin:$PATH"

vendor=${VENDOR:-vendor}
wheels=${WHEELS:-wheels}
out=$PWD/target/gpu
repartee=$PWD/target/release/repartee
all=(build logits gradients losses greedy resume demo speed)
[ $# -gt 0 ] || set -- "${all[@]}"
for name in "$@"; do
  [[ " ${all[*]} " == *" $name "* ]] || {
    echo "there is no check '$name'; the checks are: ${all[*]}" >&2
    exit 2
  }
done

for tool in nvcc nvidia-smi cargo python3; do
  command -v "$tool" >/dev/null || {
    echo "$tool is not on the PATH; this needs an NVIDIA GPU, the CUDA toolkit, Rust and Python" >&2
    exit 2
  }
done
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
if [ -z "$gpu" ]; then
  echo "nvidia-smi finds no GPU" >&2
  exit 2
fi
mkdir -p "$out"
echo "GPU: $gpu; $(nvcc --version | tail -1); outputs in target/gpu"

# cudarc 0.19.10 knows CUDA up to 13.4 and refuses a newer nvcc; it needs nothing newer than 13.0.
release=$(nvcc --version | sed -n 's/.*release \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
read -r major minor <<<"${release:-0 0}"
if [ "$major" -gt 13 ] || { [ "$major" -eq 13 ] && [ "$minor" -gt 4 ]; }; then
  export CUDARC_CUDA_VERSION="${CUDARC_CUDA_VERSION:-13000}"
fi

offline=(--release --locked --offline)
if [ -f "$vendor.toml" ]; then
  [ -d "$vendor" ] || {
    echo "$vendor.toml is there, but the folder $vendor is not" >&2
    exit 2
  }
  # vendor.toml names the folder by the place where it was made
  offline+=(--config "$vendor.toml" --config "source.vendored-sources.directory='$(cd "$vendor" && pwd)'")
fi

failed=()
passed=0

# check NAME FUNCTION...: runs it with its output in target/gpu/NAME.log. A function prints what is worth reading in its
# last line.
check() {
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$out/$name.log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %-10s %4d s  %s\n' "$name" $((SECONDS - started)) "$(tail -1 "$out/$name.log")"
  else
    failed+=("$name")
    printf 'FAILED  %-10s %4d s  see target/gpu/%s.log, which ends with:\n' "$name" $((SECONDS - started)) "$name"
    tail -15 "$out/$name.log" | sed 's/^/        /'
  fi
}

build() {
  cargo build "${offline[@]}" -p repartee-cli --features cuda || return 1
  # `auto` must be the GPU: it falls back to the CPU without failing
  local found
  found=$("$repartee" doctor --json | python3 -c '
import json, sys
findings = json.loads(sys.stdin.readline())
findings = findings.get("result", findings)["findings"]
print(next(finding["text"] for finding in findings if finding["what"] == "device"))
') || return 1
  echo "$found"
  [ "$found" = "auto is cuda" ]
}

# rust FILE FILTER: the tests of a file whose names contain the filter, on the GPU. No test is a failure.
rust() {
  local file=$1 filter=$2 log
  log=$(mktemp)
  REPARTEE_DEVICE=cuda cargo test "${offline[@]}" -p repartee-tests --features repartee-models/cuda --test "$file" \
    -- --nocapture --test-threads 1 "$filter" 2>&1 | tee "$log"
  local status=${PIPESTATUS[0]}
  grep -E 'largest relative difference' "$log"
  grep -E '^test result: ok\. [1-9][0-9]* passed' "$log" | tail -1
  local ran=$?
  rm -f "$log"
  [ "$status" -eq 0 ] && [ "$ran" -eq 0 ]
}

demo() {
  local folder=$out/demo
  rm -rf "$folder"
  "$repartee" demo "$folder" --device cuda || return 1
  local project=$folder/demo.repartee
  "$repartee" --project "$project" check || return 1
  # a pipeline that fell back to the CPU would pass, too
  local devices
  devices=$("$repartee" --project "$project" run list --json | grep -o '"device":"[a-z]*"' | sort | uniq -c)
  echo "$devices"
  [[ $devices == *'"device":"cuda"'* && $devices != *'"device":"cpu"'* ]]
}

# The Python of a virtual environment with torch and transformers from the wheels, or the one that has them.
python_with_torch() {
  if [ -d "$wheels" ]; then
    if [ ! -x "$out/python/bin/python" ]; then
      python3 -m venv "$out/python" &&
        "$out/python/bin/python" -m pip install --quiet --no-index --find-links "$wheels" torch transformers >&2 || return 1
    fi
    echo "$out/python/bin/python"
  else
    echo python3
  fi
}

# rate FIELD: a number of the line of JSON on standard input.
rate() { python3 -c 'import json, sys; print(round(json.loads(sys.stdin.read().splitlines()[-1])[sys.argv[1]], 1))' "$1"; }

# The same work in both, in turn: the median of three. The bf16 lines are of inference only: models train in f32.
speed() {
  local python summary=""
  python=$(python_with_torch) || return 1
  "$python" -c 'import torch, transformers; assert torch.cuda.is_available(), "torch finds no GPU"' || return 1
  local line what dtype field arguments
  while read -r what dtype arguments; do
    field=tokens_per_s
    [ "$what" = score ] && field=pairs_per_s
    local ours=() theirs=() n
    for n in 1 2 3; do
      # shellcheck disable=SC2086 # the arguments are words
      line=$("$repartee" bench "$what" $arguments --dtype "$dtype" --device cuda --json </dev/null) || return 1
      [[ $line == *'"ran_on":"cuda"'* ]] || { echo "$what did not run on the GPU: $line"; return 1; }
      echo "$line"
      ours+=("$(rate "$field" <<<"$line")")
      # shellcheck disable=SC2086
      line=$("$python" tests/bench/pytorch.py "$what" $arguments --dtype "$dtype" --device cuda </dev/null) || return 1
      echo "$line"
      theirs+=("$(rate "$field" <<<"$line")")
    done
    local our their
    our=$(printf '%s\n' "${ours[@]}" | sort -n | sed -n 2p)
    their=$(printf '%s\n' "${theirs[@]}" | sort -n | sed -n 2p)
    echo "$what $dtype ($arguments): $our $field, PyTorch $their"
    summary+="$what $dtype $our, PyTorch $their $field; "
  done <<'WORK'
train f32 --model gpt2 --batch 4 --length 256 --steps 10
train f32 --model gpt2 --batch 32 --length 256 --steps 10
train f32 --model bert-base --batch 16 --length 128 --steps 10
generate f32 --model gpt2 --batch 10 --prompt 64 --length 64 --steps 3
generate bf16 --model gpt2 --batch 10 --prompt 64 --length 64 --steps 3
score f32 --model bert-base --batch 16 --length 128 --steps 10
score bf16 --model bert-base --batch 16 --length 128 --steps 10
WORK
  echo "${summary%; }"
}

for name in "$@"; do
  case $name in
    build) check build build ;;
    logits) check logits rust parity hidden_states_and_logits ;;
    gradients) check gradients rust parity loss_and_gradients ;;
    losses) check losses rust parity training ;;
    greedy) check greedy rust parity greedy ;;
    resume) check resume rust resume resume_after_sigkill ;;
    demo) check demo demo ;;
    speed) check speed speed ;;
  esac
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "$passed of $# checks passed; failed: ${failed[*]}"
  exit 1
fi
echo "all $# checks passed on $gpu"
