#!/usr/bin/env bash
# Runs a job array of `repartee` on a private Slurm of one node: four trainings, of which one fails, one is canceled, and
# one is told to save its checkpoint in the middle, as before its time limit, and is queued again. The weights of those
# that end are compared with uncut trainings on this machine. Needs Debian's packages slurm-wlm and munge; uses nothing
# of a Slurm that is set up here, and stops what it has started.
#
#   tests/slurm.sh PROGRAM PROJECT    PROJECT has a split "main" and one GPT-2 base; the trainings are added to it
set -euo pipefail
program=$(realpath "$1") project=$(realpath "$2")
place=$(mktemp -d)
node=$(hostname -s)
user=$(id -un)
export PATH="/usr/sbin:$PATH" SLURM_CONF=$place/slurm.conf
unset REPARTEE_PROJECT
export RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1

daemons=()
stop() {
  status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 30 "$place"/*.log "$place"/jobs/*/log-* 2>/dev/null || true
  fi
  # the last started first
  for ((n = ${#daemons[@]} - 1; n >= 0; n--)); do
    kill "${daemons[n]}" 2>/dev/null || true
    wait "${daemons[n]}" 2>/dev/null || true
  done
  rm -rf -- "$place"
  exit "$status"
}
trap stop EXIT
fail() {
  echo "slurm.sh: $*" >&2
  exit 1
}
# Waits until a command succeeds, at most so many seconds.
within() {
  local seconds=$1
  shift
  for ((n = 0; n < seconds * 5; n++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  fail "after $seconds seconds: $*"
}

# Ports that are free now.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

mkdir -m 700 "$place/munge" "$place/state" "$place/spool"
dd if=/dev/urandom of="$place/munge/key" bs=128 count=1 status=none
chmod 600 "$place/munge/key"
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket,cred_expire=10
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
KillWait=10
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=test Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
echo CgroupPlugin=autodetect >"$place/cgroup.conf"

munged --foreground --force --socket="$place/munge/socket" --key-file="$place/munge/key" \
  --pid-file="$place/munge/pid" --log-file="$place/munge.log" --seed-file="$place/munge/seed" &
daemons+=($!)
within 10 test -S "$place/munge/socket"
slurmctld -D >"$place/slurmctld.out.log" 2>&1 &
daemons+=($!)
within 30 scontrol ping
slurmd -D >"$place/slurmd.out.log" 2>&1 &
daemons+=($!)
is_idle() { [ "$(sinfo --noheader --format=%T)" = idle ]; }
within 60 is_idle

run() { "$program" --project "$project" "$@"; }
run cluster add here --folder "$place/jobs" --cpus 1 --time 10 --repartee "$program"
run cluster test here

cat >"$place/run.toml" <<TOML
kind = "generator"
steps = 200
batch_size = 16
learning_rate = 1e-3
weight_decay = 1.0
max_tokens = 64
validate_every = 20
validate_limit = 20
save_every = 20
patience = 0
samples = 0
seed = 5
device = "cpu"
TOML
answer=$(run train sweep generator --config "$place/run.toml" --name array \
  --grid learning_rate=1e-3,2e-3,3e-3,10 --on here --json | tail -n 1)
value() { printf %s "$answer" | python3 -c "import json, sys; print(json.load(sys.stdin)['result']$1)"; }
bundle=$(value "['bundle']['id']") job=$(value "['place']['slurm']")
log() { cat "$place/jobs/$bundle/log-$1.txt"; }
has() { log "$1" | grep -q "$2"; }

within 120 has 1 'validation loss'
scancel --batch --signal=USR1 "${job}_1"
within 120 has 2 'validation loss'
run cluster cancel "$bundle" --task 2
within 120 has 1 'paused'
is_over() { [ -z "$(squeue --noheader --jobs="$job" 2>/dev/null)" ]; }
within 300 is_over
run cluster fetch

has 1 'resuming after step' || fail "task 1 was not queued again"
state() { run run list --json | tail -n 1 | python3 -c "
import json, sys
print(*[run['state'] for run in json.load(sys.stdin)['result'] if run['name'] == '$1'])"; }
[ "$(state array-1)" = done ] || fail "task 1 is $(state array-1)"
[ "$(state array-3)" = done ] || fail "task 3 is $(state array-3)"
[ "$(state array-2)" != done ] || fail "task 2 was not canceled in time"
[ "$(state array-4)" != done ] || fail "task 4 did not fail"
has 4 'repartee: ' || fail "task 4 did not say why it failed"
for trial in 1:1e-3 3:3e-3; do
  n=${trial%%:*}
  run train generator --config "$place/run.toml" --name "uncut-$n" --learning-rate "${trial#*:}" --quiet
  moved=$(run run hash "array-$n") uncut=$(run run hash "uncut-$n")
  [ "$moved" = "$uncut" ] || fail "the weights of task $n differ from the uncut run:
$moved
$uncut"
  echo "task $n has the weights of the uncut run:"
  echo "$moved"
done
run bundle delete "$bundle" --yes
[ ! -e "$place/jobs/$bundle" ] || fail "the bundle is still there"
echo "all of it holds"
