// The form of a run's settings. What is known of a setting comes from the engine, where it is declared.

import type { Field, ModelKind, RunConfig } from "../../host";

/** A run config by field name. */
export type Values = Record<string, string | number>;

export const valuesOf = (config: RunConfig): Values => ({ ...config });
export const configOf = (values: Values): RunConfig => values as unknown as RunConfig;

export interface Group {
  name: string;
  folded: boolean;
  fields: Field[];
}

/** The groups of the settings of a kind of run, in the engine's order. */
export function groups(fields: Field[], kind: ModelKind): Group[] {
  const made = new Map<string, Group>();
  for (const field of fields.filter((one) => one.kinds.includes(kind))) {
    const group = made.get(field.group) ?? { name: field.group, folded: !field.essential, fields: [] };
    group.fields.push(field);
    made.set(field.group, group);
  }
  return [...made.values()];
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
