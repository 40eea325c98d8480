// The three edges between the four score bins.

import { whole } from "./filter";

export type Edges = [number, number, number];

export function edgesFrom(fields: string[]): { edges: Edges | null; invalid: number[]; error: string } {
  const numbers = fields.map(whole);
  const invalid = numbers.flatMap((n, i) => (n === null || n === undefined ? [i] : []));
  if (invalid.length > 0) return { edges: null, invalid, error: "Must be a whole number." };
  const [a, b, c] = numbers as number[] as Edges;
  if (a >= b) return { edges: null, invalid: [1], error: "Must be above the first." };
  if (b >= c) return { edges: null, invalid: [2], error: "Must be above the second." };
  return { edges: [a, b, c], invalid: [], error: "" };
}

/** "below 1", "1 to 5", "6 to 10", "11 and up". */
export function binNames(edges: Edges | null): string[] {
  if (!edges) return ["lowest", "low", "high", "highest"];
  const [a, b, c] = edges;
  const between = (from: number, to: number) => (to - from === 1 ? `${from}` : `${from} to ${to - 1}`);
  return [`below ${a}`, between(a, b), between(b, c), `${c} and up`];
}
