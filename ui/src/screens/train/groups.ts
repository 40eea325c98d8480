// The settings of a run in groups: essentials first, the rest folded. A setting that is not named here
// (a newer engine's) stands in the last group, so none is ever hidden.

import type { Field, RunConfig, RunKind } from "../../host";
import { label } from "../../parts/format";

/** A run config as a form sees it: fields by their names. */
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
    name: "Validation and saving",
    fields: ["validate_every", "validate_limit", "patience", "samples", "save_every"],
  },
  { name: "Machine", fields: ["seed", "device"] },
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
export function parse(field: Field, typed: string): { value: string | number; error: string | null } {
  if (field.type !== "integer" && field.type !== "number") return { value: typed, error: null };
  const n = Number(typed);
  const isNumber = typed.trim() !== "" && Number.isFinite(n);
  const isRight =
    isNumber &&
    (field.type === "number" || Number.isInteger(n)) &&
    (field.least === null || n >= field.least) &&
    (field.most === null || n <= field.most);
  return isRight ? { value: n, error: null } : { value: typed, error: takes(field) };
}

/** "A whole number, 1 or more." */
function takes(field: Field): string {
  const what = field.type === "integer" ? "A whole number" : "A number";
  if (field.least !== null && field.most !== null) return `${what} from ${field.least} to ${field.most}.`;
  if (field.least !== null) return `${what}, ${field.least} or more.`;
  if (field.most !== null) return `${what}, ${field.most} or less.`;
  return field.type === "integer" ? `${what}.` : `${what}, such as 0.1 or 5e-5.`;
}

/** A setting as it is typed: small numbers in powers of ten. */
export function shown(value: string | number | undefined): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) {
    return value.toExponential().replace("e+", "e");
  }
  return String(value ?? "");
}
