// The settings of a run in groups: essentials first, the rest folded. A setting that is not named here
// (a newer engine's) stands in the last group, so none is ever hidden.

import type { RunConfig, RunField, RunKind } from "../../host";
import { label } from "../../parts/format";

export interface Group {
  name: string;
  folded: boolean;
  fields: RunField[];
}

const GROUPS: { name: string; folded: boolean; fields: string[] }[] = [
  {
    name: "Essentials",
    folded: false,
    fields: ["name", "base", "split", "fakes", "epochs", "steps", "batch_size", "learning_rate"],
  },
  { name: "Examples", folded: true, fields: ["limit", "max_tokens", "loss", "real_share", "class_weights"] },
  {
    name: "Optimizer",
    folded: true,
    fields: ["accumulate", "warmup", "decay", "weight_decay", "clip_norm", "dropout"],
  },
  {
    name: "Validation and saving",
    folded: true,
    fields: ["validate_every", "validate_limit", "patience", "samples", "save_every"],
  },
  { name: "Machine", folded: true, fields: ["seed", "device"] },
];

export function groups(fields: RunField[], kind: RunKind): Group[] {
  const mine = fields.filter((field) => field.name !== "kind" && field.kinds.includes(kind));
  const placed = new Set(GROUPS.flatMap((group) => group.fields));
  const some = GROUPS.map((group) => ({
    name: group.name,
    folded: group.folded,
    fields: group.fields.flatMap((name) => mine.filter((field) => field.name === name)),
  }));
  const rest = mine.filter((field) => !placed.has(field.name));
  if (rest.length > 0) some.push({ name: "More", folded: true, fields: rest });
  return some.filter((group) => group.fields.length > 0);
}

const LABELS: Record<string, string> = {
  clip_norm: "Longest gradient",
  limit: "Examples, at most",
  max_tokens: "Longest example",
  accumulate: "Batches a step",
  validate_every: "Validate every",
  validate_limit: "Validation examples",
  save_every: "Save every",
  samples: "Samples at each validation",
  decay: "Fall of the learning rate",
  loss: "Loss counts",
};

export function fieldLabel(name: string): string {
  return LABELS[name] ?? label(name);
}

/** The help without the kind it is for, which the form is for anyway. */
export function fieldHelp(help: string): string {
  const plain = help.replace(/^(Generator|Realism|Upvotes|Classifiers): /, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** What is typed, as the setting takes it; `error` says what it takes. */
export function parse(field: RunField, typed: string): { value: string | number; error: string | null } {
  if (field.type === "whole") {
    const ok = /^\d+$/.test(typed.trim());
    return { value: ok ? Number(typed) : typed, error: ok ? null : "A whole number, 0 or more." };
  }
  if (field.type === "number") {
    const n = Number(typed);
    const ok = typed.trim() !== "" && Number.isFinite(n);
    return { value: ok ? n : typed, error: ok ? null : "A number, such as 0.1 or 5e-5." };
  }
  return { value: typed, error: null };
}

/** A setting as it is typed: small numbers in powers of ten. */
export function shown(value: RunConfig[string] | undefined): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential().replace("e+", "e");
  }
  return String(value ?? "");
}
