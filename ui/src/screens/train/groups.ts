// Groups of run settings: essentials first, the others collapsed. Unlisted settings go to the last group, so
// that none is hidden.

import type { Field, RunConfig, RunKind } from "../../host";
import { label } from "../../parts/format";

/** A run config by field name. */
export type Values = Record<string, string | number>;

export const valuesOf = (config: RunConfig): Values => ({ ...config });
export const configOf = (values: Values): RunConfig => values as unknown as RunConfig;

export interface Group {
  name: string;
  folded: boolean;
  fields: Field[];
}

const GROUPS: { name: string; fields: string[] }[] = [
  { name: "Examples", fields: ["limit", "max_tokens", "loss", "real_share", "class_weights"] },
  { name: "Optimizer", fields: ["accumulate", "warmup", "decay", "weight_decay", "clip_norm", "dropout"] },
  {
    name: "Validation & checkpoints",
    fields: ["validate_every", "validate_limit", "patience", "samples", "save_every"],
  },
  { name: "System", fields: ["seed", "device"] },
];

export function groups(fields: Field[], kind: RunKind): Group[] {
  const mine = fields.filter((field) => field.name !== "kind" && field.kinds.includes(kind));
  const rest = mine.filter((field) => !field.essential);
  const named = new Set(GROUPS.flatMap((group) => group.fields));
  return [
    { name: "Essentials", folded: false, fields: mine.filter((field) => field.essential) },
    ...GROUPS.map((group) => ({
      name: group.name,
      folded: true,
      fields: rest.filter((field) => group.fields.includes(field.name)),
    })),
    { name: "More", folded: true, fields: rest.filter((field) => !named.has(field.name)) },
  ].filter((group) => group.fields.length > 0);
}

const LABELS: Record<string, string> = {
  clip_norm: "Gradient clipping (max norm)",
  limit: "Max training examples",
  max_tokens: "Max sequence length",
  accumulate: "Gradient accumulation steps",
  validate_every: "Validate every",
  validate_limit: "Validation examples",
  save_every: "Checkpoint every",
  samples: "Samples per validation",
  decay: "LR scheduler",
  loss: "Loss on",
};

export function fieldLabel(name: string): string {
  return LABELS[name] ?? label(name);
}

/** Removes the model type from the description, since the form is for one type. */
export function fieldHelp(help: string): string {
  const plain = help.replace(/^(Generator|Realism|Upvotes|Classifiers): /, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Parses and validates input for a setting. */
export function parse(field: Field, typed: string): { value: string | number; error: string | null } {
  if (field.type !== "integer" && field.type !== "number") return { value: typed, error: null };
  const n = Number(typed);
  const isNumber = typed.trim() !== "" && Number.isFinite(n);
  const isValid =
    isNumber &&
    (field.type === "number" || Number.isInteger(n)) &&
    (field.least === null || n >= field.least) &&
    (field.most === null || n <= field.most);
  return isValid ? { value: n, error: null } : { value: typed, error: expected(field) };
}

/** "Must be a whole number, at least 1." */
function expected(field: Field): string {
  const what = field.type === "integer" ? "Must be a whole number" : "Must be a number";
  if (field.least !== null && field.most !== null) return `${what} from ${field.least} to ${field.most}.`;
  if (field.least !== null) return `${what}, at least ${field.least}.`;
  if (field.most !== null) return `${what}, at most ${field.most}.`;
  return field.type === "integer" ? `${what}.` : `${what}, for example 0.1 or 5e-5.`;
}

/** A value for the form; small numbers in scientific notation. */
export function shown(value: string | number | undefined): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential().replace("e+", "e");
  }
  return String(value ?? "");
}
