// The three edges between the four upvote bins.

import { whole } from "./filter";

export type Edges = [number, number, number];

export function edgesFrom(fields: string[]): { edges: Edges | null; wrong: number[]; error: string } {
  const numbers = fields.map(whole);
  const wrong = numbers.flatMap((n, i) => (n === null || n === undefined ? [i] : []));
  if (wrong.length > 0) return { edges: null, wrong, error: "A whole number." };
  const [a, b, c] = numbers as number[] as Edges;
  if (a >= b) return { edges: null, wrong: [1], error: "Must be above the first." };
  if (b >= c) return { edges: null, wrong: [2], error: "Must be above the second." };
  return { edges: [a, b, c], wrong: [], error: "" };
}

/** What the bins are called. */
export function binNames(edges: Edges | null): string[] {
  if (!edges) return ["lowest", "low", "high", "highest"];
  const [a, b, c] = edges;
  const between = (from: number, to: number) => (to - from === 1 ? `${from}` : `${from} to ${to - 1}`);
  return [`below ${a}`, between(a, b), between(b, c), `${c} and up`];
}
