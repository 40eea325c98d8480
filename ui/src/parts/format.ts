// Formats of numbers, times and names.

import type { JobInfo, ModelKind, Partition, RunConfig } from "../host";
import { fakesNamed } from "./names";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1,234,567. */
export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? "–" : whole.format(n).replace("-", "−");
}

/** "1 pair", "4,930 pairs". */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** 1.03 M, 124 M, 8.2 k. */
export function short(n: number): string {
  const steps: [number, string][] = [
    [1e9, "\u00a0G"],
    [1e6, "\u00a0M"],
    [1e4, "\u00a0k"],
  ];
  for (const [step, unit] of steps) {
    if (Math.abs(n) >= step) {
      const value = n / (step === 1e4 ? 1e3 : step);
      return `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}${unit}`;
    }
  }
  return count(n);
}

export function bytes(n: number): string {
  if (n < 1000) return `${n}\u00a0B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = n;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)}\u00a0${units[unit]}`;
}

/** A dash for missing values. */
export function figure(n: number | null | undefined, digits = 3): string {
  return n === null || n === undefined || !Number.isFinite(n) ? "–" : n.toFixed(digits);
}

/** 73.9%. */
export function percent(n: number | null | undefined, digits = 1): string {
  return n === null || n === undefined || !Number.isFinite(n) ? "–" : `${(100 * n).toFixed(digits)}%`;
}

/** 9:58, 1:02:03. */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** 4 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}\u00a0s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60)
    return s % 60 && minutes < 10 ? `${minutes}\u00a0min ${s % 60}\u00a0s` : `${minutes}\u00a0min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${hours}\u00a0h`;
  return `${Math.round(hours / 24)} days`;
}

/** "just now", "5 min ago", "Nov 3, 2026". */
export function ago(ms: number, now: number = Date.now()): string {
  const s = (now - ms) / 1000;
  if (s < 45) return "just now";
  if (s < 3600) return `${Math.max(1, Math.round(s / 60))} min ago`;
  if (s < 86_400) return `${Math.round(s / 3600)} h ago`;
  if (s < 7 * 86_400) return `${counted(Math.round(s / 86_400), "day")} ago`;
  return day(ms);
}

export function day(ms: number): string {
  return new Date(ms).toLocaleDateString("en-US", { day: "numeric", month: "short", year: "numeric" });
}

/** Nov 25, 2026, 14:03. */
export function moment(ms: number): string {
  const time = new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return `${day(ms)}, ${time}`;
}

/** 14:03; with its day, if that is not today. */
export function since(ms: number, now: number = Date.now()): string {
  const isToday = new Date(ms).toDateString() === new Date(now).toDateString();
  return isToday
    ? new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : moment(ms);
}

/** 14:03:21. */
export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}

/** Everything but the last part. */
export function folderOf(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at > 0 ? path.slice(0, at) : path;
}

/** "learning_rate" becomes "Learning rate". */
export function label(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const KIND_WORDS: Record<ModelKind, { name: string; what: string; base: string }> = {
  generator: { name: "Generator", what: "GPT-2: generates replies to comments", base: "gpt2" },
  realism: { name: "Realism", what: "BERT: real vs. generated", base: "bert" },
  upvotes: {
    name: "Upvotes",
    what: "BERT: predicts one of four score bins",
    base: "bert",
  },
};

/** The sets of a split, in their order. */
export const PARTITION_WORDS: Record<Partition, string> = {
  train: "Training",
  val: "Validation",
  test: "Test",
};

/** The settings of a training job. */
function configOf(job: Pick<JobInfo, "kind" | "params">): Partial<RunConfig> {
  return (job.kind === "train" && (job.params as { config?: RunConfig } | null)?.config) || {};
}

/** The name of the run of a training job, if its config sets one. */
export function runOf(job: Pick<JobInfo, "kind" | "params">): string | null {
  return configOf(job).name || null;
}

/** "Train writer", "Import comments.zst". */
export function jobTitle(job: Pick<JobInfo, "kind" | "params">): string {
  const params = (job.params ?? {}) as Record<string, unknown>;
  const text = (key: string) => (typeof params[key] === "string" ? (params[key] as string) : "");
  switch (job.kind) {
    case "import": {
      const files = Array.isArray(params.files) ? (params.files as string[]) : [];
      const [file] = files;
      return files.length === 1 && file
        ? `Import ${fileName(file)}`
        : `Import ${counted(files.length, "file")}`;
    }
    case "pairs":
      return "Build pairs";
    case "split":
      return `Create split ${text("name")}`.trim();
    case "audit":
      return `Audit split ${text("name")}`.trim();
    case "base-add":
      return `Add base ${text("name")}`.trim();
    case "base-new":
      return `Initialize base ${text("name")}`.trim();
    case "train":
      return `Train ${runOf(job) ?? configOf(job).kind ?? "a model"}`;
    case "train-again":
      return `Retrain ${text("run")} without deleted content`;
    case "rerun":
      return `Rerun ${text("run")}`.trim();
    case "sweep": {
      const config = (params.config ?? {}) as Partial<RunConfig>;
      return `Sweep ${config.name || config.kind || ""}`.trim();
    }
    case "fakes":
      return `Generate ${fakesNamed(text("name"))}`;
    case "evaluate":
      return `Evaluate ${text("run")}`.trim();
    case "quality":
      return `Measure quality of ${Array.isArray(params.runs) ? (params.runs as string[]).join(", ") : "runs"}`;
    case "decoding":
      return `Measure ${text("run")} by decoding settings`;
    case "shortcuts":
      return `Audit evaluation ${typeof params.evaluation === "number" ? params.evaluation : ""}`.trim();
    case "generate":
      return "Generate candidates";
    case "demo":
      return "Run sample pipeline";
    case "login":
      return text("account") ? `Log in u/${text("account")}` : "Log in to Reddit";
    case "fetch":
      return "Fetch threads";
    case "draft":
      return "Draft replies";
    case "post": {
      const [reply] = Array.isArray(params.replies) ? (params.replies as number[]) : [];
      const which = reply === undefined ? "approved replies" : `reply ${reply}`;
      return params.live === false ? `Check ${which} (dry run)` : `Post ${which}`;
    }
    case "sandbox":
      return "Reddit sandbox";
    case "reconcile":
      return "Check unconfirmed deliveries";
    case "sync":
      return `Sync deletions${params.imported === true ? ", including imported texts" : ""}`;
    case "outcomes":
      return "Fetch outcomes";
    default:
      return label(job.kind.replaceAll("-", " "));
  }
}
